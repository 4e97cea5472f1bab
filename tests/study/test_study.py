"""A study varies any field of a run: what it refuses, what it plans, and its table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tailtune import TailtuneError, read_study
from tailtune.compare import conduct_with_page
from tailtune.jobs.progress import Lines
from tailtune.study import Arm, Study, axis, crossed
from tailtune.study.comparison import Comparison
from tailtune.study.conduct import price
from tailtune.study.design import load_study
from tailtune.study.plan import problems, trainings
from tailtune.study.study import check_study
from tailtune.study.tidy_table import CSV, PARQUET

SMALL = Study(arms=axis("batch_size", [16, 64]), data=["digits"], ratios=[0.05], seeds=2, epochs=1, jobs=1)


def quiet(sentence: str) -> None:
    """Say nothing."""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arms": ()}, "needs an arm or more"),
        ({"arms": (Arm("a"), Arm("a"))}, "the arm a is given twice"),
        ({"arms": (Arm("a", {"bach_size": 3}),)}, "'bach_size', which a run does not have. Did you mean 'batch_size'"),
        ({"arms": (Arm("a", {"seed": 3}),)}, "cannot change seed, which the study says for all of them"),
        ({"baseline": "none"}, "the baseline 'none' is none of the arms"),
        ({"arms": (Arm("a", {"selection": "test-oracle"}),)}, "not compared by a selection on test rows"),
        ({"routine": "mine"}, "--routine must be one of shared, own"),
        ({"on": "slrum"}, "Did you mean 'slurm'"),
        ({"data": ()}, "nothing to compare on"),
        ({"seeds": 0}, "--seeds must be 1 or more"),
        ({"epochs": 0}, "--epochs must be 1 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(TailtuneError, match=words):
        check_study(replace(SMALL, **changes))


def test_axes_multiply_and_changes_of_a_method_may_hold_a_comma() -> None:
    arms = crossed(axis("batch_size", [16, 64]), axis("method", ["erm", "sama(rho=0.1, rule=printed)"]))
    assert len(arms) == 4
    assert arms[1] == Arm(
        "batch_size=16, method=sama(rho=0.1, rule=printed)", {"batch_size": 16, "method": "sama(rho=0.1, rule=printed)"}
    )
    assert replace(SMALL, arms=arms).varied == ("batch_size", "method")
    assert (replace(SMALL, arms=arms).noun, Comparison(data=("digits",), methods="erm,sama").study().noun) == (
        "arm",
        "method",
    )


def test_arms_share_what_they_do_not_change_and_trees_are_spared_settings_of_networks() -> None:
    arms = [*axis("batch_size", [16, 64]), Arm("deeper", {"model": "resnet20"}), Arm("plain", {"ema": 0.0})]
    (problem,) = problems(replace(SMALL, arms=arms, epochs=None), quiet)
    runs = list(problem.arms.values())
    assert [run.batch_size for run in runs] == [16, 64, 16, 16]
    assert [run.model for run in runs] == ["resnet8", "resnet8", "resnet20", "resnet8"]
    assert len({(run.epochs, run.lr, run.weight_decay, run.policy) for run in runs}) == 1
    assert [run.ema for run in runs] == [0.98, 0.98, 0.98, 0.0]
    own = Arm("tuned", {"method": "tuned"}), Arm("erm", {"method": "erm"})
    (problem,) = problems(replace(SMALL, arms=own, routine="own"), quiet)
    assert {run.lr for run in problem.arms.values()} == {None}  # left to the routine of each method


def test_networks_and_trees_in_one_study(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    pl.DataFrame({"x": [float(i % 17) for i in range(120)], "y": [int(i % 17 > 13) for i in range(120)]}).write_csv(
        rows
    )
    arms = [Arm("network", {"model": "mlp"}), Arm("trees", {"model": "xgboost", "method": "erm"})]
    study = Study(arms=arms, data=[str(rows)], target="y", seeds=1, epochs=1, jobs=1, out=str(tmp_path / "study"))
    conduct_with_page(study, show=lines, say=quiet)
    table = read_study(tmp_path / "study")
    assert table["arm"].to_list() == ["network", "trees"]
    assert table["model"].to_list() == ["mlp", "xgboost"]
    with pytest.raises(TailtuneError, match="--epochs is a setting of networks, and xgboost has none"):
        problems(replace(study, arms=[Arm("trees", {"model": "xgboost", "epochs": 3})]), quiet)


def test_every_training_has_a_name_that_follows_from_what_it_does() -> None:
    study = replace(SMALL, arms=[Arm("a", {"batch_size": 16}), Arm("b", {"batch_size": 16}), Arm("c", {"ema": 0.5})])
    listed = trainings(study, problems(study, quiet), {})
    keys = {(task.arm, task.seed): task.key for task in listed}
    assert keys["a", 0] == keys["b", 0] != keys["c", 0]
    assert keys["a", 0] != keys["a", 1]


def lines(what: str):
    """Show nothing."""
    from contextlib import nullcontext

    return nullcontext(Lines(quiet, what))


def test_the_table_has_a_column_for_every_varied_field(tmp_path: Path) -> None:
    arms = [*axis("batch_size", [16, 64]), Arm("halves", {"batch_size": 32, "method": "erm"})]
    study = replace(SMALL, arms=arms, seeds=1, out=str(tmp_path / "study"))
    conducted = conduct_with_page(study, show=lines, say=quiet)
    folder = conducted.folder
    table = read_study(folder)
    assert table.select("arm", "batch_size", "method", "seed").rows() == [
        ("batch_size=16", 16, "tuned", 0),
        ("batch_size=64", 64, "tuned", 0),
        ("halves", 32, "erm", 0),
    ]
    assert table.equals(pl.read_parquet(folder / PARQUET))
    assert pl.read_csv(folder / CSV)["balanced_accuracy"].to_list() == table["balanced_accuracy"].to_list()
    (group,) = conducted.result.statistics.groups
    assert (conducted.result.statistics.baseline, group.arms) == ("batch_size=16", tuple(table["arm"]))
    again = conduct_with_page(study, show=lines, say=quiet)
    assert again.result.rows == conducted.result.rows  # nothing is trained twice


def test_a_design_is_a_function_or_a_study(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from tailtune.study import Arm, Study\n"
        "def design():\n    return Study(arms=[Arm('a')], data=['digits'])\n"
        "ready = design()\ndef other():\n    return 3\ndef broken():\n    return 1 / 0\nnumber = 3\n"
    )
    assert load_study(f"{file}:design") == load_study(f"{file}:ready")
    for name, words in (
        ("other", "must return a tailtune.study.Study, however: int"),
        ("broken", "fails: ZeroDivisionError"),
        ("number", "must be a function that returns a Study, however: int"),
        ("desing", "Did you mean 'design'"),
    ):
        with pytest.raises(TailtuneError, match=words):
            load_study(f"{file}:{name}")


def test_a_study_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(TailtuneError, match="is not the folder of a study"):
        read_study(tmp_path)
    (tmp_path / "results.json").write_text('{"rows": []}')
    with pytest.raises(TailtuneError, match="is of format 1"):
        read_study(tmp_path)


def test_arms_with_routines_of_their_own_are_priced_by_them() -> None:
    own = replace(SMALL, arms=axis("method", ["erm", "tuned"]), routine="own", epochs=None, seeds=1)
    cost = price(own, say=quiet)
    assert [row.runs for row in cost.rows] == [1, 1]
    assert all(row.seconds is not None and row.seconds > 0 for row in cost.rows)
