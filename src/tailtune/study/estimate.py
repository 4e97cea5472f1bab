"""What a comparison will cost, from a few timed steps of each method: hours and disk space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tailtune.data.opened import opened
from tailtune.errors import TailtuneError
from tailtune.models import trees
from tailtune.run.fit_model import fit_model
from tailtune.study.comparison import Comparison
from tailtune.study.plan import Problem
from tailtune.study.training_task import Training
from tailtune.study.tune import Tuning

STEPS = 20
FIXED = 2.0  # seconds for building, evaluating and writing
FILES = 60_000  # bytes of run.yaml, result.json and metrics.jsonl
CHECKPOINT_COPIES = 4  # of the parameters: network, momentum, weight average, best weights


@dataclass(frozen=True)
class Timed:
    """A method on one data set: seconds of one training, and its parameters; or why it could not be timed."""

    seconds: float | None
    parameters: int
    problem: str | None = None


def timed(problem: Problem, method: str) -> Timed:
    """Train `method` for one epoch of about 20 steps, twice, and extend what the second took to all epochs."""
    run = replace(problem.run, method=method)
    dataset = opened(run)
    part = dataset.train
    if run.model not in trees.NAMES:
        assert run.batch_size is not None
        rows = min(len(part), STEPS * run.batch_size)
        spread = np.linspace(0, len(part) - 1, rows).astype(np.int64)
        dataset = replace(dataset, train=part.take(spread))
        run = replace(run, epochs=1)
    try:
        fitted = None
        for _ in range(2):  # the first one pays for warming up
            fitted = fit_model(run, dataset)
        assert fitted is not None
    except TailtuneError as error:
        return Timed(None, 0, " ".join(str(error).split()))
    training = fitted.training
    if run.model in trees.NAMES:
        return Timed(training["seconds"] + FIXED, 0)
    assert problem.run.epochs is not None
    assert run.batch_size is not None
    steps = problem.run.epochs * (len(part) // min(run.batch_size, len(part)))
    return Timed(steps * training["seconds_per_step"] + FIXED, training["parameters"])


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
            seconds += (cost.seconds or 0.0) * (len(own) - cached + trials)
            space += (len(own) - cached) * _bytes(asked, problem, cost.parameters)
            rows.append(
                {
                    "dataset": problem.run.data,
                    "ratio": problem.run.ratio,
                    "method": method,
                    "runs": len(own),
                    "cached": cached,
                    "trials": trials,
                    "seconds": cost.seconds,
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


def _bytes(asked: Comparison, problem: Problem, parameters: int) -> float:
    """Disk space of one finished training."""
    space = FILES + 8.0 * problem.test_rows * problem.classes
    if asked.keep != "predictions":
        space += 4 * parameters
    if asked.keep == "all":
        space += 4 * parameters * CHECKPOINT_COPIES
    return space
