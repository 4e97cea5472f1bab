"""The page's parts on rows, columns, slices and confusions, with names that mean harm."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from fabricated_runs import Made, fabricate
from parsed_page import HOSTILE, Page

from tailtune.evaluation.levels import levels_of
from tailtune.evaluation.scored import scored
from tailtune.evaluation.slices import sliced
from tailtune.report.run_page.confusions import clustered, worst_pairs
from tailtune.report.run_page.page import render
from tailtune.run.evidence.record import (
    FILE,
    FORMAT,
    Evidence,
    Examples,
    Influence,
    Influences,
    Mistake,
    Mistakes,
    Thumbnail,
)
from tailtune.run.finished import Finished

Make = Callable[..., Any]
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def evidence(names: tuple[str, ...], image: bool, columns: tuple[str, ...] = ("a",)) -> Evidence:
    picture = PIXEL if image else ""
    mistake = Mistake(names[0], names[-1], 0.9, 0.04, () if image else columns, picture, picture)
    return Evidence(
        format=FORMAT,
        examples=tuple(Examples(name, (Thumbnail(name, PIXEL),) * 2) for name in names) if image else (),
        mistakes=(Mistakes(names[0], 50, 7, (mistake,) * 3),),
        unshown=2,
        columns=() if image else columns,
        influences=None
        if image
        else Influences(0.5, 300, 5, 9, (Influence(columns, 0.2, (0.1, 0.3)), Influence(("z",), 0.01, (-0.1, 0.1))), 3),
        notes=("A note.",),
    )


def with_evidence(made: Made, found: Evidence, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(msgspec.json.encode(found))
    return render(made.finished(folder), ())


@pytest.mark.parametrize("image", [True, False])
def test_names_that_mean_harm_are_shown_as_they_are(image: bool, tmp_path: Path) -> None:
    made = fabricate((200,) * len(HOSTILE), (20,) * len(HOSTILE), HOSTILE, kind="image" if image else "table")
    rows = scored(made.predictions.targets, made.predictions.model.probabilities, made.result.data.profile)
    column = pl.Series(np.resize(np.array(HOSTILE), len(rows)))
    slices = sliced(rows, {name: levels_of(column) for name in HOSTILE[:2]}, 20)
    made = made._replace(result=replace(made.result, slices=slices))
    html = with_evidence(made, evidence(HOSTILE, image, HOSTILE), tmp_path)
    page = Page(html)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "iframe", "object"})
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        if tag == "img":
            assert (attributes["src"] or "").startswith("data:image/")
            assert attributes["alt"] is not None
    assert "<script>alert(1)</script>" in page.words


def test_mistakes_of_pictures_stand_beside_training_pictures_of_their_class(ten_images: Make, tmp_path: Path) -> None:
    made = ten_images()
    names = made.result.data.names
    html = with_evidence(made, evidence(names, image=True), tmp_path)
    words = Page(html).words
    assert html.count(f'src="{PIXEL}"') == 2 * 10 + 2 * 3
    assert "7 of 50 test rows answered wrongly" in words
    assert re.search(rf"said {re.escape(names[-1])} 90\s%, own class 4\s%", words)
    assert "Training pictures of the other 9 classes" in words
    assert "2 more classes have mistakes" in words
    assert "A note." in words


def test_columns_are_named_with_what_is_lost_and_those_that_may_be_chance_are_grey(
    binary_table: Make, tmp_path: Path
) -> None:
    made = binary_table()
    html = with_evidence(made, evidence(made.result.data.names, False, ("age", "born")), tmp_path)
    words = Page(html).words
    assert "age, born" in words
    assert "0.100 to 0.300" in words
    assert "−0.100 to 0.100" in words
    assert html.count('<tr class="muted"><th scope="row">z</th>') == 1
    assert "There was no time for 3 groups" in words


def test_a_run_without_evidence_has_a_page_without_it(ten_images: Make) -> None:
    html = render(ten_images().finished(), ())
    assert "mistakes.csv" not in html
    assert 'href="#mistakes"' not in html


def test_evidence_that_is_broken_is_told_in_one_line(ten_images: Make, tmp_path: Path) -> None:
    from tailtune.errors import TailtuneError

    (tmp_path / FILE).write_text('{"format": 1}')
    run: Finished = ten_images().finished(tmp_path)
    with pytest.raises(TailtuneError, match=r"evidence\.json cannot be read .*; run the fit again"):
        render(run, ())


def test_the_worst_pairs_are_told_in_words(ten_images: Make) -> None:
    made = ten_images()
    counts, names = np.array(made.result.model.confusion), made.result.data.names
    i, j = worst_pairs(counts)[0]
    words = Page(render(made.finished(), ())).words
    assert f"{counts[i, j]} of {counts[i].sum()} {names[i]} answered as {names[j]}" in words


@pytest.mark.parametrize("make", ["binary_table", "ten_images", "hundred_classes"])
def test_confusions_are_readable_with_few_and_many_classes(make: str, request: pytest.FixtureRequest) -> None:
    made = request.getfixturevalue(make)()
    html = render(made.finished(), ())
    section = html[html.index('<section id="confusion"') : html.index('<section id="calibration"')]
    names = made.result.data.names
    if len(names) > 12:
        assert section.count("<text") == 2 * len(names)
        assert "<image href=" in section
    else:
        assert section.count("<td class=") + section.count('<td class="right') >= len(names) ** 2
    words = Page(section).words
    for name in names:
        assert name[:17] in words
    assert 0 < section.count(" answered as ") <= 12


def test_classes_that_are_taken_for_each_other_become_neighbours() -> None:
    rng = np.random.default_rng(0)
    places = rng.permutation(30)  # classes of a place // 3 are taken for each other
    counts = np.diag(np.full(30, 40))
    for a in range(30):
        for b in range(30):
            if a != b:
                counts[a, b] = 20 if places[a] // 3 == places[b] // 3 else rng.integers(0, 2)
    order = clustered(counts, list(range(30)))
    assert sorted(order) == list(range(30))
    families = [places[k] // 3 for k in order]
    assert all(len(set(families[i : i + 3])) == 1 for i in range(0, 30, 3))


def test_classes_without_rows_or_confusions_have_an_order_too() -> None:
    assert sorted(clustered(np.diag([3, 0, 2, 1]), [2, 0, 1, 3])) == [0, 1, 2, 3]
    assert worst_pairs(np.diag([3, 0, 2])) == []
