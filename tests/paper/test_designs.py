"""All tables and figures: their studies make sense, those of pictures run at smoke, and rows alone redraw them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from command_line import answer as run

from tailtune import paper
from tailtune.errors import TailtuneError
from tailtune.paper.costs import hours
from tailtune.paper.page import SCALES, Asked, Scale, subject
from tailtune.paper.rows import read_rows
from tailtune.paper.writing import write_subject
from tailtune.study.study import check_study

ASKED = Asked("nowhere")


@pytest.mark.parametrize("name", paper.SUBJECTS)
@pytest.mark.parametrize("scale", SCALES)
def test_every_study_makes_sense(name: str, scale: Scale) -> None:
    chosen = subject(name)
    studies = chosen.design(scale, ASKED)
    assert len({planned.study.out for planned in studies.values()}) == len(studies)
    for planned in studies.values():
        check_study(planned.study)
    one = next(iter(studies))
    assert list(chosen.design(scale, replace(ASKED, data=(one,), seeds=2))) == [one]
    with pytest.raises(TailtuneError, match="no data set 'nosuch'"):
        chosen.design(scale, replace(ASKED, data=("nosuch",)))
    assert hours(studies, scale) < {"smoke": 0.05, "small": 5, "full": 5000}[scale]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        *(("fig1", "digits"), ("fig2", "digits"), ("fig3", "digits"), ("fig11", "digits"), ("table1", "digits")),
        *(("ablation", "digits"), ("recipe", "digits-policies")),
    ],
)
def test_smoke_runs_and_is_redrawn_from_its_rows_alone(name: str, data: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = ("--scale", "smoke", "--data", data, "--jobs", "1", "--seeds", "1", "--out", str(out))
    answer = run("paper", name, *asked)
    assert answer.code == 0, answer.err
    assert "cannot be told at this scale" in answer.out
    assert "held:" not in answer.out
    redrawn = tmp_path / "redrawn"
    redrawn.mkdir()
    write_subject(redrawn, name, subject(name), read_rows(out / "rows.csv"))
    files = {file.name for file in redrawn.iterdir()}
    assert {"page.md", f"{name}.tex", f"{name}.csv", "claims.json"} <= files
    assert any(file.endswith(".svg") for file in files)
    for file in files:
        assert (redrawn / file).read_bytes() == (out / file).read_bytes()
