"""`Planned`: all trainings of a study, as its folder names them, so that a report tells what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from tailtune.errors import TailtuneError
from tailtune.files import check_format, write_whole
from tailtune.run.environment import command
from tailtune.run.result import to_json
from tailtune.settings import Run, Settings
from tailtune.study.plan import RUNS, Problem
from tailtune.study.results import Search, Start
from tailtune.study.study import Study, plain
from tailtune.study.training_task import TrainingTask
from tailtune.study.tune import Tuning

SCHEMA = 1  # of plan.json
PLAN = "plan.json"


@dataclass(frozen=True)
class Planned:
    """What a study is to train.

    Attributes:
        schema: version of the file format.
        command: as it was typed.
        asked: the study as it was asked for.
        varied: the fields that its arms change.
        baseline: name of the arm that the others are compared with.
        noun: what an arm is called in sentences.
        measures: a person's own measures, by name.
        shared: what all arms start from, on each data set.
        searches: the searches for settings.
        trainings: all of them, finished or not.
        collect: figures of analyses that stand in the table.
    """

    schema: int
    command: str
    asked: dict[str, object]
    varied: tuple[str, ...]
    baseline: str
    noun: str
    measures: tuple[str, ...]
    shared: tuple[dict[str, object], ...]
    searches: tuple[Search, ...]
    trainings: tuple[TrainingTask, ...]
    collect: tuple[str, ...] = ()


def write_plan(
    study: Study, found: Sequence[Problem], trainings: Sequence[TrainingTask], tunings: Sequence[Tuning]
) -> Planned:
    """Write plan.json into the folder of a study, and return its content.

    Args:
        study: what is compared.
        found: the data sets.
        trainings: all that belong to the study.
        tunings: trials that were made before.

    Raises:
        TailtuneError: no space left, or no right to write.
    """
    planned = Planned(
        schema=SCHEMA,
        command=command(),
        asked=plain(study),
        varied=study.varied,
        baseline=study.reference,
        noun=study.noun,
        measures=study.measures,
        shared=tuple(_shared(problem) for problem in found),
        searches=tuple(tuning.summary() for tuning in tunings),
        trainings=tuple(trainings),
        collect=study.collect,
    )
    write_whole(Path(study.out) / PLAN, to_json(planned))
    return planned


def read_plan(folder: Path) -> Planned:
    """Read plan.json of a study's folder, which may have been moved since.

    Raises:
        TailtuneError: it is missing, broken, or of another version.
    """
    import msgspec

    path = folder / PLAN
    again = "run the same command again, which goes on with what is there"
    try:
        raw: Any = msgspec.json.decode(path.read_bytes())
        check_format(path, raw.get("schema") if isinstance(raw, dict) else None, SCHEMA, again)
        planned = msgspec.convert(raw, Planned)
        msgspec.convert(planned.shared, tuple[Start, ...])
    except FileNotFoundError as error:
        raise TailtuneError(f"{folder} has no list of its trainings yet ({PLAN}); {again}") from error
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TailtuneError(f"{path} cannot be read ({error}); {again}") from error
    unknown = set(planned.varied) - {field.name for field in fields(Run)}
    if unknown:
        raise TailtuneError(f"{path} varies {', '.join(sorted(unknown))}, which a run does not have; {again}")
    there = (replace(task, run=replace(task.run, out=str(folder / RUNS / task.key))) for task in planned.trainings)
    return replace(planned, trainings=tuple(there))


def _shared(problem: Problem) -> dict[str, object]:
    """What all arms start from on one data set."""
    names = ("data", "ratio", *(field.name for field in fields(Settings)))
    return {name: value for name, value in asdict(problem.run).items() if name in names}
