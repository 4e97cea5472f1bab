"""One trial: a training with some settings, and what it makes of the rows that choose and of those that judge."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.data.dataset import Dataset
from tailtune.decision.deployment import train_balance
from tailtune.errors import TailtuneError
from tailtune.files import write_whole
from tailtune.methods.implied_balance import implied_balance
from tailtune.methods.resolve import build
from tailtune.profile import Floats, Indices
from tailtune.run.learner import Job
from tailtune.run.learners import fit_model, with_threads
from tailtune.settings import Run
from tailtune.training.device import processor_threads
from tailtune.training.observer import Silent

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


def attempt(run: Run, dataset: Dataset, trial: optuna.Trial, until: float | None) -> Made:
    """Train with the settings of `run`.

    Args:
        run: what to train.
        dataset: of the search, see `for_search`.
        trial: is told the loss of each epoch.
        until: when it must be over, by `time.monotonic`.

    Raises:
        TailtuneError: a training that fails.
        TrialPruned: one that was given up.
    """
    method = build(run.method or "erm", dataset.profile)
    alike = np.allclose(implied_balance(method, dataset.profile), train_balance(dataset.profile))

    @contextmanager
    def watch() -> Iterator[Pruning | None]:
        # losses of an epoch are those before calibration, which cannot be compared across balances of the classes
        yield Pruning(trial) if alike else None

    if until is not None:
        run = replace(run, minutes=max(0.05, (until - time.monotonic()) / 60))
    run = with_threads(replace(run, selection="validation", decision="fitted", objective="log_loss"), dataset)
    fitted = fit_model(run, dataset, Job(watch=watch, until=until))
    assert fitted is not None
    assert dataset.val is not None
    with processor_threads(run.threads):
        choose, judge = (fitted.predictor.probabilities(part.inputs) for part in (dataset.val, dataset.test))
    return Made(choose, judge)


def losses(probabilities: Floats, targets: Indices, weights: Floats | None) -> Floats:
    """Return the log loss of each row [N], times its class's weight (weights [K])."""
    found = -np.log(np.maximum(probabilities[np.arange(len(targets)), targets], 1e-15))
    return np.asarray(found if weights is None else found * weights[targets])
