from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fabricated_studies import EFFECTS, changed, curve, study

from tailtune.evaluation.measures import BY_KEY
from tailtune.report.study_page.page import write_study_page
from tailtune.report.study_page.verdict import headline, judge
from tailtune.report.terminal.study_table import protocol_table
from tailtune.study.results import Row, StudyResult
from tailtune.study.statistics import compare
from tailtune.words import MINUS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SECTIONS = ("verdict", "differences", "figures", "tests", "time", "ranks", "settings", "failed", "repeat")


def text_of(page: str) -> str:
    body = re.sub(r"<(style|svg)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(result: StudyResult) -> Path:
        return write_study_page(tmp_path, result)

    return write


def test_the_page_says_who_is_ahead_first_and_then_everything_in_order(write: Any) -> None:
    datasets = (("digits", 0.01), ("adult", None))
    failure = {"dataset": "adult", "ratio": None, "arm": "m2m", "seed": 3, "error": "no sample was accepted"}
    page = write(study(datasets=datasets, failed=[failure])).read_text()
    places = [page.index(f'id="{section}"') for section in SECTIONS]
    assert places == sorted(places)
    said = text_of(page)
    assert "sama is ahead of erm on both data sets; 1 is behind it on at least one." in said
    assert "m2m adult 3 no sample was accepted" in said
    assert "A seed changes the training: initial weights" in said
    assert "No method was tuned" in said
    assert "split-of-digits" in said
    assert "Holm's adjustment is over the 3 methods compared with erm on balanced accuracy" in said
    assert "The smallest p that Wilcoxon’s signed-rank test can give: 0.00781 for 8 differences" in said
    assert "Only ranks" in said


def test_learning_curves_are_means_over_the_seeds(write: Any) -> None:
    curves = [curve(method, seed) for method in EFFECTS for seed in range(2)]
    page = write(study(curves=curves)).read_text()
    assert "sama ends at 0.705; focal ends at 0.705" in page
    assert page.count('id="curves-g0-digits-at-ratio-0-01-train_loss"') <= 1
    assert "balanced accuracy on validation rows" in page
    assert "only watched" not in page
    unwatched = write(study(curves=[curve("erm", 0, part=None)])).read_text()
    assert "erm ends at 0.700" in unwatched
    assert "-balanced_accuracy-desc" not in unwatched
    assert 'id="curves"' not in write(study()).read_text()


def test_more_methods_than_colours_leave_the_best_curves(write: Any) -> None:
    effects = {"erm": 0.0, **{f"method{i}": i / 100 for i in range(1, 8)}}
    page = write(study(effects, curves=[curve(method, 0) for method in effects])).read_text()
    assert "3 more are in results.json" in page
    described = re.search(r"<desc[^>]*>(erm ends[^<]*)</desc>", page)
    assert described is not None
    assert [words.split()[0] for words in described[1].split("; ")] == [
        "erm",
        "method7",
        "method6",
        "method5",
        "method4",
    ]


def test_verdicts_in_words() -> None:
    def sentence(**settings: Any) -> str:
        statistics = study(**settings).statistics
        return judge(statistics, statistics.groups[0]).sentence.replace("\N{NO-BREAK SPACE}", " ")

    number = r"\d+\.\d"
    assert re.fullmatch(
        rf"On digits at ratio 0\.01, sama is ahead of erm by {number} points of balanced accuracy \(95 % interval "
        rf"{number} to {number}\); 1 cannot be told apart from it and 1 is behind\.",
        sentence(),
    )
    two = {"erm": 0.0, "a": 0.05, "b": 0.06}
    assert "2 of 2 methods are ahead of erm, most of all b, by" in sentence(effects=two)
    assert "none of the 2 methods can be told to be ahead of erm" in sentence(effects={"erm": 0, "a": 0, "b": -0.05})
    single = sentence(effects={"erm": 0.0, "tuned": 0.0})
    assert re.search(r"tuned cannot be told apart from erm: the difference is 0\.0 points of balanced accuracy", single)
    assert "worse is behind erm by" in sentence(effects={"erm": 0.0, "worse": -0.05})
    assert "better is ahead of erm by" in sentence(effects={"erm": 0.0, "better": 0.05})
    one = sentence(seeds=1)
    assert "one seed tells nothing about chance" in one
    assert "sama has the highest balanced accuracy" in one
    assert "only erm finished" in sentence(effects={"erm": 0.0})
    assert "no training of erm finished" in sentence(effects={"sama": 0.0, "focal": 0.0})


def test_few_seeds_are_said_to_show_only_large_differences() -> None:
    statistics = study(seeds=3).statistics
    notes = judge(statistics, statistics.groups[0]).notes
    assert notes == (
        "With 3 seeds a 95 % interval reaches 4.3 standard errors to each side: only large differences can show.",
    )


def test_verdicts_over_several_data_sets() -> None:
    def said(rows: Sequence[Row]) -> tuple[str, str]:
        found = headline(compare(rows))
        return found.overall, found.sentence

    datasets = (("digits", 0.01), ("digits", 0.05), ("adult", None))
    rows = study(datasets=datasets).rows
    assert said(rows) == ("ahead", "sama is ahead of erm on all 3 data sets; 1 is behind it on at least one.")
    erm = {row["seed"]: row["balanced_accuracy"] for row in rows if row["arm"] == "erm" and row["ratio"] is None}
    mixed = [
        row | {"balanced_accuracy": erm[row["seed"]]} if row["arm"] == "sama" and row["ratio"] is None else row
        for row in rows
    ]
    overall, sentence = said(mixed)
    assert overall == "mixed"
    assert "on every one of the 3 data sets; most often ahead is sama, on 2 of 3" in sentence
    level = study({"erm": 0, "focal": 0}, datasets=datasets).rows
    assert said(level) == ("level", "No method can be told to be ahead of erm on any of the 3 data sets.")
    alone = study(seeds=1, datasets=datasets).rows
    assert said(alone)[0] == "alone"
    assert "a test needs two seeds or more" in said(alone)[1]
    assert said([]) == ("alone", "No training finished, so there is nothing to compare.")


def test_the_best_and_what_is_level_with_it_are_bold_unless_that_is_everything(write: Any) -> None:
    page = write(study()).read_text()
    table = page[page.index('id="figures"') : page.index('id="tests"')]
    rows = {unescape(re.search(r'title="([^"]*)"', row)[1]): row for row in table.split("<tr")[2:]}  # type: ignore[index]
    assert list(rows) == ["sama", "focal", "erm", "crt"] or list(rows) == ["sama", "erm", "focal", "crt"]
    best = {name: row.count('n best"') for name, row in rows.items() if 'n best"' in row}
    assert best.pop("crt", 1) == 1  # in log loss, where the made figures favour it
    assert best.keys() == {"sama"}
    assert "Few" not in re.findall(r"<th[^>]*>(\w+)", table)  # no method has a figure there
    level = write(study({"erm": 0.0, "focal": 0.0}, seeds=2)).read_text()
    assert "n best" not in level or "Here nothing stands out" not in level
    single = write(study(seeds=1)).read_text()
    assert 'class="n best"' not in single
    assert "Here nothing stands out." in single


def test_two_classes_show_the_area_of_the_rarer_one_and_not_the_mean_over_both(write: Any) -> None:
    page = write(study(binary=True)).read_text()
    assert len(re.findall('title="AUPRC">AUPRC', page)) == 2  # among the figures and among the differences
    assert "macro AUPRC" not in page


@pytest.mark.parametrize(("metric", "column"), [("kappa", "Kappa"), ("auroc", "AUROC")])
def test_the_metric_of_the_protocol_is_a_column_and_a_family(write: Any, metric: str, column: str) -> None:
    result = study(published=metric)
    term = BY_KEY[metric].term
    page = write(result).read_text()
    figures, tests = page[page.index('id="figures"') : page.index('id="tests"')], page[page.index('id="tests"') :]
    assert f'title="{term}">{column}<' in figures
    assert f"Published results on digits at ratio 0.01 are compared by {term}, a family of its own" in tests
    [table] = re.findall(rf"<caption[^>]*>Paired t test of {term} against erm.*?</table>", tests, flags=re.S)
    entry = result.statistics.groups[0].results["sama"][metric].difference
    assert entry is not None
    assert entry.interval is not None
    low, high = (f"{end:+.3f}".replace("-", MINUS) for end in entry.interval)
    assert f"{low} to {high}" in table
    assert f'title="{term}"' not in tests  # not among the other metrics once more
    parser = Headers()
    parser.feed(page)
    assert parser.faults == []


def test_a_metric_for_certain_classes_is_not_shown_where_no_protocol_names_it(write: Any) -> None:
    page = write(study()).read_text()
    assert "Kappa" not in page
    assert "AUROC" not in page
    assert "Published results" not in page


def test_accuracy_that_is_balanced_accuracy_is_not_tested_twice(write: Any) -> None:
    def name(content: dict[str, Any]) -> None:
        for row in content["rows"]:
            row["headline"] = "accuracy"

    same = changed(study(), name)
    assert "Published results" not in write(same).read_text()
    assert protocol_table(same.statistics) is None
    assert "Published results" in write(study(published="accuracy")).read_text()


def test_figures_are_described_self_contained_and_of_the_pages_colours(write: Any) -> None:
    page = write(study(datasets=(("digits", 0.01), ("adult", None)))).read_text()
    figures = re.findall(r"<svg.*?</svg>", page, flags=re.S)
    assert len(figures) == 3  # two forests and the ranks
    ids: list[str] = []
    for svg in figures:
        root = ET.fromstring(svg)
        assert [child.tag.rpartition("}")[2] for child in root[:2]] == ["title", "desc"]
        assert root.get("aria-labelledby") == root[0].get("id")
        assert root.get("aria-describedby") == root[1].get("id")
        assert "sama" in (root[1].text or "")
        assert re.findall(r"#[0-9a-f]{6}\b", svg) == []
        ids += re.findall(r'\bid="([^"]*)"', svg)
    assert len(ids) == len(set(ids))
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page.replace("http://www.w3.org", "")) == []
    assert "<script" not in page


def test_no_rank_plot_for_one_data_set(write: Any) -> None:
    assert 'id="ranks"' not in write(study()).read_text()


class Headers(HTMLParser):
    """Collects header cells without a scope and tables whose cells do not fill their columns."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.widths: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.widths = []
        if tag == "tr":
            self.widths.append(0)
        if tag in {"td", "th"}:
            self.widths[-1] += int(dict(attrs).get("colspan") or 1)
            if tag == "th" and "scope" not in dict(attrs):
                self.faults.append(f"no scope at {self.getpos()}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and len(set(self.widths)) > 1:
            self.faults.append(f"ragged table before {self.getpos()}: {self.widths}")


@pytest.mark.parametrize("seeds", [1, 2, 5, 8])
def test_tables_are_whole_and_have_scopes(write: Any, seeds: int) -> None:
    parser = Headers()
    parser.feed(write(study(seeds=seeds, datasets=(("digits", 0.01), ("adult", None)))).read_text())
    assert parser.faults == []


def test_the_same_results_give_the_same_bytes_and_names_are_escaped(write: Any) -> None:
    effects = {"erm": 0.0, "<script>alert(1)</script>": 0.03, 'a"b&c': -0.02, "W" * 300: 0.01, "日本語" * 40: 0.0}
    result = study(effects, datasets=(("<b>data</b>", 0.01), ("folder/" * 60, None)))
    first = write(result).read_bytes()
    assert write(result).read_bytes() == first
    page = first.decode()
    assert "<script>" not in page
    assert "<b>data" not in page
    for svg in re.findall(r"<svg.*?</svg>", page, flags=re.S):
        ET.fromstring(svg)


def test_what_the_study_adds_is_shown(write: Any) -> None:
    trials = [{"settings": {}, "score": 0.81, "error": None}, {"settings": {"lr": 0.05}, "score": 0.83, "error": None}]
    search = {"dataset": "digits", "arm": "sama", "score": "balanced_accuracy", "trials": trials, "best": {"lr": 0.05}}
    result = study(
        planned=40,
        shared=[{"data": "digits", "ratio": 0.01, "model": "cifar-resnet20", "epochs": 30}],
        searches=[search, search | {"arm": "focal", "trials": [trials[0] | {"score": None}], "best": {}}],
        asked={"data": ["digits"], "arms": {"erm": {"method": "erm"}}, "vary": "subset", "tune_trials": 2},
    )
    said = text_of(write(result).read_text())
    assert "A seed changes the rows: which are drawn" in said
    assert "arms erm (method erm)" in said
    assert "32 of 40 trainings" in said
    assert "Shared by all methods on digits at ratio 0.01" in said
    assert "cifar-resnet20" in said
    assert "Each method had 2 trials on validation rows" in said
    assert "sama digits 2 of 2 0.83 lr 0.05" in said
    assert "focal digits 0 of 1 – the defaults" in said


def test_a_study_without_a_finished_training_still_has_a_page(write: Any) -> None:
    failure = {"dataset": "digits", "ratio": 0.01, "arm": "erm", "seed": 0, "error": "it was not to be"}
    said = text_of(write(study({}, failed=[failure])).read_text())
    assert "No training finished, so there is nothing to compare." in said
    assert "it was not to be" in said
    lone = text_of(write(study({"erm": 0.0})).read_text())
    assert "only erm finished" in lone
    assert "only" in text_of(write(study({"sama": 0.0, "focal": 0.1}, seeds=2)).read_text())


def test_a_study_of_other_arms_speaks_of_arms(write: Any) -> None:
    result = study(datasets=(("digits", 0.01), ("adult", None)), noun="arm")
    page = write(result).read_text()
    assert result.statistics.ranks is not None
    said = text_of(page.replace("--methods", "")).replace(text_of(escape(result.statistics.ranks.note)), "")
    assert "methods" not in said.lower()
    assert "An arm changes only the settings that it names." in said
    assert "adjustment for the number of arms" in page
    own = write(replace(result, asked={"routine": "own"})).read_text()
    assert "Each arm is trained by its own routine" in own


# ---- in a browser ----


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("skipped for want of a browser: no chromium on the PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="skipped for want of a browser driver: playwright")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.mark.parametrize("size", ["two methods, one seed", "many", "long names"])
def test_the_page_is_quiet_and_nothing_overflows(browser: Any, write: Any, size: str) -> None:
    made = {
        "two methods, one seed": {"effects": {"erm": 0.0, "sama": 0.02}, "seeds": 1},
        "many": {
            "effects": {"erm": 0.0} | {f"method_{i}": (i - 25) / 500 for i in range(49)},
            "seeds": 10,
            "datasets": (("digits", 0.01), ("adult", None)),
        },
        "long names": {
            "effects": {"erm": 0.0, "W" * 200: 0.02, "a_b_c_d_" * 30: -0.05, "日本語" * 40: 0.0},
            "seeds": 3,
            "datasets": (("folder/" * 40, 0.01), ("x" * 200, None)),
            "command": "tailtune compare " + "x" * 400,
        },
    }[size]
    told: list[str] = []
    asked: list[str] = []
    report = write(study(**made))
    assert report.stat().st_size < 1_000_000
    page = browser.new_page()
    page.on("console", lambda message: told.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    for scheme, ground in (("light", "rgb(250, 249, 247)"), ("dark", "rgb(18, 20, 23)")):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
        for width in (360, 800, 1400):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width
            spilled = page.evaluate(
                "[...document.querySelectorAll('.card:not(.scroll), .stand')]"
                ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className + ': ' + e.innerText)"
            )
            assert spilled == [], f"at {width}"
    page.set_viewport_size({"width": 690, "height": 976})
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 690
    page.close()
    assert told == []
    assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}
