"""Folds: no row is scored by a model that saw it, and an interrupted run trains no fold twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import made_table, write_images

from tailtune.interrupt import Interrupted
from tailtune.run import deployed, execute, out_of_fold
from tailtune.run.execute import execute as carry_out
from tailtune.run.finished import Finished
from tailtune.run.predictor import FILE
from tailtune.run.trained_rows import trained_on
from tailtune.settings import Run

TREES = "extra-trees(trees=40)"


def quiet(sentence: str) -> None:
    pass


def made(run: Run, resume: bool = False) -> Finished:
    found = carry_out(run, resume=resume, say=quiet, resamples=0)
    assert found is not None
    return found


def chance(tmp_path: Path) -> Path:
    """Rows whose class is chance, each of them twice; `who` says which belong together."""
    rng = np.random.default_rng(0)
    once = pl.DataFrame(
        {"a": rng.standard_normal(150), "b": rng.standard_normal(150), "label": rng.choice(["x", "y"], 150)}
    ).with_columns(who=pl.format("p{}", pl.int_range(150)))
    path = tmp_path / "chance.csv"
    pl.concat([once, once]).write_csv(path)
    return path


def test_trees_that_know_every_row_by_heart_know_none_of_its_fold(tmp_path: Path) -> None:
    run = Run(
        str(chance(tmp_path)),
        target="label",
        group="who",
        folds=4,
        model=TREES,
        baselines=(),
        out=str(tmp_path / "run"),
    )
    found = made(run)
    assert 0.35 < found.result.model.metrics["accuracy"] < 0.65
    assert len(found.predictions.ids) == 300
    assert sorted(found.predictions.ids.tolist(), key=int) == [str(row) for row in range(1, 301)]
    assert np.bincount(found.predictions.folds).shape == (4,)
    frame = pl.read_csv(run.data)
    who = frame["who"].to_numpy()[found.predictions.ids.astype(int) - 1]
    for person in np.unique(who):
        assert len(set(found.predictions.folds[who == person])) == 1
    kept = Finished.made(found.folder, found.result, found.predictions)
    inputs = kept.predictor().preprocessor.encode(frame)
    assert trained_on(found.folder, inputs).all()
    answers = kept.predictor().answers(kept.predictor().probabilities(inputs))
    right = np.asarray(found.result.data.names)[answers] == frame["label"].to_numpy()
    assert right.mean() > 0.8  # the model in the folder has seen them all
    again = made(Run(**{**vars(run), "group": None, "ignore": ("who",), "out": str(tmp_path / "other")}))
    assert again.result.model.metrics["accuracy"] > 0.7  # a row's twin is in training: what groups are for


def test_a_portfolio_whose_members_have_folds_of_their_own_is_tested_by_folds(tmp_path: Path) -> None:
    made_table(120).write_csv(tmp_path / "rows.csv")
    model = "portfolio(members=('logistic-regression', 'extra-trees(trees=10)'))"
    run = Run(str(tmp_path / "rows.csv"), target="label", model=model, folds=3, baselines=(), out=str(tmp_path / "run"))
    found = made(run)
    assert len(found.predictions.ids) == 120
    assert np.bincount(found.predictions.folds).shape == (3,)
    members = found.predictor().model.members  # of the model for use
    assert [len(member.predictors) for member in members] == [5] * len(members)
    assert sum(member.weight for member in members) == pytest.approx(1)
    assert not (found.folder / "folds").exists()
    assert not (found.folder / "members").exists()


@pytest.mark.parametrize("kind", ["table", "images"])
def test_a_stopped_run_trains_no_fold_twice(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "table":
        made_table(90).write_csv(tmp_path / "rows.csv")
        run = Run(str(tmp_path / "rows.csv"), target="label", model=TREES, folds=3, baselines=("majority",))
    else:
        data = write_images(tmp_path / "p", {"a": 12, "b": 8})
        run = Run(str(data), model="resnet8", method="erm", epochs=1, folds=3, baselines=(), accelerator="cpu")
    whole = made(Run(**{**vars(run), "out": str(tmp_path / "whole")}))

    trained: list[Path] = []
    train = out_of_fold.fit_model

    def counted(run, dataset, job=None):
        if len(trained) == 2 and not stopped:
            stopped.append(True)
            raise Interrupted("stopped")
        trained.append(job.folder)
        return train(run, dataset, job)

    stopped: list[bool] = []
    for module in (out_of_fold, execute):
        monkeypatch.setattr(module, "fit_model", counted)
    again = Run(**{**vars(run), "out": str(tmp_path / "again")})
    with pytest.raises(Interrupted):
        made(again)
    resumed = made(again, resume=True)
    assert [path.relative_to(tmp_path / "again").as_posix() for path in trained] == [
        "folds/0",
        "folds/1",
        "folds/2",
        ".",
    ]
    np.testing.assert_array_equal(resumed.predictions.scores, whole.predictions.scores)
    assert (resumed.folder / FILE).read_bytes() == (whole.folder / FILE).read_bytes()
    assert not (resumed.folder / "folds").exists()


def test_a_model_for_use_on_all_rows_beside_figures_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = chance(tmp_path)
    run = Run(str(path), target="label", group="who", model=TREES, baselines=(), out=str(tmp_path / "plain"))
    plain = made(run)
    refit = Run(**{**vars(run), "refit": "all", "out": str(tmp_path / "refit")})

    train = deployed.fit_model

    def stop(run, dataset, job=None):
        raise Interrupted("stopped")

    monkeypatch.setattr(deployed, "fit_model", stop)
    with pytest.raises(Interrupted):
        made(refit)
    monkeypatch.setattr(deployed, "fit_model", train)
    monkeypatch.setattr(execute, "fit_model", stop)  # the first training is not carried out again
    found = made(refit, resume=True)
    np.testing.assert_array_equal(found.predictions.scores, plain.predictions.scores)
    assert found.result.model.metrics == plain.result.model.metrics
    assert found.result.deployed.rows == 300
    frame = pl.read_csv(path)
    inputs = found.predictor().preprocessor.encode(frame)
    assert trained_on(found.folder, inputs).all()
    assert not trained_on(plain.folder, plain.predictor().preprocessor.encode(frame)).all()
    read = Finished.made(found.folder, found.result, found.predictions).predictions.basis_in_use
    assert len(read.held_out.targets) == sum(found.result.deployed.val)
    assert not (found.folder / "all_rows").exists()
