"""Images as users have them, in folders, files and arrays, to the inputs of a trained model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailtune.data.decode import UnreadableImageError, is_image, read_all
from tailtune.data.frames import column_series
from tailtune.data.image_dataset import fits_memory
from tailtune.data.image_listing import class_folders, every_image, has_parts
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.npz import all_beside, array_ids, check_targets, prediction_suffix, read_arrays
from tailtune.data.stored_pictures import PictureFiles
from tailtune.data.target import UnknownClassesError, encode_target
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    import polars as pl
    import torch

AT_ONCE = 1024  # images that are decoded to see whether they can be


def open_for_prediction(
    data: str | Path | NDArray[Any],
    preprocessor: ImagePreprocessor,
    names: Sequence[str],
    unreadable: dict[int, UnreadableImageError] | None = None,
) -> tuple[tuple[torch.Tensor | PictureFiles], NDArray[np.str_], Callable[[], NDArray[np.int64]] | None]:
    """Read images for a trained model.

    Args:
        data: an image file; a folder of images, in which every subfolder that has a class's name says so of its
            images; an .npz file with x (or x_test) and perhaps y; or an array as in `ImagePreprocessor.encode`.
        preprocessor: of the model.
        names: the model's class names [K].
        unreadable: where given, images that cannot be read are left out and put here, by their place among all.

    Returns:
        The model's inputs, which are files to be decoded batch by batch where they do not fit in memory; the images'
        identities [N] (the file's name, the path relative to the folder, or the place in the array), sorted for a
        folder; and what reads the class indices [N] or raises an `UnknownClassesError`, or None where the data do not
        tell (a folder tells if all its images lie in subfolders, of which one has the name of a class).

    Raises:
        TailtuneError: nothing there, no images, an image that cannot be read, or a folder with a train/ part, where it
            is open which part is meant.
    """
    if isinstance(data, np.ndarray):
        return preprocessor.encode(data), array_ids("x", len(data)), None
    path = Path(data)
    if path.is_file() and path.suffix.lower() == ".npz":
        return arrays_for_prediction(path, preprocessor, names)[:3]
    if path.is_file():
        if not is_image(path):
            raise TailtuneError(f"{path} is not an image file by its name; give an image or a folder of images")
        inputs, whole = readable([path], [path.name], preprocessor, unreadable)
        return inputs, np.array([path.name], dtype=np.str_)[whole], None
    if not path.is_dir():
        raise TailtuneError(f"there is no image or folder {path}; check the path")
    if has_parts(path):
        raise TailtuneError(f"{path} has a train/ part; say which part is meant, such as {path / 'test'}")
    files = every_image(path)
    if not files:
        raise TailtuneError(f"{path} holds no images; supported are .png, .jpg, .bmp, .gif, .webp, .tif and the like")
    inputs, whole = readable([path / file for file in files], files, preprocessor, unreadable)
    files = [files[row] for row in whole]
    labels = [file.split("/", 1)[0] for file in files]
    if not set(class_folders(path)) & set(names):
        return inputs, np.array(files, dtype=np.str_), None

    def targets() -> NDArray[np.int64]:
        unknown = [label for label in labels if label not in names]
        if unknown:
            raise UnknownClassesError(
                f"{path / unknown[0]} is a folder of no class that the model knows", labels, names
            )
        return np.array([names.index(label) for label in labels], dtype=np.int64)

    return inputs, np.array(files, dtype=np.str_), targets


def readable(
    paths: Sequence[Path],
    names: Sequence[str],
    preprocessor: ImagePreprocessor,
    unreadable: dict[int, UnreadableImageError] | None,
) -> tuple[tuple[torch.Tensor | PictureFiles], NDArray[np.int64]]:
    """Return the inputs of the images that can be read, and their places [M] among `paths`.

    Args:
        paths: the files.
        names: how messages call them.
        preprocessor: of the model.
        unreadable: where given, images that cannot be read are left out and put here, by their place among all.

    Raises:
        TailtuneError: one cannot be read and `unreadable` is not given, or none can.
    """
    size = preprocessor.channels, preprocessor.height, preprocessor.width
    in_memory = fits_memory(len(paths), *size)
    if unreadable is None:
        inputs = preprocessor.encode(paths) if in_memory else (PictureFiles(paths, size, preprocessor.rendering),)
        return inputs, np.arange(len(paths))
    for start in range(0, len(paths), AT_ONCE):  # decoded once more below, so that no more of them are in memory
        rows = slice(start, start + AT_ONCE)
        _, problems = read_all(paths[rows], names[rows], *size, preprocessor.rendering)
        unreadable |= {start + row: problem for row, problem in enumerate(problems) if problem is not None}
    if len(unreadable) == len(paths):
        raise TailtuneError(
            f"none of {len(paths)} images can be read, the first: {unreadable[0].name} {unreadable[0].why}"
        )
    whole = np.array([row for row in range(len(paths)) if row not in unreadable], dtype=np.int64)
    left = [paths[row] for row in whole]
    return preprocessor.encode(left) if in_memory else (PictureFiles(left, size, preprocessor.rendering),), whole


def arrays_for_prediction(
    path: Path, preprocessor: ImagePreprocessor, names: Sequence[str]
) -> tuple[tuple[torch.Tensor], NDArray[np.str_], Callable[[], NDArray[np.int64]] | None, pl.DataFrame | None]:
    """Read the images of an .npz file for a trained model: what `open_for_prediction` returns, and a frame [N].

    Its columns are the further arrays of one value an image; without any there is no frame.
    """
    import polars as pl

    arrays = read_arrays(path, prediction_suffix)
    suffix = prediction_suffix(arrays, path)
    inputs = preprocessor.encode(arrays[f"x{suffix}"])
    ids, y = array_ids(f"x{suffix}", len(inputs[0])), arrays.get(f"y{suffix}")
    beside = all_beside(arrays, suffix, len(ids))
    frame = pl.DataFrame([column_series(name, array) for name, array in beside.items()]) if beside else None
    if y is None:
        return inputs, ids, None, frame
    column = column_series(f"y{suffix}", check_targets(y, len(ids), f"{path}: y{suffix}"))
    return inputs, ids, lambda: encode_target(column, names, ids), frame
