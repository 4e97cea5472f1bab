"""Going on from a run: the same weights at first, the same preprocessing, and its test rows scored by both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from command_line import CLASSES, made_table

from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.evaluation.metrics import summarise
from tailtune.fit import fit
from tailtune.run.continued import continued, with_start
from tailtune.run.execute import execute
from tailtune.run.finished import Finished
from tailtune.settings import Run


def quiet(sentence: str) -> None:
    pass


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files that share 40 rows, and a run on the first."""
    folder = tmp_path_factory.mktemp("continued")
    frame = made_table(240)
    frame[:140].write_csv(folder / "old.csv")
    frame[100:].write_csv(folder / "new.csv")
    run = Run(
        str(folder / "old.csv"), target="label", model="mlp", method="erm", epochs=2, baselines=(), accelerator="cpu",
        out=str(folder / "old"),
    )  # fmt: skip
    assert fit(run, say=quiet) is not None
    return folder


def asked(home: Path, out: Path, **changes: object) -> Run:
    return replace(
        Run(
            str(home / "new.csv"), init_from=str(home / "old"), method="erm", epochs=1, baselines=(), accelerator="cpu"
        ),
        out=str(out), **changes,
    )  # fmt: skip


def test_without_a_step_worth_mentioning_it_is_the_same_model(home: Path, tmp_path: Path) -> None:
    run = asked(home, tmp_path / "run", lr=1e-12, ema=0.0, weight_decay=0.0, warmup=0.0)
    made = execute(run, say=quiet, resamples=0)
    assert made is not None
    old, new = Finished(home / "old").predictor(), made.predictor()
    assert new.preprocessor.state()[0] == old.preprocessor.state()[0]
    assert new.names == old.names
    inputs = old.preprocessor.encode(pl.read_csv(home / "new.csv"))
    np.testing.assert_allclose(new.scores(inputs), old.scores(inputs), atol=1e-6)
    fresh = execute(replace(run, init_from=None, target="label", model="mlp", out=str(tmp_path / "fresh")), say=quiet)
    assert np.abs(fresh.predictor().scores(inputs) - old.scores(inputs)).max() > 0.01


def test_its_test_rows_are_scored_by_both(home: Path, tmp_path: Path) -> None:
    made = execute(asked(home, tmp_path / "run"), say=quiet, resamples=50)
    old, earlier = Finished(home / "old"), made.result.earlier
    frame = pl.read_csv(home / "old.csv")
    ids = old.predictions.ids.astype(int) - 1
    new = open_dataset(made.run)  # by preprocessing of its own
    again = continued(made.run, new)
    trained = {int(name) + 99 for part in (again.train, again.val) for name in part.ids}
    kept = np.array([row not in trained for row in ids])
    assert (earlier.rows, earlier.left_out) == (kept.sum(), len(ids) - kept.sum())
    assert earlier.left_out > 0
    targets = np.array([CLASSES.index(label) for label in frame["label"][ids[kept].tolist()]])
    before = summarise(
        targets, old.predictions.model.probabilities[kept], old.result.data.profile,
        answers=old.predictions.model.answers[kept],
    )  # fmt: skip
    predictor = made.predictor()
    probabilities = predictor.probabilities(predictor.preprocessor.encode(frame[ids[kept].tolist()]))
    after = summarise(
        targets, probabilities, old.result.data.profile, answers=predictor.answers(probabilities)
    )  # fmt: skip
    for key in ("balanced_accuracy", "macro_f1", "log_loss", "accuracy"):
        assert earlier.before[key] == pytest.approx(before.metrics[key])
        assert earlier.after[key] == pytest.approx(after.metrics[key])
        assert earlier.difference[key].difference == pytest.approx(earlier.after[key] - earlier.before[key])


def test_rows_that_the_earlier_run_saw_judge_nothing(home: Path, tmp_path: Path) -> None:
    run = with_start(asked(home, tmp_path / "run"))
    assert (run.model, run.target) == ("mlp", "label")
    opened = open_dataset(run)
    dataset = continued(run, opened)
    old = Finished(home / "old").dataset()
    seen = {int(name) for part in (old.train, old.val) for name in part.ids}
    judging = {int(name) + 100 for part in (dataset.val, dataset.test) for name in part.ids}
    assert not seen & judging
    every = [name for part in (dataset.train, dataset.val, dataset.test) for name in part.ids]
    assert sorted(map(int, every)) == list(range(1, 141))
    assert any("were trained on by" in line for line in dataset.warnings)
    given = continued(run, replace(opened, split="given"))
    assert len(given.train) == len(opened.train)
    assert given.test.ids.tolist() == dataset.test.ids.tolist()


def test_the_same_rows_again_leave_none_to_test_on(home: Path, tmp_path: Path) -> None:
    run = with_start(replace(asked(home, tmp_path / "run"), data=str(home / "old.csv")))
    opened = open_dataset(run)
    with pytest.raises(TailtuneError, match=r"was trained on all \d+ test rows of .*; bring new rows"):
        continued(run, replace(opened, test=opened.train))


def test_pictures_start_from_the_earlier_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, channels in (("old", ()), ("new", ()), ("colour", (3,))):
        y = np.arange(40) % 2
        x = (rng.integers(0, 120, (40, 8, 8, *channels)) + 100 * y.reshape(-1, 1, 1, *(1,) * len(channels))).astype(
            np.uint8
        )
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
    run = Run(
        str(tmp_path / "old.npz"), model="resnet8", method="erm", epochs=1, baselines=(), accelerator="cpu",
        flip=False, precision="32", out=str(tmp_path / "old"),
    )  # fmt: skip
    assert fit(run, say=quiet) is not None
    new = replace(
        run, data=str(tmp_path / "new.npz"), model=None, init_from=str(tmp_path / "old"), out=str(tmp_path / "a")
    )
    made = execute(replace(new, lr=1e-12, ema=0.0, weight_decay=0.0, warmup=0.0), say=quiet, resamples=0)
    old = Finished(tmp_path / "old").predictor()
    assert made.predictor().preprocessor == old.preprocessor
    for name, value in old.model.named_parameters():
        assert torch.allclose(dict(made.predictor().model.named_parameters())[name], value, atol=1e-6)
    with pytest.raises(TailtuneError, match=r"takes pictures of 1 x 8 x 8 \(channels, height, width\), not 3 x 8 x 8"):
        execute(replace(new, data=str(tmp_path / "colour.npz"), out=str(tmp_path / "b")), say=quiet)
