"""`compare`: several methods on the same splits, seeds and settings, from plan to statistics and report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailtune.data.image_dataset import available_memory
from tailtune.jobs.capacity import Capacity, capacity
from tailtune.jobs.engine import engine, has_machines
from tailtune.jobs.launch import refuse_failures
from tailtune.jobs.shard import Shard
from tailtune.jobs.task import Progress, Task
from tailtune.report.compare_page import write_compare_page
from tailtune.run.environment import visible_gpus
from tailtune.study.comparison import Comparison, check_comparison, check_study_folder
from tailtune.study.estimate import estimate
from tailtune.study.plan import Problem, problems, trainings
from tailtune.study.table import write_results, write_study
from tailtune.study.tune import Tuning, tunings

PROCESS = 1.0e9  # bytes: libraries, a small network and its optimiser
COPIES = 4  # of the data: as read, in parts, and what training and evaluation make of them
Show = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Compared:
    """What a comparison has come to.

    Attributes:
        folder: of the study.
        results: the content of results.json.
        failures: one line for each training that failed in this process, with its title.
        elsewhere: trainings that are not finished and that other processes do, or are to do.
    """

    folder: Path
    results: dict[str, Any]
    failures: dict[str, str]
    elsewhere: int


def compare(asked: Comparison, *, show: Show, say: Callable[[str], object] = print) -> Compared:
    """Carry out a comparison, or what is left of it.

    Args:
        asked: what to compare; ``asked.out`` names the folder.
        show: opens an observer of what is counted, such as trainings.
        say: is told, in a sentence each, what was noticed about the data and what is shared.

    Returns:
        The results of all trainings that are finished by now.

    Raises:
        TailtuneError: anything wrong with the input, or no training that worked.
        Interrupted: stopped by a signal; the same comparison goes on from there.
    """
    found, shard = _planned(asked, say)
    folder, searches = Path(asked.out), tunings(asked, found)
    write_study(asked)
    with engine(
        asked.on,
        folder,
        _room(asked, found),
        minutes=asked.claim_minutes,
        gpus=_gpus(asked),
        gpu={"cpu": False, "auto": None, "cuda": True}[asked.accelerator],
        memory=_memory(found),
    ) as carry_out:
        if searches:
            here = [
                *searches[shard.index - 1 :],
                *searches[: shard.index - 1],
            ]  # so that shards begin with different ones
            with show("searches") as progress:
                wrong = carry_out(here, progress, wait=True)
            refuse_failures(_titled(wrong, here))
        listed = trainings(asked, found, _best(searches))
        mine = list(shard.of(listed))
        with show("trainings") as progress:
            failures = carry_out(mine, progress)
    if failures and not any(training.done() for training in listed):
        refuse_failures(_titled(failures, mine))
    results = write_results(asked, found, listed, searches, failures)
    write_compare_page(folder)
    return Compared(
        folder=folder,
        results=results,
        failures=_titled(failures, mine),
        elsewhere=sum(not training.done() and training.key not in failures for training in listed),
    )


def price(asked: Comparison, *, say: Callable[[str], object] = print) -> dict[str, Any]:
    """Return what a comparison would cost, see `estimate`; nothing is written, and a few steps are trained.

    Args:
        asked: what to compare.
        say: as for `compare`.

    Raises:
        TailtuneError: anything wrong with the input.
    """
    found, shard = _planned(asked, say)
    searches = tunings(asked, found)
    mine = list(shard.of(trainings(asked, found, _best(searches))))
    return estimate(asked, found, mine, searches, _room(asked, found).jobs or 1)


def _planned(asked: Comparison, say: Callable[[str], object]) -> tuple[list[Problem], Shard]:
    check_comparison(asked)
    check_study_folder(Path(asked.out))
    shard = Shard.read(asked.shard)
    found = problems(asked, say)
    for problem in found:
        say(f"shared by all methods on {problem.shared}")
    return found, shard


def _room(asked: Comparison, found: list[Problem]) -> Capacity:
    if has_machines(asked.on):
        return Capacity(asked.jobs, asked.threads)
    tasks = asked.seeds * sum(len(problem.methods) for problem in found)
    gpus, free = len(_gpus(asked)), available_memory()
    return capacity(asked.jobs, asked.threads, gpus=gpus, free=free, need=_memory(found), tasks=tasks)


def _gpus(asked: Comparison) -> tuple[str, ...]:
    return () if asked.accelerator == "cpu" else visible_gpus()


def _memory(found: list[Problem]) -> float:
    return PROCESS + COPIES * max(problem.bytes for problem in found)


def _best(searches: list[Tuning]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(tuning.dataset, tuning.method): tuning.best() for tuning in searches}


def _titled(failures: dict[str, str], tasks: Sequence[Task]) -> dict[str, str]:
    titles = {task.key: task.title for task in tasks}
    return {titles[key]: line for key, line in failures.items()}
