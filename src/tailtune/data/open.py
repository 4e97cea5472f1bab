"""`open_dataset`: whatever the user names, to a `Dataset`; `open_for_prediction`: the same for rows to predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from tailtune.by_name import is_own
from tailtune.data import catalog
from tailtune.data.amounts import Amounts, read_amounts
from tailtune.data.arrays import TARGET, open_arrays
from tailtune.data.class_names import as_asked
from tailtune.data.class_rows import with_class_rows
from tailtune.data.dataset import NAMED, Dataset, Preprocessor
from tailtune.data.decode import UnreadableImageError
from tailtune.data.frames import column_series, to_frame
from tailtune.data.group_pattern import groups_of_paths
from tailtune.data.known import Known, KnownBy, read_known
from tailtune.data.npz import all_beside, array_ids, check_features, check_targets, prediction_suffix, read_arrays
from tailtune.data.stored_pictures import PictureFiles, StoredPictures
from tailtune.data.table_dataset import Rows, table_dataset, target_column
from tailtune.data.table_preprocessor import TablePreprocessor, row_numbers
from tailtune.data.tables import TABLE_SUFFIXES, is_table, read_table
from tailtune.data.target import encode_target
from tailtune.errors import TailtuneError, nearest
from tailtune.files import naming_files, refuse_special
from tailtune.settings import HowToRead, Reading

if TYPE_CHECKING:
    import polars as pl
    import torch

    from tailtune.data.image_preprocessor import ImagePreprocessor

PART_FILES = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


def open_dataset(reading: Reading) -> Dataset:
    """Open the data that ``reading.data`` names, split and preprocessed.

    It is, in this order: a named data set (a file or folder of the same name is written ./name), what a person's own
    function returns (``file.py:function``), a folder with train.csv or train.parquet (and test, and val or valid,
    where the data bring them), an image folder, an .npz file, or a CSV or Parquet file.

    Args:
        reading: the data and how to split them.

    Returns:
        The data set.

    Raises:
        TailtuneError: no such data, anything wrong with them, or `reading.storage` "disk" for what is no image files.
    """
    with naming_files():
        dataset = with_class_rows(as_asked(_open(reading), reading), reading)
    if reading.storage == "disk" and not isinstance(dataset.train.inputs[0], StoredPictures):
        raise TailtuneError(f"--storage disk is for image files, and {reading.data} is read into memory; leave it out")
    return dataset


def _open(reading: Reading) -> Dataset:
    named, own = reading.data in catalog.__all__, is_own(reading.data)
    for name in ("manifest", "group_pattern"):
        if getattr(reading, name) is not None and (named or own or Path(reading.data).is_file()):
            option = name.replace("_", "-")
            raise TailtuneError(f"--{option} is for a folder of pictures, and {reading.data} is none; leave it out")
    if named:
        return catalog.open_named(reading.data, reading)
    if reading.classes:
        raise TailtuneError(
            f"--classes {' '.join(reading.classes)} belongs to binary_cifar10; leave it out for {reading.data}"
        )
    if own:
        from tailtune.data.own import open_own

        return open_own(reading)
    path = Path(reading.data)
    if path.is_dir():
        if reading.manifest is not None:
            from tailtune.data.picture_manifest import open_manifest

            return open_manifest(reading)
        if part_files(path)["train"] is not None:
            return _open_table_folder(reading, path)
        _refuse_loose_tables(path)
        from tailtune.data.images import open_image_folder

        return open_image_folder(reading)
    if not path.is_file():
        _refuse_unknown(path)
    if path.suffix.lower() == ".npz":
        return open_arrays(reading)
    frame = read_table(path)
    return table_dataset(
        reading, target_column(reading, frame, str(path)), Rows(frame, row_numbers(frame.height), str(path))
    )


def _refuse_unknown(path: Path) -> NoReturn:
    refuse_special(path)
    if str(path) in catalog.__all__:  # where rows are wanted that a user has
        raise TailtuneError(f"{path} is a named data set; give the file or folder with the rows, or write ./{path}")
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    named = list(catalog.__all__) if len(path.parts) == 1 else []
    where = "" if path.parent.is_dir() else f" (the folder {path.parent} does not exist)"
    what = "file, folder or named data set" if named else "file or folder"
    hint = nearest(path.name, [*named, *beside]) or (f" Named data sets: {', '.join(named)}." if named else "")
    raise TailtuneError(f"there is no {what} {str(path)!r}{where}.{hint or ' Check the path.'}")


def part_files(folder: Path) -> dict[str, Path | None]:
    """Return the table files of a folder by part: train, val and test.

    Raises:
        TailtuneError: two files for one part.
    """
    files: dict[str, Path | None] = {}
    for part, stems in PART_FILES.items():
        found = sorted(folder / f"{stem}{suffix}" for stem in stems for suffix in TABLE_SUFFIXES)
        found = [path for path in found if path.is_file()]
        if len(found) > 1:
            listed = " and ".join(path.name for path in found)
            raise TailtuneError(f"{folder} holds {listed}, which are the same part; take one of them away")
        files[part] = found[0] if found else None
    return files


def _refuse_loose_tables(folder: Path) -> None:
    """Refuse a folder that holds tables and no subfolders, so that it is no image folder either.

    Raises:
        TailtuneError: naming a table.
    """
    entries = sorted(folder.iterdir())
    tables = [entry.name for entry in entries if is_table(entry) or entry.suffix.lower() == ".npz"]
    if tables and not any(entry.is_dir() for entry in entries):
        raise TailtuneError(
            f"{folder} holds tables but no train.csv; give one file, such as {folder / tables[0]}, or name the files "
            "train.csv and test.csv"
        )


def _open_table_folder(reading: Reading, folder: Path) -> Dataset:
    parts = {part: _read_part(path) for part, path in part_files(folder).items() if path is not None}
    target = target_column(reading, parts["train"].frame, parts["train"].where)
    return table_dataset(reading, target, parts["train"], parts.get("val"), parts.get("test"))


def _read_part(path: Path) -> Rows:
    frame = read_table(path)
    return Rows(frame, row_numbers(frame.height, f"{path.name}:"), str(path))


@dataclass(frozen=True)
class PredictionRows:
    """Rows to predict, in their order.

    Attributes:
        inputs: what the model takes, see `Part`, or image files that are decoded when they are read.
        ids: identity of each row [N].
        frame: the table or the manifest as it was read, or None for images without one.
        read_targets: reads the classes [N], which may fail where prediction does not; None if the data have none.
        notes: what the user should know, one sentence each.
        listed: whether the frame is a manifest, whose columns have names of their own.
        unreadable: images that are left out because they cannot be read, by their place among all.
    """

    inputs: tuple[torch.Tensor | PictureFiles, ...]
    ids: NDArray[np.str_]
    frame: pl.DataFrame | None
    read_targets: Callable[[], NDArray[np.int64]] | None
    notes: tuple[str, ...] = ()
    listed: bool = False
    unreadable: Mapping[int, UnreadableImageError] = field(default_factory=dict)

    def known(self, reading: HowToRead) -> Known:
        """Return what the columns that `reading` names say of the rows, as far as there are such columns.

        Raises:
            TailtuneError: a group, a time or a weight that is missing or cannot be read.
        """
        groups = None
        if reading.group_pattern is not None:
            groups = groups_of_paths(reading.group_pattern, self.ids.tolist())
        if self.frame is None:
            return Known(groups=groups)
        by = KnownBy.asked(reading)
        if self.listed:
            by = by.completed(self.frame.columns)
        by = KnownBy(**{task: name for task, name in by.named if name in self.frame.columns})
        known = read_known(self.frame, by, self.ids, "the table")
        return known if groups is None else replace(known, groups=groups)

    @property
    def targets(self) -> NDArray[np.int64] | None:
        """Class indices [N], or None if the data do not tell; an unknown class or a missing one is a TailtuneError."""
        return None if self.read_targets is None else self.read_targets()

    def amounts(self, names: Sequence[str]) -> Amounts | None:
        """Return the columns that costs depend on; None for images, and where there are no `names`.

        Raises:
            TailtuneError: see `read_amounts`.
        """
        return read_amounts(self.frame, names, self.ids) if names and self.frame is not None else None


def open_for_prediction(
    path: str | Path,
    preprocessor: Preprocessor,
    names: Sequence[str],
    target: str | None = None,
    manifest: str | None = None,
    skip_bad_images: bool = False,
) -> PredictionRows:
    """Open rows for a model that is trained already.

    Args:
        path: a CSV or Parquet file or an .npz with x (or x_test) for a table model, images for an image model.
        preprocessor: of the model.
        names: class names of the model [K].
        target: target column; the one that the model was trained on if None (of a manifest the one called label).
        manifest: lists the pictures of the folder `path` that are meant, see `read_manifest`; labels are optional.
        skip_bad_images: leave out images that cannot be read, and note them.

    Returns:
        The encoded rows, with their targets if the data have them.

    Raises:
        TailtuneError: no such data, columns that are missing, or anything else wrong with them.
    """
    with naming_files():
        if manifest is not None:
            return _listed_for_prediction(Path(path), preprocessor, names, target, manifest, skip_bad_images)
        return _open_for_prediction(Path(path), preprocessor, names, target, skip_bad_images)


def _listed_for_prediction(
    path: Path,
    preprocessor: Preprocessor,
    names: Sequence[str],
    target: str | None,
    manifest: str,
    skip_bad_images: bool,
) -> PredictionRows:
    from tailtune.data import picture_manifest, prediction_images

    if preprocessor.kind != "image":
        raise TailtuneError(f"--manifest {manifest} lists pictures, and this model takes tables; leave it out")
    listed = picture_manifest.read_manifest(manifest, path)
    bad: dict[int, UnreadableImageError] | None = {} if skip_bad_images else None
    files = [path / file for file in listed.paths]
    inputs, whole = prediction_images.readable(files, listed.paths, cast("ImagePreprocessor", preprocessor), bad)
    listed = listed.take(whole)
    known = picture_manifest.has_labels(listed, target)
    read = (lambda: picture_manifest.labels_of(listed, target, names)) if known else None
    ids, notes = np.array(listed.paths, dtype=np.str_), _left_out(bad or {}, len(listed.paths))
    return PredictionRows(inputs, ids, listed.frame, read, notes, listed=True, unreadable=bad or {})


def _open_for_prediction(
    path: Path, preprocessor: Preprocessor, names: Sequence[str], target: str | None, skip_bad_images: bool
) -> PredictionRows:
    if not (path.is_file() or path.is_dir()):
        _refuse_unknown(path)
    if preprocessor.kind == "image":
        from tailtune.data import prediction_images

        fitted_to = cast("ImagePreprocessor", preprocessor)
        if path.suffix.lower() == ".npz" and path.is_file():
            arrays, ids, classes, beside = prediction_images.arrays_for_prediction(path, fitted_to, names)
            return PredictionRows(arrays, ids, beside, classes)
        bad: dict[int, UnreadableImageError] | None = {} if skip_bad_images else None
        pixels, ids, classes = prediction_images.open_for_prediction(path, fitted_to, names, bad)
        notes = _left_out(bad or {}, len(ids))
        return PredictionRows(pixels, ids, None, classes, notes, unreadable=bad or {})
    if skip_bad_images:
        raise TailtuneError("--skip-bad-images is for images, and the model takes tables; leave it out")
    fitted = cast("TablePreprocessor", preprocessor)
    column: str | None = target or fitted.target
    if path.suffix.lower() == ".npz":
        frame, ids = _prediction_arrays(path)
        column = TARGET
    else:
        frame = read_table(path)
        ids = row_numbers(frame.height)
    try:
        inputs = fitted.encode(frame, ids)
    except TailtuneError as error:
        raise TailtuneError(f"{path}: {error}") from error
    known = column is not None and column in frame.columns and frame[column].null_count() < frame.height
    read = (lambda: encode_target(frame[column], names, ids)) if known else None
    unused = ", ".join(repr(name) for name in fitted.unused(frame) if name != column)
    notes = (f"Not used, because the model was not trained on it: {unused}.",) if unused else ()
    return PredictionRows(inputs, ids, frame, read, notes)


def _left_out(bad: Mapping[int, UnreadableImageError], readable: int) -> tuple[str, ...]:
    if not bad:
        return ()
    named = ", ".join(f"{problem.name} {problem.why}" for problem in list(bad.values())[:NAMED])
    more = f", and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return (f"{len(bad)} of {len(bad) + readable} images cannot be read: {named}{more}.",)


def _prediction_arrays(path: Path) -> tuple[pl.DataFrame, NDArray[np.str_]]:
    """Return x [N, D] or else x_test as a frame, with its y if there is one and further arrays of a value a row.

    Raises:
        TailtuneError: neither x nor x_test, another shape, or arrays that do not fit together.
    """
    arrays = read_arrays(path, prediction_suffix)
    suffix = prediction_suffix(arrays, path)
    x, y = check_features(arrays[f"x{suffix}"], f"{path}: x{suffix}"), arrays.get(f"y{suffix}")
    if x.ndim != 2:
        raise TailtuneError(f"{path}: x{suffix} has shape {x.shape}; this model was trained on a table [N, D]")
    columns = all_beside(arrays, suffix, len(x))
    if y is not None:
        columns[TARGET] = check_targets(y, len(x), f"{path}: y{suffix}")
    frame = to_frame(x).with_columns([column_series(name, array) for name, array in columns.items()])
    return frame, array_ids(f"x{suffix}", len(x))
