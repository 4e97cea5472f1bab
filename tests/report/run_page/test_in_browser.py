from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tailtune.report.run_page.page import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="skipped for want of a browser: no chromium on the PATH")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="skipped for want of a browser driver: playwright")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture(params=["binary_table", "ten_images", "hundred_classes", "awkward names"])
def report(request: pytest.FixtureRequest, run_folder: Callable[..., Any]) -> Path:
    if request.param != "awkward names":
        return write_report(run_folder(request.getfixturevalue(request.param)()))
    names = ("W" * 300, "<script>fetch('http://example.invalid')</script>", "日本語" * 60, *"abcdefg")

    def lengthen(content: dict[str, Any]) -> None:
        content["systems"][0]["label"] = "tuned (" + "a-very-long-model-name" * 5 + ")"
        content["data"]["source"] = "folder/" * 60
        content["data"]["split_hash"] = "0123456789abcdef" * 8
        content["command"] = "tailtune fit " + "x" * 400
        content["data"]["left_out"] = [{"what": "column " + "c" * 300, "why": "constant"}]

    return write_report(run_folder(request.getfixturevalue("ten_images")(names=names).changed(lengthen)))


def test_the_report_is_quiet_and_nothing_overflows(browser: Any, report: Path) -> None:
    told: list[str] = []
    asked: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    for scheme, ground in (("light", "rgb(250, 249, 247)"), ("dark", "rgb(18, 20, 23)")):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
        for width in (360, 800, 1400):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.scrollingElement.scrollWidth")
            assert wide <= width, f"{wide - width} px too wide at {width}"
            # What does not scroll by itself must not spill out of its card either.
            spilled = page.evaluate(
                "[...document.querySelectorAll('.card:not(.scroll), .panel, .rails, .hero > div')]"
                ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className + ': ' + e.innerText)"
            )
            assert spilled == [], f"at {width}"
    page.close()
    assert told == []
    assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}


def test_text_stands_out_from_its_ground_in_light_and_dark(
    browser: Any, ten_images: Callable[..., Any], run_folder: Callable[..., Any]
) -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    pairs = [(name, ground) for name in ("ink", "muted", "series-0") for ground in ("page", "surface")]
    pairs += [("better", "better-soft"), ("worse", "worse-soft"), ("warn", "warn-soft"), ("muted", "soft")]
    report = write_report(run_folder(ten_images()))
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(report.as_uri())
        style = "getComputedStyle(document.documentElement).getPropertyValue('--{}').trim()"
        for name, ground in pairs:
            light, dark = sorted(
                (luminance(page.evaluate(style.format(each))) for each in (name, ground)), reverse=True
            )
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, name, ground)
        page.close()


def test_print_opens_what_is_folded_and_fits_the_sheet(
    browser: Any, binary_table: Callable[..., Any], run_folder: Callable[..., Any]
) -> None:
    page = browser.new_page(viewport={"width": 690, "height": 976}, color_scheme="dark")
    page.goto(write_report(run_folder(binary_table())).as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 690
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".glossary dd").first.is_visible()
    page.close()
