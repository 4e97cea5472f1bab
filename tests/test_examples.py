"""The examples do what they say, on smaller data."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from tailtune.by_name import load
from tailtune.compare import conduct_with_page
from tailtune.fit import fit
from tailtune.jobs.progress import Lines
from tailtune.settings import Run
from tailtune.study import axis
from tailtune.study.design import load_study

EXAMPLES = Path(__file__).parents[1] / "examples"


def quiet(sentence: str) -> None:
    """Say nothing."""


def test_a_study_like_the_papers_is_one_short_file(tmp_path: Path) -> None:
    file = EXAMPLES / "batch_sizes.py"
    assert len(file.read_text().splitlines()) <= 60
    whole = load_study(f"{file}:design")
    assert (len(whole.arms), whole.ratios, whole.varied) == (5, (0.2, 0.05, 0.01), ("batch_size",))
    small = replace(whole, arms=axis("batch_size", [16, 64]), ratios=(0.1, 0.05), seeds=1, epochs=1, jobs=1)
    folder = tmp_path / "study"
    conduct_with_page(replace(small, out=str(folder)), show=lambda what: nullcontext(Lines(quiet, what)), say=quiet)
    table = load(f"{file}:table", "function")(folder)  # type: ignore[operator]
    assert table.columns == ["ratio", "16", "64"]
    assert table["ratio"].to_list() == [0.05, 0.1]
    assert "<svg" in load(f"{file}:figure", "function")(folder).read_text()  # type: ignore[operator]


def test_an_analysis_is_one_short_file(tmp_path: Path) -> None:
    file = EXAMPLES / "analysis_page.py"
    assert len(file.read_text().splitlines()) <= 60
    fit(Run("digits", ratio=0.05, epochs=1, out=str(tmp_path / "run"), baselines=()), say=quiet)
    text = load(f"{file}:page", "function")(tmp_path / "run").read_text()  # type: ignore[operator]
    assert "Confident mistakes of tuned (resnet8)" in text
    assert text.count("<h2>") == 10


@pytest.mark.parametrize("name", ["my_method.py", "my_measure.py"])
def test_a_thing_of_ones_own_takes_twenty_lines(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) <= 21
