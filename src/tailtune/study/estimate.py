"""What a comparison will cost, from a few timed steps of each method: hours and disk space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailtune.data.opened import opened
from tailtune.errors import TailtuneError
from tailtune.run.learner import Price
from tailtune.run.learners import learner_of
from tailtune.study.comparison import Comparison
from tailtune.study.plan import Problem
from tailtune.study.training_task import Training
from tailtune.study.tune import Tuning

FIXED = 2.0  # seconds for building, evaluating and writing
FILES = 60_000  # bytes of run.yaml, result.json and metrics.jsonl


@dataclass(frozen=True)
class Timed:
    """A method on one data set: what one training takes; or why it could not be timed."""

    price: Price | None
    problem: str | None = None


def timed(problem: Problem, method: str) -> Timed:
    """Try `method` for a moment."""
    run = replace(problem.run, method=method)
    try:
        price = learner_of(run.model).price(run, opened(run))
    except TailtuneError as error:
        return Timed(None, " ".join(str(error).split()))
    return Timed(replace(price, seconds=price.seconds + FIXED))


def estimate(
    asked: Comparison,
    found: Sequence[Problem],
    trainings: Sequence[Training],
    tunings: Sequence[Tuning],
    jobs: int,
) -> dict[str, Any]:
    """Return what is left to do, and what it takes.

    Args:
        asked: what is compared.
        found: the data sets.
        trainings: all of this process's share.
        tunings: the searches for settings.
        jobs: trainings at a time.

    Returns:
        A dictionary ready for JSON: rows (one a method on a data set: runs, cached, trials, seconds a run, and the
        problem where it could not be timed), runs, cached, trials, jobs, hours (of those that could be timed) and
        megabytes.
    """
    rows, seconds, space = [], 0.0, 0.0
    for problem in found:
        for method in problem.methods:
            own = [t for t in trainings if (t.dataset, t.method) == (problem.name, method)]
            search = [t for t in tunings if (t.dataset, t.method) == (problem.name, method)]
            cached = sum(training.done() for training in own)
            trials = sum(tuning.trials - len(tuning.summary()["trials"]) for tuning in search)
            cost = timed(problem, method)
            each = cost.price or Price(0.0)
            seconds += each.seconds * (len(own) - cached + trials)
            space += (len(own) - cached) * _bytes(asked, problem, each)
            rows.append(
                {
                    "dataset": problem.run.data,
                    "ratio": problem.run.ratio,
                    "method": method,
                    "runs": len(own),
                    "cached": cached,
                    "trials": trials,
                    "seconds": None if cost.price is None else cost.price.seconds,
                    "problem": cost.problem,
                }
            )
    return {
        "rows": rows,
        "runs": len(trainings),
        "cached": sum(row["cached"] for row in rows),
        "trials": sum(row["trials"] for row in rows),
        "jobs": jobs,
        "hours": seconds / jobs / 3600,
        "megabytes": space / 1e6,
    }


def _bytes(asked: Comparison, problem: Problem, price: Price) -> float:
    """Disk space of one finished training."""
    space = FILES + 8.0 * problem.test_rows * problem.classes
    if asked.keep != "predictions":
        space += price.model_bytes
    if asked.keep == "all":
        space += price.checkpoint_bytes
    return space
