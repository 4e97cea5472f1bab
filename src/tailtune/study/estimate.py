"""What a study will cost: each arm is tried for a moment on each data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tailtune.data.opened import opened
from tailtune.errors import TailtuneError
from tailtune.run.learner import Price
from tailtune.run.learners import learner_of
from tailtune.settings import Run
from tailtune.study.plan import Problem
from tailtune.study.study import Study
from tailtune.study.training_task import TrainingTask
from tailtune.study.tune import Tuning
from tailtune.training.device import processor_threads

FIXED = 2.0  # seconds for building, evaluating and writing
FILES = 60_000  # bytes of run.yaml, result.json and metrics.jsonl


@dataclass(frozen=True)
class ArmCost:
    """What is left to do of an arm on a data set.

    Attributes:
        dataset, ratio, arm: which.
        runs: trainings.
        cached: those that are finished.
        trials: of a search that are to be made.
        seconds: of one training; None where it could not be timed.
        problem: why not.
    """

    dataset: str
    ratio: float | None
    arm: str
    runs: int
    cached: int
    trials: int
    seconds: float | None
    problem: str | None = None


@dataclass(frozen=True)
class Cost:
    """What is left to do of a study, and what it takes.

    Attributes:
        rows: an arm on a data set each.
        runs, cached, trials: their sums.
        jobs: trainings at a time.
        hours: of those that could be timed.
        megabytes: of disk space.
    """

    rows: tuple[ArmCost, ...]
    runs: int
    cached: int
    trials: int
    jobs: int
    hours: float
    megabytes: float


def estimate(
    study: Study,
    found: Sequence[Problem],
    trainings: Sequence[TrainingTask],
    tunings: Sequence[Tuning],
    jobs: int,
) -> Cost:
    """Return what is left to do, and what it takes.

    Args:
        study: what is compared.
        found: the data sets.
        trainings: all of this process's share.
        tunings: the searches for settings.
        jobs: trainings at a time.
    """
    rows, seconds, space = [], 0.0, 0.0
    for problem in found:
        for name, run in problem.arms.items():
            own = [t for t in trainings if (t.dataset, t.arm) == (problem.name, name)]
            search = [t for t in tunings if (t.dataset, t.arm) == (problem.name, name)]
            cached = sum(training.done() for training in own)
            trials = sum(tuning.trials - len(tuning.summary().trials) for tuning in search)
            price, wrong = _price(run)
            each = price or Price(0.0)
            seconds += each.seconds * (len(own) - cached + trials)
            space += (len(own) - cached) * _bytes(study, problem, each)
            cost = None if price is None else price.seconds
            rows.append(ArmCost(run.data, run.ratio, name, len(own), cached, trials, cost, wrong))
    return Cost(
        rows=tuple(rows),
        runs=len(trainings),
        cached=sum(row.cached for row in rows),
        trials=sum(row.trials for row in rows),
        jobs=jobs,
        hours=seconds / jobs / 3600,
        megabytes=space / 1e6,
    )


def _price(run: Run) -> tuple[Price | None, str | None]:
    """What one training of `run` takes; or one line about why it could not be timed."""
    try:
        with processor_threads(run.threads):
            price = learner_of(run.model).price(run, opened(run))
    except TailtuneError as error:
        return None, " ".join(str(error).split())
    return replace(price, seconds=price.seconds + FIXED), None


def _bytes(study: Study, problem: Problem, price: Price) -> float:
    """Disk space of one finished training."""
    space = FILES + 8.0 * problem.test_rows * problem.classes
    if study.keep != "predictions":
        space += price.model_bytes
    if study.keep == "all":
        space += price.checkpoint_bytes
    return space
