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
from tailtune.paper.rows import gathered, read_rows, write_rows
from tailtune.paper.writing import write_subject
from tailtune.study.plan import problems, trainings
from tailtune.study.planned import write_plan
from tailtune.study.study import Study, check_study
from tailtune.study.tidy_table import write_results, write_study

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
    assert hours(studies, scale) < {"smoke": 0.05, "small": 6, "full": 5000}[scale]


def test_a_command_carries_out_its_studies(tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer = run("paper", "fig1", "--scale", "smoke", "--jobs", "1", "--seeds", "1", "--out", str(out))
    assert answer.code == 0, answer.err
    assert "cannot be told at this scale" in answer.out
    assert "held:" not in answer.out
    assert (out / "rows.csv").is_file()
    assert (out / "page.md").is_file()


@pytest.mark.parametrize("name", [name for name in paper.SUBJECTS if name not in ("table6", "fig20")])
def test_smoke_runs_and_is_redrawn_from_its_rows_alone(name: str, tmp_path: Path) -> None:
    chosen, out = subject(name), tmp_path / "out"
    data = ("digits-policies",) if name == "recipe" else ("digits",)
    planned = chosen.design("smoke", replace(ASKED, out=str(out), seeds=1, data=data))
    for one in planned.values():
        _trained_here(one.study)
    rows = gathered(planned, "smoke")
    write_rows(out, rows)
    write_subject(out, name, chosen, rows)
    redrawn = tmp_path / "redrawn"
    redrawn.mkdir()
    write_subject(redrawn, name, chosen, read_rows(out / "rows.csv"))
    files = {file.name for file in redrawn.iterdir()}
    assert {"page.md", f"{name}.tex", f"{name}.csv", "claims.json"} <= files
    assert any(file.endswith(".svg") for file in files)
    for file in files:
        assert (redrawn / file).read_bytes() == (out / file).read_bytes()
    claims = chosen.claims(rows)
    assert claims
    assert {claim.verdict for claim in claims} == {"cannot be told at this scale"}


def _trained_here(study: Study) -> None:
    """Carry out a study in this process, which spares the start of another one."""
    write_study(study)
    found = problems(study, lambda sentence: None)
    listed = trainings(study, found, {})
    planned = write_plan(study, found, listed, ())
    for task in {task.key: task for task in reversed(listed)}.values():
        task()
    write_results(Path(study.out), planned, {})
