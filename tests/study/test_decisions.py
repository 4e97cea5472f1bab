"""Decisions compared: one training for all of them, and the figures of each from its kept scores."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from tailtune.decision.prior_shift import prior_shift, shift_probabilities
from tailtune.errors import TailtuneError
from tailtune.jobs.progress import Lines
from tailtune.run.finished import Finished
from tailtune.study.comparison import Comparison
from tailtune.study.conduct import conduct
from tailtune.study.tidy_table import read_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ERM and a balanced sampler under three decisions, one seed."""
    out = tmp_path_factory.mktemp("decisions") / "study"
    asked = Comparison(
        data=("digits",),
        ratios=(0.05,),
        methods="erm,balanced_sampling",
        decisions=("none", "prior", "fitted"),
        seeds=1,
        epochs=2,
        jobs=1,
        accelerator="cpu",
        out=str(out),
    )
    conduct(asked.study(), show=lambda what: nullcontext(Lines(str, what)), say=lambda sentence: None)
    return out


def test_arms_share_the_trainings_of_their_method(folder: Path) -> None:
    table = read_study(folder)
    assert table["arm"].to_list() == [
        "erm",
        "balanced_sampling",
        "erm, prior",
        "balanced_sampling, prior",
        "erm, fitted",
        "balanced_sampling, fitted",
    ]
    assert table["decision"].to_list() == ["none", "none", "prior", "prior", "fitted", "fitted"]
    assert table["folder"].n_unique() == 2
    assert len(list((folder / "runs").iterdir())) == 2


def test_figures_are_those_of_the_decision(folder: Path) -> None:
    table = read_study(folder)
    by_arm = {row["arm"]: row for row in table.iter_rows(named=True)}
    run = Finished(folder / by_arm["erm"]["folder"])
    made, counts = run.predictions, run.result.data.counts.train
    corrected = shift_probabilities(made.scores, prior_shift(counts))
    for arm, p in (("erm", made.scores), ("erm, prior", corrected)):
        losses = -np.log(p[np.arange(len(p)), made.targets])
        assert by_arm[arm]["log_loss"] == pytest.approx(losses.mean())
        assert by_arm[arm]["accuracy"] == pytest.approx((p.argmax(axis=1) == made.targets).mean())
    # sampled in balance and tested in balance: there is nothing to correct
    assert by_arm["balanced_sampling"]["log_loss"] == pytest.approx(by_arm["balanced_sampling, prior"]["log_loss"])


def test_without_validation_rows_fitted_is_prior(folder: Path) -> None:
    by_arm = {row["arm"]: row for row in read_study(folder).iter_rows(named=True)}
    for key in ("log_loss", "balanced_accuracy"):
        assert by_arm["erm, fitted"][key] == by_arm["erm, prior"][key]


def test_decisions_are_given_once() -> None:
    with pytest.raises(TailtuneError, match="one or several of none, prior and fitted, each once"):
        Comparison(data=("digits",), methods="erm", decisions=("none", "none")).study()
