"""The target column: class names, class indices, and targets that a classifier cannot learn refused in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import MISSING, texts
from tailtune.errors import TailtuneError, nearest
from tailtune.words import quoted

if TYPE_CHECKING:
    import polars as pl

FEW_VALUES = 20  # whole numbers with up to so many values are classes, however few the rows
FEW_FRACTIONS = 10  # the same of numbers with a fractional part
SHARE_OF_ROWS = 0.1  # whole numbers with more different values than this share of the rows are quantities,
SHARE_IF_INDICES = 0.5  # or than this share if they are 0..K-1 or 1..K without a gap

ORDERED_WORDS = (
    ("none", "very low", "low", "medium", "moderate", "high", "very high"),
    ("none", "minimal", "mild", "moderate", "severe", "critical", "proliferative"),
    ("tiny", "small", "medium", "large", "huge"),
    ("very poor", "poor", "fair", "average", "good", "very good", "excellent"),
    ("very bad", "bad", "average", "good", "very good"),
    ("never", "rarely", "seldom", "sometimes", "often", "always"),
    ("beginner", "intermediate", "advanced", "expert"),
    ("first", "second", "third", "fourth", "fifth"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
)

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


class UnknownClassesError(TailtuneError):
    """Of the `labels` of rows [N] some are not among the `names` of the classes [K].

    Attributes:
        codes: class index of each row [N], -1 for these.
        rows: how many rows each of the unknown classes has, by its name.
    """

    def __init__(self, message: str, labels: Sequence[str], names: Sequence[str]) -> None:
        super().__init__(message)
        index = {name: k for k, name in enumerate(names)}
        self.codes = np.array([index.get(label, -1) for label in labels], dtype=np.int64)
        self.rows: Mapping[str, int] = Counter(label for label in labels if label not in index)


@dataclass(frozen=True)
class Target:
    """A target column that was learnt.

    Attributes:
        names: the classes' names [K]: by number if all are numbers, else by alphabet.
        codes: class index of each row [N].
        warnings: what the user should know, one sentence each.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]
    warnings: tuple[str, ...]


def learn_target(column: pl.Series, ids: NDArray[np.str_]) -> Target:
    """Find the classes of a target column.

    Text, whole numbers and booleans are classes; the name of a class is its value as text (1.0 is "1").

    Args:
        column: the value of each row [N]; its name is used in messages.
        ids: identity of each row [N], for messages.

    Returns:
        The classes and the class index of each row.

    Raises:
        TailtuneError: missing values, one class only, as many classes as rows, or a target that is a quantity, a time
            or a set of labels.

    >>> import polars as pl
    >>> learn_target(pl.Series("size", [10, 9, 9]), np.array(["1", "2", "3"])).names
    ('9', '10')
    """
    import polars as pl

    name = column.name
    if column.dtype.is_nested() or column.dtype in (pl.Object, pl.Binary):
        _refuse_sets(name, f"its values are of type {column.dtype}")
    if column.dtype.is_temporal():
        raise TailtuneError(
            f"target {name!r} holds dates or times, no classes; derive classes from it, such as the month"
        )
    labels = label_texts(column)
    _refuse_missing(labels, name, ids)
    counts = labels.value_counts(name="rows").sort("rows", descending=True)
    found: list[str] = counts[labels.name].to_list()
    _refuse_quantity(found, len(labels), name)
    _refuse_label_sets(labels, counts, name)
    if len(found) == 1:
        raise TailtuneError(
            f"target {name!r} has one class only ({quoted(found[0])} in all {len(labels)} rows); add rows of another "
            "class"
        )
    if len(found) == len(labels):
        raise TailtuneError(
            f"target {name!r} has as many classes as rows ({len(labels)}), so nothing can be learnt; is it an "
            "identifier? Choose another column, or group the values into classes"
        )
    names = tuple(_ordered(found))
    codes = _indices(labels, names)
    return Target(names, codes, _order_note(names, name))


def encode_target(column: pl.Series, names: Sequence[str], ids: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return the class index of each row [N] for classes that are known already.

    Args:
        column: the value of each row [N].
        names: the classes' names [K].
        ids: identity of each row [N], for messages.

    Raises:
        UnknownClassesError: a class that is not among `names`.
        TailtuneError: missing values.
    """
    labels = label_texts(column)
    _refuse_missing(labels, column.name, ids)
    unseen = ~labels.is_in(list(names))
    if unseen.any():
        first = int(unseen.arg_true()[0])
        others = sorted(labels.filter(unseen).unique())
        more = f" (and {len(others) - 1} more such classes)" if len(others) > 1 else ""
        message = (
            f"target {column.name!r}: class {quoted(labels[first])} in row {ids[first]}{more} has no training rows; "
            f"add some, or leave these rows out.{nearest(labels[first], names)}"
        )
        raise UnknownClassesError(message, labels.to_list(), names)
    return _indices(labels, names)


def label_texts(column: pl.Series) -> pl.Series:
    """Return class labels as text [N]: stripped, whole numbers without point, true and false in lower case."""
    import polars as pl

    labels = texts(column)
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        labels = labels.str.replace(r"^([+-]?\d+)\.0+$", "$1")
        spelled = pl.DataFrame({"label": labels}).select(
            pl.when(pl.col("label").str.to_lowercase().is_in(["true", "false"]))
            .then(pl.col("label").str.to_lowercase())
            .otherwise(pl.col("label"))
        )
        labels = spelled["label"]
    return labels.alias(column.name)


def singleton_warning(names: Sequence[str]) -> tuple[str, ...]:
    """Return what to say about classes of one sample, given their names: one sentence, or nothing if there are none."""
    if not names:
        return ()
    listed = ", ".join(map(quoted, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    subject = f"Class {listed} has" if len(names) == 1 else f"Classes {listed} have"
    return (f"{subject} one sample: kept in training, absent from validation and test.",)


def _indices(labels: pl.Series, names: Sequence[str]) -> NDArray[np.int64]:
    import polars as pl

    codes: NDArray[np.int64] = labels.replace_strict(
        list(names), list(range(len(names))), return_dtype=pl.Int64
    ).to_numpy(writable=True)
    return codes


def _ordered(labels: Sequence[str]) -> list[str]:
    numbers = _as_numbers(labels)
    if numbers is None:
        return sorted(labels)
    return [label for _, label in sorted(zip(numbers, labels, strict=True))]


def _as_numbers(labels: Sequence[str]) -> list[float] | None:
    if all(_NUMBER.fullmatch(label) for label in labels):
        return [float(label) for label in labels]
    return None


def _refuse_missing(labels: pl.Series, name: str, ids: NDArray[np.str_]) -> None:
    count = labels.null_count()
    if count:
        first = ids[int(labels.is_null().arg_true()[0])]
        meaning = "', '".join(MISSING[1:5])
        raise TailtuneError(
            f"target {name!r} has no value in {count} of {len(labels)} rows, first in row {first} (empty, '{meaning}' "
            "and the like); remove these rows or fill in their class"
        )


def _refuse_quantity(found: Sequence[str], rows: int, name: str) -> None:
    values = _as_numbers(found)
    if values is None:
        return
    whole = all(value.is_integer() for value in values)
    indices = whole and min(values) in (0, 1) and max(values) - min(values) == len(values) - 1  # 0..K-1 or 1..K
    share = SHARE_IF_INDICES if indices else SHARE_OF_ROWS
    limit = max(FEW_VALUES, share * rows) if whole else FEW_FRACTIONS
    if len(values) > limit or len(values) == rows > 2:
        raise TailtuneError(
            f"target {name!r} is a quantity, not a class: {len(values)} different numbers in {rows} rows; use a "
            "regressor such as xgboost.XGBRegressor, or cut it into classes first"
        )


def _refuse_sets(name: str, finding: str) -> NoReturn:
    raise TailtuneError(
        f"target {name!r} has several labels a row ({finding}); train one model a label (a yes/no column each), or "
        "keep one label a row"
    )


def _refuse_label_sets(labels: pl.Series, counts: pl.DataFrame, name: str) -> None:
    """Refuse lists written as text, and labels joined by a delimiter.

    A delimiter joins labels if the same parts come back in different combinations of different length, in at least
    half of the rows, or in a tenth if most of the parts are also labels of their own ("a", "b", "a;b").

    Raises:
        TailtuneError: naming an example.
    """
    found: list[str] = counts[labels.name].to_list()
    lists = [label for label in found if re.fullmatch(r"\[.*\]|\{.*\}|\(.*,.*\)", label)]
    if len(lists) > len(found) / 2:
        _refuse_sets(name, f"such as {quoted(lists[0])}")
    for delimiter in (";", "|", ","):
        parts = {label: [part.strip() for part in label.split(delimiter)] for label in found}
        joined = [label for label in found if len(parts[label]) > 1]
        if not joined:
            continue
        atoms = {part for label in found for part in parts[label]}
        widths = {len(parts[label]) for label in found}
        share = sum(rows for label, rows in counts.iter_rows() if len(parts[label]) > 1) / len(labels)
        pieces = {part for label in joined for part in parts[label]}
        alone = sum(part in parts for part in pieces) > len(pieces) / 2
        combined = len(atoms) < len(found) and len(widths) > 1
        if combined and (share >= 0.5 or (alone and share >= 0.1)):
            _refuse_sets(name, f"such as {quoted(joined[0])}")


def _order_note(names: Sequence[str], target: str) -> tuple[str, ...]:
    numbers = _as_numbers(names)
    consecutive = (
        numbers is not None
        and 3 <= len(numbers) <= 10
        and all(later - former == 1 for former, later in pairwise(numbers))
    )
    words = {name.lower() for name in names}
    worded = len(words) >= 3 and any(words <= set(scale) for scale in ORDERED_WORDS)
    if not consecutive and not worded:
        return ()
    return (
        f"The classes of {target!r} look ordered ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''}); they are "
        "treated as unordered, so a near miss counts as much as a far one.",
    )
