"""Every Python block of the docs runs; method pages exist and state the true defaults."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from two_processes import module_of

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"  # its blocks run in test_readme.py
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"^(?P<mark><!-- no-run: .+ -->\n)?```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```$", flags=re.M | re.S
)


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of one language that are to be run, each moved down to its line in the page."""
    text = page.read_text(encoding="utf-8")
    return [
        "\n" * text.count("\n", 0, found.start("body")) + found["body"]
        for found in FENCE.finditer(text)
        if found["language"] == language and not found["mark"]
    ]


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p != README and blocks(p, "python")], ids=lambda p: str(p.relative_to(ROOT))
)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace = types.ModuleType("page")  # in sys.modules, because dataclasses look their module up
    monkeypatch.setitem(sys.modules, "page", namespace)
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), vars(namespace))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_fences_and_marks_are_well_formed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^```", text, flags=re.M)) % 2 == 0, "a block is not closed"
    marks = len(re.findall("<!-- no-run", text))
    assert marks == sum(bool(found["mark"]) for found in FENCE.finditer(text)), (
        "a no-run mark needs a reason and stands on the line before its block"
    )


def test_every_method_has_a_page_in_the_navigation() -> None:
    from tailtune import methods

    pages = {page.stem for page in (ROOT / "docs" / "methods").glob("*.md")}
    assert pages == set(methods.__all__)
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in pages:
        assert f"methods/{page}.md" in navigation


def test_method_pages_state_the_true_defaults() -> None:
    from tailtune import methods

    for name in methods.__all__:
        text = (ROOT / "docs" / "methods" / f"{name}.md").read_text(encoding="utf-8")
        stated = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, flags=re.M))
        parameters = list(inspect.signature(getattr(methods, name)).parameters.values())[1:]  # the first is the profile
        assert stated == {
            p.name: str(p.default) if not isinstance(p.default, str) else f'"{p.default}"' for p in parameters
        }


def test_the_page_of_measures_lists_each_as_it_is_declared() -> None:
    from tailtune.evaluation.measures import MEASURES

    lines = (ROOT / "docs" / "measures.md").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line.startswith("| `")]
    assert listed == [f"| `{m.key}` | {m.term} | {m.meaning} | {m.source or '–'} |" for m in MEASURES]
    assert "measures.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in link and not link.startswith("mailto:"):
            assert (page.parent / link).exists(), f"{page.name} links to {link}, which does not exist"


def test_the_api_reference_has_every_public_name_and_nothing_that_is_gone() -> None:
    import tailtune

    pages = sorted((ROOT / "docs" / "api").glob("*.md"))
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    listed = re.findall(r"^::: (\S+)\.(\w+)$", text, flags=re.M)
    shown = [getattr(importlib.import_module(module), name) for module, name in listed]
    assert all(inspect.getdoc(one) for one in shown)
    public = [getattr(tailtune, name) for name in tailtune.__all__ if not name.startswith("__")]
    assert [one.__name__ for one in public if one not in shown] == []
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(f"api/{page.name}" in navigation for page in pages)


def test_every_study_of_the_paper_with_results_has_a_page_that_shows_them() -> None:
    folders = {page.parent.name: page.parent for page in (ROOT / "benchmarks" / "paper").glob("*/page.md")}
    pages = {page.stem: page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "paper").glob("*.md")}
    assert pages.keys() == folders.keys() | {"claims"}
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    for name, text in pages.items():
        assert f"paper/{name}.md" in navigation
        if name in folders:
            assert f"](paper/{name}.md)" in listed
            assert re.search(rf"^\[[^]]+\]\(\.\./\.\./benchmarks/paper/{name}/page\.md\)$", text, flags=re.M)
            assert re.findall(rf"^!\[[^]]{{20,}}\]\(\.\./\.\./benchmarks/paper/{name}/[\w-]+\.svg\)$", text, flags=re.M)


def test_a_page_of_the_site_holds_the_results_once() -> None:
    results = module_of(ROOT / "docs_build" / "results.py")
    text = (ROOT / "docs" / "paper" / "fig2.md").read_text(encoding="utf-8")
    made = results.on_page_markdown(text, page=_page("paper/fig2.md"))
    assert "| trivialaugment | 15.1 ± 2.4 |" in made
    assert made.count("The paper: “") == 1
    assert made.count("\n# ") == 0
    assert made.startswith("# ")
    shown = re.findall(r"!\[[^]]+\]\((figures/[^)]+)\)", made)
    assert shown == ["figures/fig2/fig2-cifar10.svg", "figures/fig2/fig6-cifar10.svg"]
    assert "benchmarks/" not in made
    assert results.on_page_markdown(text, page=_page("paper.md")) == text


def _page(path: str) -> Any:
    return types.SimpleNamespace(file=types.SimpleNamespace(src_uri=path))
