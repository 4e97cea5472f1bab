"""A manifest of pictures: a table with a path and a label a row, and what else is known of them."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import texts
from tailtune.data.decode import is_image
from tailtune.data.files_inside import lacking_files
from tailtune.data.group_pattern import groups_of_paths
from tailtune.data.image_listing import PARTS, Listing
from tailtune.data.images import dataset_from_listing, refuse_columns
from tailtune.data.imbalance import refuse_imbalance
from tailtune.data.known import KnownBy, read_known
from tailtune.data.table_dataset import require_column
from tailtune.data.table_preprocessor import row_numbers
from tailtune.data.tables import read_table
from tailtune.data.target import encode_target, learn_target
from tailtune.errors import TailtuneError, nearest
from tailtune.settings import Reading
from tailtune.words import quoted

if TYPE_CHECKING:
    import polars as pl

    from tailtune.data.dataset import Dataset

PATH, LABEL, SPLIT = "path", "label", "split"
_ORDER = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Manifest:
    """The rows of a manifest whose files are there.

    Attributes:
        where: what messages call it.
        paths: of the pictures, relative to their folder [N].
        frame: all columns as they were read [N].
        rows: number of each row in the file [N], for messages.
    """

    where: str
    paths: tuple[str, ...]
    frame: pl.DataFrame
    rows: NDArray[np.str_]

    def take(self, rows: NDArray[np.int64]) -> Manifest:
        """Return the manifest of the rows at these positions [M]."""
        paths = tuple(self.paths[row] for row in rows.tolist())
        return Manifest(self.where, paths, self.frame[rows], self.rows[rows])


def read_manifest(path: str | Path, root: Path) -> Manifest:
    """Read a manifest and look for its files.

    Args:
        path: CSV or Parquet file with a column ``path``.
        root: the folder that the paths are relative to, and that they cannot leave.

    Raises:
        TailtuneError: no such file, no such column, a path that is empty, that stands there twice, that leads out of
            the folder, or of a file that is missing or no picture by its name.
    """
    where = str(path)
    if not Path(path).exists() and (root / path).is_file():
        raise TailtuneError(f"there is no manifest {where}; write {root / path}")
    if not root.is_dir():
        raise TailtuneError(f"--manifest {where} lists the pictures of a folder, and there is no folder {root}")
    frame = read_table(path)
    require_column(PATH, frame.columns, where)
    rows, named = row_numbers(frame.height), texts(frame[PATH])
    missing = named.is_null().arg_true()
    if len(missing):
        raise TailtuneError(f"{where} has no path in row {rows[missing[0]]} ({len(missing)} in all); fill it in")
    paths = tuple(_relative(written, root) for written in named.to_list())
    _refuse_doubles(paths, rows, where)
    lacking = lacking_files(
        root,
        paths,
        lambda out: TailtuneError(
            f"{where}: the path {out!r} leads out of {root}; name files in that folder, and copy what is linked into it"
        ),
    )
    if lacking:
        beside = [entry.name for entry in (root / lacking[0]).parent.iterdir()] if _has_folder(root, lacking[0]) else []
        hint = nearest(posixpath.basename(lacking[0]), beside) or " Paths are relative to that folder."
        raise TailtuneError(
            f"{where}: {len(lacking)} of {len(paths)} pictures are not in {root}, the first is {lacking[0]!r} in row "
            f"{rows[paths.index(lacking[0])]}.{hint}"
        )
    other = next((written for written in paths if not is_image(written)), None)
    if other is not None:
        raise TailtuneError(
            f"{where}: {other!r} in row {rows[paths.index(other)]} is no picture by its name; leave it out"
        )
    return Manifest(where, paths, frame, rows)


def _relative(written: str, root: Path) -> str:
    """Return a path in one spelling, relative to the folder where it is within it."""
    path = posixpath.normpath(written)
    if posixpath.isabs(path):
        top = posixpath.normpath(root.absolute().as_posix())
        return posixpath.relpath(path, top) if path.startswith(f"{top}/") else path
    return path


def _has_folder(root: Path, path: str) -> bool:
    return (root / path).parent.is_dir()


def _refuse_doubles(paths: Sequence[str], rows: NDArray[np.str_], where: str) -> None:
    twice = [path for path, times in Counter(paths).items() if times > 1]
    if twice:
        lines = [str(row) for row, path in zip(rows, paths, strict=True) if path == twice[0]]
        raise TailtuneError(
            f"{where} lists {twice[0]!r} in rows {' and '.join(lines[:2])} ({len(twice)} such "
            f"{'picture' if len(twice) == 1 else 'pictures'}); keep one row of each"
        )


def open_manifest(reading: Reading) -> Dataset:
    """Open the pictures of the folder `reading.data` that `reading.manifest` lists.

    The columns are ``path``, relative to the folder, and ``label`` (or the one that `reading.target` names). Columns
    called ``group``, ``time`` and ``weight`` are used as such unless the reading names others, and ``split`` says the
    part of each row: train, val or test. All columns are kept in `Part.frame`.

    Args:
        reading: for the folder, the manifest, the columns, and all that an image folder takes.

    Returns:
        The data set; the identities are the paths.

    Raises:
        TailtuneError: see `read_manifest`; an empty or unknown label, group, time, weight or split; no training
            pictures of a class; and what an image folder refuses.
    """
    refuse_imbalance(reading)
    refuse_columns(reading, target=False)
    root = Path(reading.data)
    manifest = read_manifest(str(reading.manifest), root)
    frame, rows = manifest.frame, manifest.rows
    label = label_column(manifest, reading.target)
    learnt = learn_target(frame[label], rows)
    by = known_by(reading, frame, label)
    known = read_known(frame, by, rows, manifest.where)
    if reading.group_pattern is not None:
        known = replace(known, groups=groups_of_paths(reading.group_pattern, manifest.paths))
    parts = np.zeros(frame.height, dtype=np.int64) if SPLIT not in frame.columns else _parts(manifest)
    if not (parts == 0).any():
        raise TailtuneError(f"{manifest.where} has no row whose {SPLIT} is train; say which rows train")
    order = np.argsort(parts, kind="stable")
    listed: dict[str, tuple[tuple[str, str], ...]] = {}
    for number, part in enumerate(_ORDER):
        of_part = np.flatnonzero(parts == number).tolist()
        if of_part:
            listed[part] = tuple((manifest.paths[row], learnt.names[learnt.codes[row]]) for row in of_part)
    _refuse_untrained(manifest, learnt.names, learnt.codes, parts)
    listing = Listing(root, learnt.names, listed, strays=())
    return dataset_from_listing(
        reading, listing, str(reading.data), warnings=learnt.warnings, known=known.take(order), by=by, keep_copies=True
    )


def label_column(manifest: Manifest, target: str | None) -> str:
    """Return the column of the classes.

    Raises:
        TailtuneError: the manifest has none of that name, or it is that of the paths.
    """
    name = target or LABEL
    if name not in manifest.frame.columns and target is None:
        listed, hint = ", ".join(manifest.frame.columns[:12]), nearest(LABEL, manifest.frame.columns)
        mend = f"name that of the classes with --target.{hint} Its columns: {listed}"
        raise TailtuneError(f"{manifest.where} has no column {LABEL!r}; {mend}")
    require_column(name, manifest.frame.columns, manifest.where, "target column")
    if name == PATH:
        raise TailtuneError(f"--target {PATH} is the column of the files; name the one of the classes")
    return name


def has_labels(manifest: Manifest, target: str | None) -> bool:
    """Whether the column of the classes is there and not empty."""
    frame, column = manifest.frame, target or LABEL
    return column in frame.columns and frame[column].null_count() < frame.height


def labels_of(manifest: Manifest, target: str | None, names: Sequence[str]) -> NDArray[np.int64]:
    """Return the class index of each row [N] for classes `names` that are known.

    Raises:
        TailtuneError: a class that is not among them, or a missing one.
    """
    return encode_target(manifest.frame[target or LABEL], names, manifest.rows)


def known_by(reading: Reading, frame: pl.DataFrame, label: str) -> KnownBy:
    """Return the columns that the reading names, and those called group, time and weight where it names none.

    Args:
        reading: names the columns.
        frame: that of the manifest.
        label: the column of the classes.

    Raises:
        TailtuneError: a column that has another task already.
    """
    asked = KnownBy.asked(reading)
    for task, name in asked.named:
        if name in (PATH, SPLIT, label):
            raise TailtuneError(f"--{task} {name} is the column of the {_TASKS.get(name, 'classes')}; name another one")
    if reading.group is not None and reading.group_pattern is not None:
        raise TailtuneError("--group and --group-pattern both say what stays together; leave one of them out")
    found = asked.completed(frame.columns, taken=(PATH, SPLIT, label))
    return found if reading.group_pattern is None else replace(found, group=None)


_TASKS = {PATH: "files", SPLIT: "parts"}


def _parts(manifest: Manifest) -> NDArray[np.int64]:
    """Return 0, 1 or 2 for the rows of train, val and test [N].

    Raises:
        TailtuneError: a row that says something else, or nothing.
    """
    values = texts(manifest.frame[SPLIT]).str.to_lowercase().to_list()
    for row, value in enumerate(values):
        if value not in PARTS:
            found = "no value" if value is None else repr(manifest.frame[SPLIT][row])
            raise TailtuneError(
                f"{manifest.where}: {SPLIT} has {found} in row {manifest.rows[row]}; write train, val or test in every "
                "row, or take the column away"
            )
    return np.array([_ORDER.index(PARTS[value]) for value in values], dtype=np.int64)


def _refuse_untrained(
    manifest: Manifest, names: Sequence[str], codes: NDArray[np.int64], parts: NDArray[np.int64]
) -> None:
    for k in range(len(names)):
        rows = np.flatnonzero(codes == k)
        if not (parts[rows] == 0).any():
            raise TailtuneError(
                f"{manifest.where}: class {quoted(names[k])} has no row whose {SPLIT} is train, such as row "
                f"{manifest.rows[rows[0]]}; add some, or leave these rows out"
            )
