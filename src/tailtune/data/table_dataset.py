"""From tables to a `Dataset`: target, split, preprocessing fitted on the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.data.absent_classes import absent_classes
from tailtune.data.amounts import read_amounts
from tailtune.data.dataset import Dataset, Part
from tailtune.data.imbalance import refuse_imbalance
from tailtune.data.known import Known, KnownBy, read_known
from tailtune.data.level_statistics import Labels
from tailtune.data.parted import parted, shared_groups, what_groups_do, what_weights_do, with_known
from tailtune.data.splits import split_hash
from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.data.target import encode_target, learn_target
from tailtune.errors import TailtuneError, nearest
from tailtune.settings import Reading

if TYPE_CHECKING:
    import polars as pl

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Rows of a table, with the identity of each [N] and what messages call their source."""

    frame: pl.DataFrame
    ids: NDArray[np.str_]
    where: str

    def take(self, rows: Indices) -> Rows:
        """Return the rows at these positions [M]."""
        return Rows(self.frame[rows], self.ids[rows], self.where)


def table_dataset(
    reading: Reading,
    target: str,
    train: Rows,
    val: Rows | None = None,
    test: Rows | None = None,
    *,
    split: Literal["official", "given"] = "given",
) -> Dataset:
    """Make the data set of a table.

    A test part that is not given is split from `train`, and so is a validation part if the run selects on one. The
    selection "last" uses a given validation part for watching only; "test-oracle" does without.

    Args:
        reading: gives ignore, group, amounts, selection, the fractions and the seed of the split.
        target: name of the column to predict.
        train: the training rows, or all rows.
        val: validation rows, if the data bring them.
        test: test rows, if the data bring them.
        split: where given parts come from.

    Returns:
        The data set; the preprocessor saw training rows only.

    Raises:
        TailtuneError: columns that do not exist, a target that cannot be learnt, or rows that cannot be split.
    """
    exclude = _excluded(reading, target, train)
    for part in filter(None, (val, test)):
        if target not in part.frame.columns:
            raise TailtuneError(
                f"{part.where} has no column {target!r} to test against; add it, or take the file away to have test "
                "rows split from the training rows, and run tailtune predict on it afterwards"
            )
    learnt = learn_target(train.frame[target], train.ids)
    warnings = list(learnt.warnings)
    if reading.selection == "test-oracle" and val is not None:
        warnings.append(f"{val.where} is not used: the test-oracle selection picks on the test rows.")
        val = None
    val_fraction = reading.val_fraction if reading.selection in ("validation", "refit") and val is None else 0.0
    if test is None and reading.test_fraction == 0:
        raise TailtuneError(
            "test_fraction is 0 and the data bring no test rows; keep some, such as 0.2, for the report"
        )
    by = KnownBy.asked(reading)
    known = read_known(train.frame, by, train.ids, train.where)
    made = parted(
        learnt.codes,
        learnt.names,
        known,
        reading.test_fraction if test is None else 0.0,
        val_fraction,
        seed=reading.split_seed,
    )
    rows, groups = made.rows, known.groups
    warnings += made.warnings
    if test is None and len(rows.test) == 0:
        raise TailtuneError(
            f"no rows can be kept for the test: column {reading.group!r} has too few groups; split by another "
            "column, or give a test file"
        )

    labels = Labels(learnt.codes[rows.train], learnt.names, None if groups is None else groups[rows.train])
    fitted = TablePreprocessor.fit(
        train.frame[rows.train],
        target=target,
        ignore=exclude,
        ids=train.ids[rows.train],
        seed=0,
        labels=labels,
        keep=reading.keep,
        text=reading.text,
    )

    def taken(positions: Indices) -> Part | None:
        chosen = train.take(positions)
        return (
            _part(reading, fitted, chosen, learnt.codes[positions], with_scale(positions)) if len(positions) else None
        )

    def with_scale(positions: Indices) -> tuple[Known, float]:
        return known.take(positions), made.scale

    def given(part: Rows) -> Part:
        beside = read_known(part.frame, by, part.ids, part.where, given=True), made.scale
        return _part(reading, fitted, part, encode_target(part.frame[target], learnt.names, part.ids), beside)

    train_part = _part(
        reading, fitted, train.take(rows.train), learnt.codes[rows.train], with_scale(rows.train), labels
    )
    val_part = taken(rows.val) if val is None else given(val)
    test_part = taken(rows.test) if test is None else given(test)
    assert test_part is not None
    for source, brought in ((val, val_part), (test, test_part)):
        if source is not None and brought is not None:
            warnings += _given_beside(by, source.where, brought, train.where, train_part)
    warnings += [*what_groups_do(by, train_part, test_part, "rows"), *what_weights_do(by, "rows")]
    parts = {"training": train_part, "validation": val_part, "test": test_part}
    targets = {name: part.targets.numpy() for name, part in parts.items() if part is not None}
    warnings += [*fitted.warnings, *absent_classes(learnt.names, targets, "rows")]
    return Dataset(
        kind="table",
        source=reading.data,
        names=learnt.names,
        train=train_part,
        val=val_part,
        test=test_part,
        preprocessor=fitted,
        split=split if test is not None else "stratified" if known.times is None else "by time",
        split_hash=split_hash(train_part.ids, None if val_part is None else val_part.ids, test_part.ids),
        left_out=(*made.left_out, *fitted.left_out),
        warnings=tuple(warnings),
        as_new=fitted.encode(train.frame[rows.train]) if fitted.out_of_fold else None,
    )


def _part(
    reading: Reading,
    fitted: TablePreprocessor,
    rows: Rows,
    codes: Indices,
    beside: tuple[Known, float],
    training: Labels | None = None,
) -> Part:
    import torch

    try:
        inputs = fitted.encode(rows.frame, rows.ids, training=training)
    except TailtuneError as error:
        raise TailtuneError(f"{rows.where}: {error}") from error
    amounts = read_amounts(rows.frame, reading.amounts, rows.ids, rows.where) if reading.amounts else None
    return with_known(Part(inputs, torch.from_numpy(codes), rows.ids, amounts=amounts), *beside)


def target_column(reading: Reading, frame: pl.DataFrame, where: str) -> str:
    """Return the name of the column to predict.

    Raises:
        TailtuneError: none was named, several were, or the frame from `where` has no such column.
    """
    columns = frame.columns
    if reading.target is None:
        listed = ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")
        raise TailtuneError(f"which column of {where} is to be predicted? Name it with --target; its columns: {listed}")
    several = [name.strip() for name in reading.target.split(",")]
    if len(several) > 1 and reading.target not in columns and set(several) <= set(columns):
        raise TailtuneError(
            f"--target {reading.target} names {len(several)} columns, so several labels a row; train one model for each"
        )
    require_column(reading.target, columns, where, "target column")
    return reading.target


def require_column(name: str, columns: Sequence[str], where: str, what: str = "column") -> None:
    """Refuse a column name that the table does not have.

    Args:
        name: the wanted column.
        columns: those that exist.
        where: what the message calls the table.
        what: what the message calls the column.

    Raises:
        TailtuneError: with the nearest name and the first of the others.
    """
    if name not in columns:
        listed = ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")
        raise TailtuneError(f"{where} has no {what} {name!r}.{nearest(name, columns)} Its columns: {listed}")


def _excluded(reading: Reading, target: str, train: Rows) -> dict[str, str]:
    """Return the columns that are no input, with the reasons.

    Raises:
        TailtuneError: one of them does not exist, or has two tasks; or a ratio, which tables cannot be given.
    """
    columns = train.frame.columns
    require_column(target, columns, train.where, "target column")
    for name in reading.ignore:
        require_column(name, columns, train.where, "column to ignore")
    by = KnownBy.asked(reading)
    taken = {name: task for task, name in by.named}
    for name in reading.keep:
        require_column(name, columns, train.where, "column to keep")
        if name in (target, *taken, *reading.ignore):
            what = f"the {taken[name]}" if name in taken else "the target or ignored"
            raise TailtuneError(f"{name!r} is {what}, so it cannot be kept; leave out --keep")
    for task, name in by.named:
        require_column(name, columns, train.where, f"{task} column")
    if target in taken or target in reading.ignore:
        what = f"be the {taken[target]}" if target in taken else "be ignored"
        raise TailtuneError(f"{target!r} is the target, so it cannot {what}; choose another column")
    for name in ("image_size", "resize", "skip_bad_images", "flip", "manifest", "group_pattern"):
        if getattr(reading, name) not in (None, False):
            raise TailtuneError(f"--{name.replace('_', '-')} is for images; leave it out for a table")
    refuse_imbalance(reading)
    exclude = dict.fromkeys(reading.ignore, "was asked to be left out")
    return exclude | {name: f"{_DOES[task]}, and is no input" for name, task in taken.items()}


_DOES = {
    "group": "says which rows stay in one part",
    "time": "says which rows are past and which future",
    "weight": "says how much rows count",
}


def _given_beside(by: KnownBy, where: str, part: Part, trained: str, train: Part) -> list[str]:
    """Return a sentence each if a given part has groups of the training rows, or rows from before the last of them."""
    said = []
    if shared := shared_groups(train, part):
        said.append(f"{where} shares {shared} values of {by.group!r} with {trained}, so its figures may be too good.")
    if part.times is not None and train.times is not None and (early := int((part.times < train.times.max()).sum())):
        said.append(
            f"{early} of {len(part)} rows of {where} are from before the last training row by {by.time!r}, so its "
            "figures are not those of a future."
        )
    return said
