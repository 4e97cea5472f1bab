"""All leakage checks of a data set: what of its test rows training has, and what in it asks for another split."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.data.dataset import Dataset, Part
from tailtune.data.likeness.near_pictures import near_picture, same_picture
from tailtune.data.likeness.picture_signature import Signatures, joined, signatures
from tailtune.data.picture_manifest import LABEL, PATH
from tailtune.data.sources import Source
from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.leaks.column_overview import LEAK_ROWS, ColumnOverview, overview
from tailtune.leaks.leak import NAMED, Leak, Leaks, Pair, spoils
from tailtune.leaks.names import GroupLike, group_columns, group_of_files, time_columns
from tailtune.leaks.table_rows import alike_rows
from tailtune.words import counted, listed, printable, quoted, short_percent, shortened

if TYPE_CHECKING:
    import polars as pl

Indices = NDArray[np.int64]
LONGEST_ID = 60
NEAR_SPOILED_SHARE = 0.02  # of the test rows; of fewer that are nearly the same as others, some are alike by chance


@dataclass(frozen=True, eq=False)
class Alike:
    """Of M test rows the position of a row trained on that is the same, and of one that is nearly so; -1 for none."""

    same: Indices
    near: Indices

    @property
    def like(self) -> Indices:
        """Either of them, -1 for none [M]."""
        return np.where(self.same >= 0, self.same, self.near)


def check_leaks(dataset: Dataset, columns: Sequence[ColumnOverview] | None = None) -> Leaks:
    """Carry out every check.

    Pictures that are kept in a file are read batch by batch, once.

    Args:
        dataset: with its rows as they were read, see `Part.frame`.
        columns: what is known about its columns, where they have been looked at; else they are, by 10,000 rows.

    Returns:
        What was found; nothing where a part is empty.
    """
    targets = dataset.test.targets.numpy()
    concerned = np.zeros(len(targets), dtype=bool)
    if not len(targets) or not len(dataset.train):
        return Leaks((), concerned, False)
    parts = [dataset.train] if dataset.val is None else [dataset.train, dataset.val]
    known_ids = np.concatenate([part.ids for part in parts])
    known, by_chance = None, 0
    if dataset.kind == "image":
        known = known_pictures(parts)
        alike = alike_pictures(known, dataset.test.inputs[0])
    else:
        alike, by_chance = _alike_rows(dataset, parts)
    groups = [] if _named_groups(dataset) else _groups(dataset, alike, known_ids)
    found = _row_leaks(dataset, alike, known_ids, by_chance, groups)
    for group in groups:
        found.append(_group_leak(group, dataset))
        if group.sure or (dataset.kind == "image" and (alike.like >= 0).any()):
            concerned |= group.shared
    certain = concerned | (alike.same >= 0)
    concerned |= alike.like >= 0
    many = int((alike.near >= 0).sum()) >= NEAR_SPOILED_SHARE * len(targets)
    if dataset.train.frame is not None:
        found += _time_leaks(dataset)
    if dataset.kind == "table" and dataset.train.frame is not None:
        found += _column_leaks(overview(dataset, LEAK_ROWS) if columns is None else columns, dataset.train.frame)
    return Leaks(tuple(found), concerned, spoils(concerned if many else certain, targets), known)


def alike_pictures(known: Signatures, pictures: Source) -> Alike:
    """Compare pictures with those of which the signatures are known."""
    asked, grey = signatures(pictures, known.centre)
    same = same_picture(known, asked)
    return Alike(same, np.where(same >= 0, -1, near_picture(known, asked, grey)))


def known_pictures(parts: Sequence[Part]) -> Signatures:
    """Return the signatures of the pictures of several parts, by the centre of the first."""
    first, *others = (part.inputs[0] for part in parts)
    known, _ = signatures(first)
    for pictures in others:
        known = joined(known, signatures(pictures, known.centre)[0])
    return known


def row_words(kind: str, amount: int, total: int) -> str:
    """So many of all test rows of a table, or of pictures.

    >>> row_words("table", 3, 30), row_words("image", 4, 4)
    ('3 test rows of 30 (10 %)', 'all 4 test pictures')
    """
    nouns = ("test picture", "test pictures") if kind == "image" else ("test row", "test rows")
    if amount == total > 1:
        return f"all {counted(amount, *nouns)}"
    return f"{counted(amount, *nouns)} of {total:,} ({short_percent(amount / total)})"


def _alike_rows(dataset: Dataset, parts: Sequence[Part]) -> tuple[Alike, int]:
    """Compare rows by the columns in use; those that are alike by chance are counted and left out."""
    import polars as pl

    frames = [part.frame for part in (*parts, dataset.test) if part.frame is not None]
    nothing = np.full(len(dataset.test), -1, dtype=np.int64)
    if len(frames) <= len(parts) or not isinstance(dataset.preprocessor, TablePreprocessor):
        return Alike(nothing, nothing), 0
    columns = dataset.preprocessor.columns
    names = [column.name for column in columns if not frames[0][column.name].dtype.is_nested()]
    numeric = {column.name for column in columns if column.kind == "numeric" and not column.form}
    *known, asked = (frame.select(pl.col(names)) for frame in frames)
    rows = alike_rows(pl.concat(known, how="vertical_relaxed"), asked, numeric)
    by_chance = int((~rows.surprising & (rows.identical >= 0)).sum())
    same, near = (np.where(rows.surprising, found, -1) for found in (rows.identical, rows.near))
    return Alike(same, near), by_chance


def _row_leaks(
    dataset: Dataset, alike: Alike, known_ids: NDArray[np.str_], by_chance: int, groups: Sequence[GroupLike]
) -> list[Leak]:
    pictures, total = dataset.kind == "image", len(dataset.test)
    things = "pictures" if pictures else "rows"
    nouns = (
        ("the same pixels as", "nearly the same as")
        if pictures
        else ("the same values as", "the same as, in all columns but one or after rounding,")
    )
    found = []
    for code, at, noun in (("identical", alike.same, nouns[0]), ("near", alike.near, nouns[1])):
        rows = np.flatnonzero(at >= 0)
        if not len(rows):
            continue
        verbs = {"identical": ("has", "have"), "near": ("is", "are")}
        what = f"{row_words(dataset.kind, len(rows), total)} {verbs[code][len(rows) > 1]} {noun} {things} trained on"
        if code == "identical" and by_chance:
            what += f", besides {by_chance:,} of common values that are alike by chance"
        found.append(
            Leak(
                code,
                what,
                _mend(dataset, groups),
                len(rows),
                tuple(Pair(_short(dataset.test.ids[row]), _short(known_ids[at[row]])) for row in _spread(rows)),
                _changes(groups),
            )
        )
    return found


def _spread(rows: Indices) -> Indices:
    """A few of the rows, from the first to the last, so that they are not all of one folder or track."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, NAMED).astype(np.int64))]


def _mend(dataset: Dataset, groups: Sequence[GroupLike]) -> str:
    """What to do about rows that two parts share."""
    if groups:
        return f"Keep together what belongs together: {' '.join(_changes(groups))}."
    if _named_groups(dataset):
        return "The groups that were named do not keep these together: take away the copies, or name a larger group."
    if dataset.split == "official":
        return "The official parts share them, and published figures with them."
    if dataset.split == "given":
        return "Take the copies away from one of the parts, or test on rows from elsewhere."
    if dataset.kind == "image":
        return (
            "Keep together what belongs together, such as the frames of a track: --group-pattern REGEX finds the group "
            "in the file name, --manifest FILE has a column for it."
        )
    return (
        "Take repeated rows away, or name the column of what they belong to, such as a customer, with --group COLUMN."
    )


def _changes(groups: Sequence[GroupLike]) -> tuple[str, ...]:
    """The option that keeps the rows of the likeliest group together."""
    if not groups:
        return ()
    option = "--group" if groups[0].column else "--group-pattern"
    return (f"{option} {shlex.quote(printable(groups[0].name))}",)


def _named_groups(dataset: Dataset) -> bool:
    return dataset.train.groups is not None and not dataset.copies_together


def _groups(dataset: Dataset, alike: Alike, known_ids: NDArray[np.str_]) -> list[GroupLike]:
    known, test = dataset.train, dataset.test
    if known.frame is not None and test.frame is not None:
        columns = group_columns(_inputs(dataset, known.frame), test.frame)
        if columns or dataset.kind == "table":
            return columns
    if dataset.kind == "image":
        rows = np.flatnonzero(alike.like >= 0)
        pairs = list(zip(test.ids[rows].tolist(), known_ids[alike.like[rows]].tolist(), strict=True))
        pairs += [pair for part in (known, test) for pair in _kept_together(dataset, part)]
        found = group_of_files(known_ids.tolist(), test.ids.tolist(), dataset.names, pairs)
        return [] if found is None else [found]
    return []


def _kept_together(dataset: Dataset, part: Part) -> list[tuple[str, str]]:
    """Pictures that are alike and were therefore left in one part, and the first of their set."""
    if not dataset.copies_together or part.groups is None:
        return []
    rows = np.flatnonzero(part.groups != part.ids)
    return list(zip(part.ids[rows].tolist(), part.groups[rows].tolist(), strict=True))


def _inputs(dataset: Dataset, frame: pl.DataFrame) -> pl.DataFrame:
    """All columns but the target; of a manifest but for the paths, too."""
    target = dataset.preprocessor.target if isinstance(dataset.preprocessor, TablePreprocessor) else None
    return frame.drop([target or LABEL, *([PATH] if dataset.kind == "image" else [])], strict=False)


def _group_leak(group: GroupLike, dataset: Dataset) -> Leak:
    rows, total = int(group.shared.sum()), len(dataset.test)
    pictures = dataset.kind == "image"
    if group.column:
        what = f"Column {quoted(group.name)}"
    elif group.name == "parent":
        what = "The folder of a picture within its class"
    else:
        what = "The file name before its last number"
    option = _changes([group])[0]
    given = dataset.split in ("given", "official")
    move = "Move all of a group into one part" if given else f"If it is one, {option} keeps each within one part"
    return Leak(
        "group",
        f"{what} looks like a group of {'pictures' if pictures else 'rows'} ({group.groups:,} in training, such as "
        f"{quoted(group.example)}), and {row_words(dataset.kind, rows, total)} "
        f"{'shares its' if rows == 1 else 'share theirs'} with training",
        f"{move}; figures of new groups are then honest.",
        rows if group.sure else 0,
        (),
        () if given else (option,),
    )


def _time_leaks(dataset: Dataset) -> list[Leak]:
    assert dataset.train.frame is not None
    if dataset.test.frame is None or dataset.split != "stratified":
        return []
    read = [column.name for column in getattr(dataset.preprocessor, "columns", ()) if column.kind == "date"]
    names = time_columns(_inputs(dataset, dataset.train.frame), dataset.test.frame, read)
    if not names:
        return []
    option = f"--time {shlex.quote(printable(names[0]))}"
    return [
        Leak(
            "time",
            f"{'Column' if len(names) == 1 else 'Columns'} {listed(map(quoted, names))} "
            f"{'says' if len(names) == 1 else 'say'} when a row came about, and test rows were drawn from all times",
            f"If the model is to work on later rows, {option} trains on the earlier and tests on the later ones.",
            change=(option,),
        )
    ]


def _column_leaks(columns: Sequence[ColumnOverview], frame: pl.DataFrame) -> list[Leak]:
    """Columns in use that by themselves tell the class, or tell every row apart."""
    found = []
    for column in columns:
        if not column.used or column.type == "constant":
            continue
        change = (f"--ignore {shlex.quote(printable(column.name))}",)
        said = next((line for line in column.suspicions if column.leaks and line.startswith("by itself")), None)
        if said is not None:
            advice = f"If a later row will not have it before its class is known, leave it out: {change[0]}."
            found.append(Leak("tells_class", f"Column {quoted(column.name)} {said}", advice, change=change))
        apart = any(line.startswith("tells every row") for line in column.suspicions)
        if apart and frame[column.name].n_unique() == frame.height:
            advice = f"A number or name of the row says nothing about the next ones: leave it out with {change[0]}."
            what = f"Column {quoted(column.name)} has another value in every row and is an input"
            found.append(Leak("identifier", what, advice, change=change))
    return found


def _short(identity: str) -> str:
    return shortened(str(identity), LONGEST_ID)
