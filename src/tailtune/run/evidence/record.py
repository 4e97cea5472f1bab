"""`Evidence`: what was looked at in a finished run, kept in its folder, so that reports need neither data nor model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailtune.errors import TailtuneError
from tailtune.evaluation.bootstrap import Interval
from tailtune.files import check_format

FILE = "evidence.json"
FORMAT = 1


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of a row.

    Attributes:
        id: of the row, such as the path of the file.
        image: a data URI.
    """

    id: str
    image: str


@dataclass(frozen=True)
class Examples:
    """Training pictures of a class."""

    name: str
    pictures: tuple[Thumbnail, ...]


@dataclass(frozen=True)
class Mistake:
    """A test row with a wrong answer.

    Attributes:
        id: of the row.
        answer: the class that it was given.
        probability: of the answer.
        true_probability: of its own class.
        values: of the columns of `Evidence.columns`, as they were read.
        picture: a data URI, or nothing.
        saliency: likewise, where the network looks.
    """

    id: str
    answer: str
    probability: float
    true_probability: float
    values: tuple[str, ...] = ()
    picture: str = ""
    saliency: str = ""


@dataclass(frozen=True)
class Mistakes:
    """The rows of a class that were answered wrongly.

    Attributes:
        name: of the class.
        rows: test rows of it.
        wrong: how many were answered wrongly.
        shown: those whose own class was given the lowest probability, the lowest first.
    """

    name: str
    rows: int
    wrong: int
    shown: tuple[Mistake, ...]


@dataclass(frozen=True)
class Influence:
    """What is lost when columns are shuffled together.

    Attributes:
        columns: that say much the same, see `tailtune.run.evidence.column_groups`.
        lost: average precision of the rarest classes before less that after, on average over the shufflings.
        interval: its 95 % interval, by the shufflings and by resampled rows.
    """

    columns: tuple[str, ...]
    lost: float
    interval: Interval


@dataclass(frozen=True)
class Influences:
    """Columns by what the model loses without them.

    Attributes:
        before: average precision of the rarest classes, averaged over them.
        rows: test rows that were looked at, weighted to all of them.
        repeats: shufflings of each group.
        groups: groups of columns.
        listed: the most influential ones.
        left: groups that there was no time for, those that go least with the rarest classes.
    """

    before: float
    rows: int
    repeats: int
    groups: int
    listed: tuple[Influence, ...]
    left: int


@dataclass(frozen=True)
class Evidence:
    """What a report shows of single rows and columns.

    Attributes:
        format: version of the file.
        examples: of each class that is shown, from training.
        mistakes: of each class that is shown.
        unshown: classes with mistakes that are not shown.
        columns: names of the columns whose values mistakes have.
        influences: of columns; None for pictures, and where `notes` says why.
        notes: what could not be looked at, a sentence each.
    """

    format: int
    examples: tuple[Examples, ...]
    mistakes: tuple[Mistakes, ...]
    unshown: int
    columns: tuple[str, ...]
    influences: Influences | None
    notes: tuple[str, ...]


def read_evidence(path: Path) -> Evidence | None:
    """Read evidence.json; None where a run has none.

    Raises:
        TailtuneError: it is broken, or of another version.
    """
    import msgspec

    if not path.is_file():
        return None
    try:
        raw: Any = msgspec.json.decode(path.read_bytes())
        check_format(path, raw.get("format", 1), FORMAT)
        return msgspec.convert(raw, Evidence)
    except (OSError, AttributeError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TailtuneError(f"{path} cannot be read ({error}); run the fit again") from error
