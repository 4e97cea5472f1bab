"""`conduct`: a study from plan to table, whoever does its trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tailtune.data.memory import available_memory
from tailtune.jobs.capacity import Capacity, capacity
from tailtune.jobs.engine import engine, has_machines
from tailtune.jobs.launch import refuse_failures
from tailtune.jobs.shard import Shard
from tailtune.jobs.task import Progress, Task
from tailtune.processors import cores
from tailtune.run.environment import visible_gpus
from tailtune.study.estimate import Cost, estimate
from tailtune.study.plan import Problem, problems, trainings
from tailtune.study.planned import write_plan
from tailtune.study.results import Scalar, StudyResult
from tailtune.study.study import Study, check_study, check_study_folder
from tailtune.study.tidy_table import write_results, write_study
from tailtune.study.training_task import TrainingTask
from tailtune.study.tune import Tuning, tunings
from tailtune.words import counted

PROCESS = 1.0e9  # bytes: libraries, a small network and its optimiser
COPIES = 4  # of the data: as read, in parts, and what training and evaluation make of them
Show = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Conducted:
    """What a study has come to.

    Attributes:
        folder: of the study.
        result: the content of results.json.
        failures: one line for each training that failed in this process, with its title.
        elsewhere: trainings that are not finished and that other processes do, or are to do.
    """

    folder: Path
    result: StudyResult
    failures: dict[str, str]
    elsewhere: int


def conduct(study: Study, *, show: Show, say: Callable[[str], object] = print, lenient: bool = False) -> Conducted:
    """Carry out a study, or what is left of it.

    Args:
        study: what to do; ``study.out`` names the folder.
        show: opens an observer of what is counted, such as trainings.
        say: is told, in a sentence each, what was noticed about the data and what is shared.
        lenient: leave out arms whose method does not take the data instead of refusing them.

    Returns:
        The results of all trainings that are finished by now.

    Raises:
        TailtuneError: anything wrong with the input, or no training that worked.
        Interrupted: stopped by a signal; the same study goes on from there.
    """
    found, shard = _planned(study, say, lenient)
    folder, searches = Path(study.out), tunings(study, found)
    room = _room(study, found)
    _say_if_crowded(study, room, say)
    write_study(study)
    with engine(
        study.on,
        folder,
        room,
        minutes=study.claim_minutes,
        gpus=_gpus(study),
        gpu={"cpu": False, "auto": None, "cuda": True}[study.accelerator],
        memory=_memory(found),
    ) as carry_out:
        if searches:
            here = [*searches[shard.index - 1 :], *searches[: shard.index - 1]]  # so that shards begin apart
            with show("searches") as progress:
                wrong = carry_out(here, progress, wait=True)
            refuse_failures(_titled(wrong, here))
        listed = trainings(study, found, _best(searches))
        planned = write_plan(study, found, listed, searches)
        mine = list(shard.of(_once(listed)))
        with show("trainings") as progress:
            failures = carry_out(mine, progress)
    if failures and not any(training.done() for training in listed):
        refuse_failures(_titled(failures, mine))
    return Conducted(
        folder=folder,
        result=write_results(folder, planned, failures),
        failures=_titled(failures, mine),
        elsewhere=sum(not training.done() and training.key not in failures for training in _once(listed)),
    )


def price(study: Study, *, say: Callable[[str], object] = print, lenient: bool = False) -> Cost:
    """Return what a study would cost, see `estimate`; nothing is written, and a few steps are trained.

    Args:
        study: what to do.
        say: as for `conduct`.
        lenient: as for `conduct`. Anything wrong with the input raises a TailtuneError.
    """
    found, shard = _planned(study, say, lenient)
    searches = tunings(study, found)
    mine = list(shard.of(_once(trainings(study, found, _best(searches)))))
    return estimate(study, found, mine, searches, _room(study, found).jobs or 1)


def _once(listed: Sequence[TrainingTask]) -> list[TrainingTask]:
    """Each training once: arms that differ in what is made of its scores share it."""
    return list({task.key: task for task in reversed(listed)}.values())[::-1]


def _planned(study: Study, say: Callable[[str], object], lenient: bool) -> tuple[list[Problem], Shard]:
    check_study(study)
    check_study_folder(Path(study.out))
    shard = Shard.read(study.shard)
    found = problems(study, say, lenient=lenient)
    if study.routine == "shared":
        noun = "methods" if study.noun == "method" else "arms, but for what they change,"
        for problem in found:
            say(f"shared by all {noun} on {problem.shared}")
    return found, shard


def _room(study: Study, found: Sequence[Problem]) -> Capacity:
    threads = max((run.threads or 1 for problem in found for run in problem.arms.values()), default=1)
    if has_machines(study.on):
        return Capacity(study.jobs, threads)
    tasks = study.seeds * sum(len(problem.arms) for problem in found)
    gpus, free = len(_gpus(study)), available_memory()
    return capacity(study.jobs, threads, cores=cores(), gpus=gpus, free=free, need=_memory(found), tasks=tasks)


def _say_if_crowded(study: Study, room: Capacity, say: Callable[[str], object]) -> None:
    """Say where more trainings at a time are asked for than this machine has processors for."""
    fitting = max(1, cores() // room.threads)
    if study.jobs is None or study.jobs <= fitting or has_machines(study.on) or _gpus(study):
        return
    each = counted(room.threads, "processor thread", "processor threads")
    here = counted(cores(), "processor", "processors")
    say(
        f"--jobs {study.jobs} trains so many at a time with {each} each, and this machine has {here}: --jobs {fitting} "
        "is likely to be faster"
    )


def _gpus(study: Study) -> tuple[str, ...]:
    return () if study.accelerator == "cpu" else visible_gpus()


def _memory(found: Sequence[Problem]) -> float:
    return PROCESS + COPIES * max(problem.bytes for problem in found)


def _best(searches: Sequence[Tuning]) -> dict[tuple[str, str], dict[str, Scalar]]:
    return {(tuning.dataset, tuning.arm): tuning.best() for tuning in searches}


def _titled(failures: dict[str, str], tasks: Sequence[Task]) -> dict[str, str]:
    titles = {task.key: task.title for task in tasks}
    return {titles[key]: line for key, line in failures.items()}
