"""One trial: a training with some settings, and what it makes of the rows that choose and of those that judge."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.decision.deployment import train_balance
from tailtune.errors import TailtuneError
from tailtune.files import write_whole
from tailtune.methods.implied_balance import implied_balance
from tailtune.methods.resolve import build
from tailtune.profile import Floats, Indices
from tailtune.run.learner import Job
from tailtune.run.learners import fit_model, with_threads
from tailtune.run.learners.calibrated_members import calibrated_members
from tailtune.settings import Run
from tailtune.training.device import processor_threads
from tailtune.training.observer import Silent
from tailtune.tuning.parts import SearchRows

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True, eq=False)
class Made:
    """Class probabilities that a trial gives the rows that choose [N, K] and those that judge [M, K]."""

    choose: Floats
    judge: Floats

    def write(self, path: Path) -> None:
        """Write them to an .npz file."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, choose=self.choose, judge=self.judge)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, buffer.getvalue())

    @classmethod
    def read(cls, path: Path) -> Made:
        """Read what `write` wrote.

        Raises:
            TailtuneError: the file is missing or broken.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(arrays["choose"], arrays["judge"])
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise TailtuneError(f"{path} cannot be read ({error}); delete the folder and tune again") from error


class Pruning(Silent):
    """Tells a trial its loss after each epoch, and stops it where others were better by then."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial

    def epoch(self, row: dict[str, Any]) -> None:
        """Report the loss.

        Raises:
            TrialPruned: it is of no use to go on.
        """
        import optuna

        loss = row.get("val_loss")
        if loss is None or "stage" in row:  # epochs of several stages cannot be compared
            return
        self.trial.report(float(loss), int(row["epoch"]))
        if self.trial.should_prune():
            raise optuna.TrialPruned


def attempt(run: Run, rows: SearchRows, trial: optuna.Trial, until: float | None) -> Made:
    """Train with the settings of `run`, and calibrate on the rows that choose.

    Args:
        run: what to train.
        rows: of the search.
        trial: is told the loss of each epoch of the first training.
        until: when it must be over, by `time.monotonic`.

    Raises:
        TailtuneError: a training that fails.
        TrialPruned: one that was given up.
    """
    profile, trainings = rows.dataset.profile, rows.chosen_by.trainings
    method = build(run.method or "erm", profile)
    alike = np.allclose(implied_balance(method, profile), train_balance(profile))

    @contextmanager
    def watch() -> Iterator[Pruning | None]:
        # losses of an epoch are those before calibration, which cannot be compared across balances of the classes
        yield Pruning(trial) if alike else None

    run = with_threads(replace(run, selection="validation", decision="none", objective="log_loss"), rows.dataset)
    fitted = []
    for number, training in enumerate(trainings):
        ends, timed = None, run
        if until is not None:
            left = max(0.0, until - time.monotonic()) / (len(trainings) - number)
            ends, timed = time.monotonic() + left, replace(run, minutes=max(0.05, left / 60))
        one = fit_model(timed, training, Job(watch=nullcontext if number else watch, until=ends))
        assert one is not None
        fitted.append(one)
    predictors, choose = calibrated_members(fitted, rows.chosen_by)
    assert choose is not None
    with processor_threads(run.threads):
        judge = np.mean([predictor.probabilities(rows.dataset.test.inputs) for predictor in predictors], axis=0)
    return Made(choose, judge)


def losses(probabilities: Floats, targets: Indices, weights: Floats | None) -> Floats:
    """Return the log loss of each row [N], times its class's weight (weights [K])."""
    found = -np.log(np.maximum(probabilities[np.arange(len(targets)), targets], 1e-15))
    return np.asarray(found if weights is None else found * weights[targets])
