"""`StudyResult`: what a study found, as frozen dataclasses; JSON only at the file's edge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tailtune.data.dataset import Headline
from tailtune.errors import TailtuneError
from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.measures import MEASURES, at
from tailtune.files import check_format
from tailtune.run.result import Machine
from tailtune.study.learning_curve import Curve
from tailtune.study.statistics import SECONDS, Statistics, compare

SCHEMA = 2  # of results.json; 1 named no version
RESULTS = "results.json"

Scalar = str | float | int | bool | None
Row = dict[str, Scalar]


@dataclass(frozen=True)
class _Training:
    """What readers rely on in every row."""

    dataset: str
    ratio: float | None
    arm: str
    seed: int
    split_hash: str | None = None
    headline: Headline | None = None


@dataclass(frozen=True)
class Start:
    """What readers rely on in every entry of `shared`: the data set and its ratio."""

    data: str
    ratio: float | None


@dataclass(frozen=True)
class Failure:
    """A training that failed, with one line about why."""

    dataset: str
    ratio: float | None
    arm: str
    seed: int
    error: str


@dataclass(frozen=True)
class Missing:
    """Seeds of an arm on a data set whose trainings are not finished."""

    dataset: str
    ratio: float | None
    arm: str
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Trial:
    """Settings that a search tried, with their score on validation rows; or None, and one line about why."""

    settings: dict[str, Scalar]
    score: float | None
    error: str | None


@dataclass(frozen=True)
class Search:
    """The search for the settings of an arm on a data set: its trials, and the best settings."""

    dataset: str
    arm: str
    score: str
    trials: tuple[Trial, ...]
    best: dict[str, Scalar]


@dataclass(frozen=True)
class StudyResult:
    """Everything that a study found so far, with what it takes to have it again.

    Attributes:
        schema: version of the file format.
        tailtune: version of tailtune.
        command: as it was typed.
        finished: when, in UTC (ISO 8601).
        versions: of Python and of the packages that results depend on.
        machine: where the table was written.
        asked: the study as it was asked for.
        varied: the fields that its arms change.
        planned: number of trainings.
        shared: what all arms start from, on each data set.
        searches: the searches for settings.
        failed: the trainings that failed in the process that wrote this.
        rows: the tidy table, a row a finished training.
        curves: the learning curves of those that have epochs.
        measures: a person's own measures, and figures of analyses that stand in the table.
        statistics: every arm against the baseline.
        missing: the trainings that were not finished when this was written.
    """

    schema: int
    tailtune: str
    command: str
    finished: str
    versions: dict[str, str]
    machine: Machine
    asked: dict[str, object]
    varied: tuple[str, ...]
    planned: int
    shared: tuple[dict[str, object], ...]
    searches: tuple[Search, ...]
    failed: tuple[Failure, ...]
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...]
    measures: tuple[Quantity, ...]
    statistics: Statistics
    missing: tuple[Missing, ...] = ()


def read_results(folder: Path) -> StudyResult:
    """Read results.json of a study's folder; its statistics are computed anew from its rows.

    Raises:
        TailtuneError: it is missing, broken, or of another version.
    """
    import msgspec

    path = Path(folder) / RESULTS
    try:
        raw: Any = msgspec.json.decode(path.read_bytes())
        version = raw.get("schema", 1) if isinstance(raw, dict) else None
        if isinstance(version, int):
            again = "run the same command again to write it from the trainings that are there"
            check_format(path, version, SCHEMA, again)
        result = msgspec.convert(raw, StudyResult)
        msgspec.convert(result.rows, tuple[_Training, ...])
        msgspec.convert(result.shared, tuple[Start, ...])
    except FileNotFoundError as error:
        raise TailtuneError(f"{path} does not exist; {path.parent} is not the folder of a study") from error
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TailtuneError(f"{path} cannot be read ({error}); run the same command again to write it") from error
    compared, told = [*at("study", [*MEASURES, *result.measures]), SECONDS], result.statistics
    try:
        statistics = compare(result.rows, told.baseline, compared, told.level, told.noun)
    except TailtuneError as error:
        raise TailtuneError(f"{path} cannot be read ({error}); run the same command again to write it") from error
    return replace(result, statistics=statistics)
