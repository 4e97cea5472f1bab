"""From tables to a `Dataset`: target, split, preprocessing fitted on the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.data.amounts import read_amounts
from tailtune.data.columns import texts
from tailtune.data.dataset import Dataset, Part
from tailtune.data.imbalance import refuse_imbalance
from tailtune.data.level_statistics import Labels
from tailtune.data.splits import split_hash, stratified
from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.data.target import encode_target, learn_target, singleton_warning
from tailtune.errors import TailtuneError, nearest
from tailtune.settings import Reading
from tailtune.words import quoted

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
    groups = None if reading.group is None else _groups(reading.group, train)
    rows = stratified(
        learnt.codes,
        reading.test_fraction if test is None else 0.0,
        val_fraction,
        groups=groups,
        seed=reading.split_seed,
    )
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
        return _part(reading, fitted, chosen, learnt.codes[positions]) if len(positions) else None

    def given(part: Rows) -> Part:
        return _part(reading, fitted, part, encode_target(part.frame[target], learnt.names, part.ids))

    train_part = _part(reading, fitted, train.take(rows.train), learnt.codes[rows.train], labels)
    val_part = taken(rows.val) if val is None else given(val)
    test_part = taken(rows.test) if test is None else given(test)
    assert test_part is not None
    if groups is not None:
        warnings += [
            line for part in (val, test) if part for line in _shared_groups(str(reading.group), groups, train, part)
        ]
    warnings += [*fitted.warnings, *_absence_warnings(learnt.names, train_part, val_part, test_part)]
    return Dataset(
        kind="table",
        source=reading.data,
        names=learnt.names,
        train=train_part,
        val=val_part,
        test=test_part,
        preprocessor=fitted,
        split="stratified" if test is None else split,
        split_hash=split_hash(train_part.ids, None if val_part is None else val_part.ids, test_part.ids),
        left_out=fitted.left_out,
        warnings=tuple(warnings),
        as_new=fitted.encode(train.frame[rows.train]) if fitted.out_of_fold else None,
    )


def _part(
    reading: Reading, fitted: TablePreprocessor, rows: Rows, codes: Indices, training: Labels | None = None
) -> Part:
    import torch

    try:
        inputs = fitted.encode(rows.frame, rows.ids, training=training)
    except TailtuneError as error:
        raise TailtuneError(f"{rows.where}: {error}") from error
    amounts = read_amounts(rows.frame, reading.amounts, rows.ids, rows.where) if reading.amounts else None
    groups = None
    if reading.group is not None and reading.group in rows.frame.columns:
        groups = _groups(reading.group, rows)
    return Part(inputs, torch.from_numpy(codes), rows.ids, amounts=amounts, groups=groups, frame=rows.frame)


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
    for name in reading.keep:
        require_column(name, columns, train.where, "column to keep")
        if name in (target, reading.group, *reading.ignore):
            raise TailtuneError(f"{name!r} is the target, the group or ignored, so it cannot be kept; leave out --keep")
    if reading.group is not None:
        require_column(reading.group, columns, train.where, "group column")
    if target == reading.group or target in reading.ignore:
        raise TailtuneError(f"{target!r} is the target, so it cannot be the group or be ignored; choose another column")
    for name in ("image_size", "resize", "skip_bad_images", "flip"):
        if getattr(reading, name) not in (None, False):
            raise TailtuneError(f"--{name.replace('_', '-')} is for images; leave it out for a table")
    refuse_imbalance(reading)
    exclude = dict.fromkeys(reading.ignore, "was asked to be left out")
    if reading.group is not None:
        exclude[reading.group] = "says which rows stay in one part, and is no input"
    return exclude


def _groups(name: str, train: Rows) -> NDArray[np.str_]:
    groups = texts(train.frame[name])
    missing = groups.is_null().arg_true()
    if len(missing):
        raise TailtuneError(
            f"group column {name!r} has no value in {len(missing)} rows, first in row {train.ids[missing[0]]}; fill it "
            "in, with a value of its own for a row that belongs to no group"
        )
    return np.array(groups.to_list(), dtype=np.str_)


def _shared_groups(name: str, groups: NDArray[np.str_], train: Rows, part: Rows) -> list[str]:
    """Return one sentence if a given part has groups of the training rows."""
    if name not in part.frame.columns:
        return []
    shared = set(groups.tolist()) & set(texts(part.frame[name]).drop_nulls())
    if not shared:
        return []
    return [f"{part.where} shares {len(shared)} values of {name!r} with {train.where}, so its figures may be too good."]


def _absence_warnings(names: Sequence[str], train: Part, val: Part | None, test: Part) -> list[str]:
    """Return one sentence for the classes of one sample, and one for each part that lacks other classes."""
    parts = {"training": train, "validation": val, "test": test}
    counts = {
        where: np.bincount(part.targets.numpy(), minlength=len(names))
        for where, part in parts.items()
        if part is not None
    }
    single = (counts["training"] == 1) & (sum(counts.values()) == 1)
    warnings = list(singleton_warning([names[k] for k in np.flatnonzero(single).tolist()]))
    for where, count in counts.items():
        lacking = (count == 0) & ~single
        if lacking.any():
            chosen = [quoted(names[k]) for k in np.flatnonzero(lacking).tolist()]
            listed = ", ".join(chosen[:10]) + (f" and {len(chosen) - 10} more" if len(chosen) > 10 else "")
            subject = f"Class {listed} has" if len(chosen) == 1 else f"Classes {listed} have"
            warnings.append(f"{subject} no {where} rows, so the {where} figures do not cover them.")
    return warnings
