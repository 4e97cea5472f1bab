"""The page of analyses: whole, drawn for few and many classes, and safe from the names of classes."""

from __future__ import annotations

import re

import pytest
from fabricated_runs import adult
from parsed_page import HOSTILE, Page

from tailtune.analysis.analysis import Analysis, Figure, Lines, Regions, Surface, Table
from tailtune.report.analysis_page.figures import NAMED, by_class
from tailtune.report.analysis_page.page import render
from tailtune.report.analysis_page.shapes import lines, regions, surface


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


SIDE = (-1.0, 0.0, 1.0)
BOWL = tuple(tuple(x * x + y * y for x in SIDE) for y in SIDE)
ANSWERS = ((0, 0, -1), (0, 1, 1), (1, 1, 1))


def test_shapes_take_their_colours_from_the_page() -> None:
    drawings = (
        lines(Lines("Title", "x", "y", SIDE, {"a": (1.0, None, -2.0), "b": (3.0,)}, logarithmic=True), "one"),
        lines(Lines("Title", "x", "y", SIDE, {"a": (None, None, None)}, marks=True), "two"),
        surface(Surface("Title", "x", "y", SIDE, SIDE, BOWL, (0.5, 1.5, 99.0), 2), "three"),
        surface(Surface("Title", "x", "y", SIDE, SIDE, ((1.0,) * 3,) * 3, (0.5,)), "four"),
        regions(Regions("Title", "x", "y", SIDE, SIDE, ANSWERS, ("p", "q"), ((0.0, 0.0, 1),), square=True), "five"),
        regions(Regions("Title", "x", "y", (0.0,), (0.0,), ((0,),), ("p",), (), ("<b>",), ("up",)), "six"),
    )
    for svg in drawings:
        assert svg.count("<svg") == 1
        assert "nan" not in svg.lower()
        assert not re.search(r"#[0-9a-f]{6}", svg), "a colour that no page changes for the dark"
    assert ">0.5<" in drawings[2]
    assert ">99<" not in drawings[2]
    assert "&lt;b" in drawings[5]


def test_each_answer_is_one_area_of_as_many_cells() -> None:
    """A path for each answer, without seams between its cells; its area is that of the cells."""
    svg = regions(Regions("Title", "x", "y", SIDE, SIDE, ANSWERS, ("p", "q")), "name")
    paths = re.findall(r'<path d="([^"]*)" clip-path[^>]*style="fill: var\(--(series-\d|line)\)', svg)
    assert [colour for _, colour in paths] == ["line", "series-0", "series-1"]
    areas = []
    for path, _ in paths:
        corners = [(float(x), float(y)) for x, y in re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", path)]
        pieces = [corners[i : i + 4] for i in range(0, len(corners), 4)]
        areas.append(sum(abs((b[0] - a[0]) * (c[1] - b[1])) for a, b, c, *_ in pieces))
    assert areas[1] / areas[0] == pytest.approx(3, rel=1e-3)
    assert areas[2] / areas[0] == pytest.approx(5, rel=1e-3)


def test_captions_and_legends_say_what_colours_mean() -> None:
    figures = (
        Lines("Loss", "steps", "loss", SIDE, {"all rows": SIDE, "rare rows": SIDE}),
        Lines("Density", "value", "share", SIDE, {"alone": SIDE}),
        Surface("Surface", "x", "y", SIDE, SIDE, BOWL, (0.5,)),
        Regions("Plane", "x", "y", SIDE, SIDE, ANSWERS, HOSTILE[:2], ((0.0, 0.0, 0),)),
    )
    page = Page(render(adult().finished(), [Analysis("regions", "Regions", "Read.", "Found.", figures)]))
    page.close()
    text = " ".join(" ".join(page.text).split())
    for words in ("rare rows", "the cross marks the weights of the run", "grey where another class is answered"):
        assert words in text
    assert "alone" not in text  # one line needs no legend
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
