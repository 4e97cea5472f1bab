"""The page of analyses: whole, drawn for few and many classes, and safe from the names of classes."""

from __future__ import annotations

import re

import pytest
from fabricated_runs import adult
from parsed_page import HOSTILE, Page

from tailtune.analysis.analysis import Analysis, Figure, Table
from tailtune.report.analysis_page.figures import NAMED, by_class
from tailtune.report.analysis_page.page import render


def drawn(values: tuple[float | None, ...], share: bool = False) -> str:
    names = tuple(f"class {i}" for i in range(len(values)))
    return by_class(Figure("Title", "axis", names, {"train": values, "test": values[::-1]}, share), "name")


def test_names_of_classes_are_text_and_the_page_nests() -> None:
    figure = Figure("Spread", "spread", HOSTILE, {"train": (1.0,) * len(HOSTILE), "test": (None,) * len(HOSTILE)})
    table = Table("Spread", ("class", "value"), tuple((name, "1.0") for name in HOSTILE))
    found = Analysis("collapse", "Collapse", "Read this.", f"Unusual: {HOSTILE[0]}.", (figure,), (table,))
    html = render(adult().finished(), [found])
    page = Page(html)
    page.close()
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "Read this." in " ".join(page.text)
    assert "training rows" in " ".join(page.text)


@pytest.mark.parametrize("classes", [2, NAMED, NAMED + 1, 300])
def test_few_classes_have_names_and_many_have_ranks(classes: int) -> None:
    svg = drawn((0.5, None) * (classes // 2) + (0.25,) * (classes % 2))
    assert ("class 1<" in svg) == (classes <= NAMED)
    assert ("from the largest to the smallest" in svg) == (classes > NAMED)
    assert "nan" not in svg.lower()
    assert not re.search(r"#[0-9a-f]{6}", svg), "a colour that no page changes for the dark"


def test_axes_suit_their_values() -> None:
    assert "100 %" in drawn((0.0, 1.0), share=True)
    assert {"0.1", "100"} <= set(re.findall(r">([\d.]+)</text>", drawn((0.05, 200.0))))  # logarithmic
    assert "−2" in drawn((-2.0, 3.0)) or "-2" in drawn((-2.0, 3.0))
    assert "<svg" in drawn((None, None))
