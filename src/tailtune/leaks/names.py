"""Columns and file names that look like a group or a time of the rows, though nobody declared them as such."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

# what one person, thing or recording is called of which there are several rows; others than these may be groups, too
_KINDS = (
    *("patient", "subject", "participant", "person", "proband", "lesion", "animal", "specimen", "donor", "family"),
    *("customer", "client", "user", "member", "account", "card", "household", "policyholder", "borrower"),
    *("track", "video", "clip", "session", "sequence", "recording", "speaker", "scene", "trip", "visitor"),
)
_GROUP = re.compile(rf"(^|[_\W])({'|'.join(_KINDS)})s?([_\W]?(id|no|nr|num|number|name|key|code|uuid|hash))?$", re.I)
_CAMEL = re.compile(rf"(^|.*[a-z])({'|'.join(kind.capitalize() for kind in _KINDS)})(Id|ID|No|Number|Name|Key|Code)?$")
_IDENTIFIER = re.compile(r".*[_\W](?i:id|uuid|guid)$|.*[a-z](Id|ID)$")
_TIME = re.compile(
    r"(^|.*[_\W])(date|datetime|time|timestamp|year|month_year|created|updated|recorded|observed)([_\W]?at)?$", re.I
)
_BORN = re.compile(r"birth|born|dob", re.I)
_BEFORE_LAST = r"([^/]+)[_ -][^/]*$"  # what stands before the last part of a file name
_RUNNING = re.compile(r"[_ -][^_ -]*\d\.[^.]*$")

FEWEST_GROUPS, ROWS_A_GROUP = 10, 1.2
FEWEST_PAIRS = 3  # of pictures that are alike, that show what belongs together
FEWEST_PATHS_SHARE = 0.8  # of the files whose names must have the form
UNREADABLE = 0.1  # of a column's rows, up to which it is one of dates
SHARED = 0.01  # of the test rows, which must have their group in training for it to be worth a word


@dataclass(frozen=True, eq=False)
class GroupLike:
    """A column, or a part of the file names, whose equal values may belong together.

    Attributes:
        name: of the column; of files the regular expression, or parent for the folder.
        groups: how many values there are in training.
        shared: which test rows have a value that training has [M].
        sure: whether the name says what it is, such as patient; others are guesses.
        example: a value.
        column: whether it is a column, of a table or of a manifest of pictures.
    """

    name: str
    groups: int
    shared: NDArray[np.bool_]
    sure: bool
    example: str
    column: bool = False


def group_columns(known: pl.DataFrame, asked: pl.DataFrame) -> list[GroupLike]:
    """Find columns that are named like a group and whose values repeat, also between the parts.

    A column counts with ten values or more that have 1.2 rows each on average, if some test rows share theirs with
    training. Identifiers of an unknown kind (shop_id) count only where values are many: one for every 20 rows or more.

    Args:
        known: training rows [N], without the target.
        asked: test rows [M].
    """
    found = []
    for name in known.columns:
        sure = bool(_GROUP.search(name) or _CAMEL.match(name))
        if not (sure or _IDENTIFIER.match(name)) or name not in asked.columns or known[name].dtype.is_nested():
            continue
        values, tested = _texts(known[name]), _texts(asked[name])
        present = values[values != ""]
        kinds = len(np.unique(present))
        if kinds < FEWEST_GROUPS or len(present) < ROWS_A_GROUP * kinds or (not sure and 20 * kinds < len(present)):
            continue
        shared = (tested != "") & np.isin(tested, present)
        if shared.mean() >= SHARED:
            found.append(GroupLike(name, kinds, shared, sure, str(present[0]), column=True))
    return sorted(found, key=lambda group: (not group.sure, -group.shared.mean()))


def time_columns(known: pl.DataFrame, asked: pl.DataFrame, read_as_dates: Collection[str] = ()) -> list[str]:
    """Names of the columns that say when a row came about, where training has rows as late as those of the test.

    These are dates and times, and numbers with a name like year, unless they are dates of birth; they count if a tenth
    of the test rows or more is earlier than the last tenth of the training rows, as after a split at random.

    Args:
        known: training rows [N], without the target.
        asked: test rows [M].
        read_as_dates: columns that the model is given as dates.
    """
    import polars as pl

    from tailtune.data.columns import dates, numbers

    found = []
    for name in known.columns:
        kind = known[name].dtype
        dated = kind in (pl.Date, pl.Datetime) or name in read_as_dates
        if _BORN.search(name) or not (dated or _TIME.match(name)) or name not in asked.columns or kind.is_nested():
            continue
        when, tested = known[name], asked[name]
        if kind == pl.String:
            times = dates(when)[0]
            if times.null_count() <= UNREADABLE * len(when):
                when, tested = times, dates(tested)[0]
        if when.dtype not in (pl.Date, pl.Datetime):
            when, tested = (pl.Series(numbers(column)[0]).fill_nan(None) for column in (when, tested))
        before, after = (column.cast(pl.Float64).drop_nulls() for column in (when, tested))
        if before.n_unique() < FEWEST_GROUPS or after.is_empty():
            continue
        late = before.quantile(0.9)
        if late is not None and float((after < late).mean() or 0) >= 0.1:
            found.append(name)
    return found


def group_of_files(
    known: Sequence[str], asked: Sequence[str], classes: Sequence[str], pairs: Sequence[tuple[str, str]] = ()
) -> GroupLike | None:
    """Find in the paths of pictures what may belong together: folders within a class, or names that a number ends.

    Names such as 00012_00003.png and left-7-frame12.png are split before their last number. The form counts if four
    fifths of the files have it, and if what stands before the number is neither the same everywhere, nor another in
    every file, nor little more than the name of the class.

    Args:
        known: paths of the training pictures [N].
        asked: paths of the test pictures [M].
        classes: names of the classes [K].
        pairs: pictures of the test and of training that are alike; where most of them agree in the form, it counts
            however few groups it makes.
    """
    parents = [_parent(path, classes) for path in (*known, *asked)]
    agree = [_parent(a, classes) == _parent(b, classes) for a, b in pairs]
    found = _grouped(parents, len(known), len(classes), _mostly(agree))
    if found is not None:
        return GroupLike("parent", found[0], found[1], True, found[2])
    agree = [_before_number(a) == _before_number(b) for a, b in pairs]
    found = _grouped([_before_number(path) for path in (*known, *asked)], len(known), len(classes), _mostly(agree))
    return None if found is None else GroupLike(_BEFORE_LAST, found[0], found[1], _mostly(agree), found[2])


def _mostly(agree: Sequence[bool]) -> bool:
    return len(agree) >= FEWEST_PAIRS and sum(agree) > len(agree) / 2


def _before_number(path: str) -> str:
    """What `_BEFORE_LAST` finds in the name of a file that a number ends, nothing in others."""
    match = re.search(_BEFORE_LAST, path) if _RUNNING.search(path) else None
    return "" if match is None else match[1]


def _parent(path: str, classes: Sequence[str]) -> str:
    """The folder in which a picture lies within that of its class; nothing where that is the class's own."""
    folders = path.split("/")[:-1]
    own = next((place for place, folder in enumerate(folders) if folder in classes), None)
    within = [] if own is None else folders[own + 1 :]
    return within[-1] if within else ""


def _grouped(
    values: Sequence[str], known: int, classes: int, confirmed: bool
) -> tuple[int, NDArray[np.bool_], str] | None:
    """Return how many values there are, which of the files asked for share theirs, and one, if they are like groups."""
    held = Counter(value for value in values[:known] if value)
    rows = sum(held.values())
    several = len(held) >= (2 if confirmed else max(FEWEST_GROUPS, 2 * classes)) and rows >= 2 * len(held)
    if rows < FEWEST_PATHS_SHARE * known or not several:
        return None
    shared = np.array([value in held for value in values[known:]], dtype=bool)
    if not len(shared) or shared.mean() < SHARED:
        return None
    return len(held), shared, held.most_common(1)[0][0]


def _texts(column: pl.Series) -> NDArray[np.str_]:
    import polars as pl

    return np.asarray(column.cast(pl.String, strict=False).fill_null("").to_numpy(), dtype=np.str_)
