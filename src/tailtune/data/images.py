"""Images as users have them, in folders, files and arrays, to a `Dataset`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailtune.data.common_size import common_size, resized
from tailtune.data.dataset import Dataset, LeftOut
from tailtune.data.decode import (
    Header,
    UnreadableImageError,
    deep_range,
    in_threads,
    is_image,
    read_all,
    read_header,
)
from tailtune.data.frames import column_series
from tailtune.data.group_pattern import groups_of_paths
from tailtune.data.image_dataset import Images, check_memory, fits_memory, image_dataset
from tailtune.data.image_listing import Listing, has_parts, list_images
from tailtune.data.image_preprocessor import ImagePreprocessor, as_nchw
from tailtune.data.imbalance import refuse_imbalance
from tailtune.data.known import NOTHING, Known, KnownBy, read_known
from tailtune.data.npz import array_ids, check_targets, columns_beside
from tailtune.data.picture_store import open_store
from tailtune.data.rendering import Levels, Pixels, Rendering, Resize
from tailtune.data.stored_pictures import StoredPictures
from tailtune.data.target import encode_target, learn_target
from tailtune.errors import TailtuneError
from tailtune.settings import Reading
from tailtune.words import quoted

if TYPE_CHECKING:
    pass

SHOWN = 20  # files that are named one by one; the others are counted


def open_image_folder(reading: Reading) -> Dataset:
    """Read the image folder `reading.data`: one subfolder for each class, directly or within train/, val/ and test/.

    All images get one size, see `tailtune.data.common_size`, with 224 pixels on its longer side at most unless
    `reading.image_size` asks for more. Those of other proportions keep them, with black beside, unless `reading.resize`
    says otherwise. Pictures that are the same or nearly so stay in one part where no part is given and no group
    named. If all of them are grey they keep one channel, otherwise all become RGB. Grey values of more than 8
    bits are scaled by the range of those given for training. Identities are the paths relative to the folder.

    Args:
        reading: for the folder, the size, where the pixels are kept, what to do with unreadable images, and the split.

    Returns:
        The data set.

    Raises:
        TailtuneError: a layout that `list_images` refuses, an unreadable image (unless `reading.skip_bad_images`), a
            class that is left without images, or more pixels than memory or disk.
    """
    refuse_imbalance(reading)
    refuse_columns(reading, target=True)
    listing = list_images(Path(reading.data))
    known = None
    if reading.group_pattern is not None:
        paths = [path for files in listing.files.values() for path, _ in files]
        known = Known(groups=groups_of_paths(reading.group_pattern, paths, skip=_class_depth(Path(reading.data))))
    return dataset_from_listing(reading, listing, str(reading.data), known=known, keep_copies=True)


def _class_depth(root: Path) -> int:
    """Folders of a path before those within a class folder: that of the part, if there is one, and of the class."""
    return 2 if has_parts(root) else 1


def refuse_columns(reading: Reading, *, target: bool) -> None:
    """Refuse what only tables have; `target` too where the classes are subfolders.

    Raises:
        TailtuneError: naming the option.
    """
    columns = {
        "target": reading.target if target else None,
        "ignore": ", ".join(reading.ignore),
        "keep": ", ".join(reading.keep),
        "text": reading.text.removeprefix("leave"),
        "amounts": ", ".join(reading.amounts),
    }
    for name, value in columns.items():
        if value:
            why = "the classes of an image folder are its subfolders" if target else "only pictures are inputs here"
            raise TailtuneError(f"--{name} {value} needs a table; {why}")


def dataset_from_listing(
    reading: Reading,
    listing: Listing,
    source: str,
    *,
    side: int | None = None,
    split: str | None = None,
    flip: bool | None = None,
    warnings: Sequence[str] = (),
    known: Known | None = None,
    by: KnownBy | None = None,
    resize: Resize = "pad",
    keep_copies: bool = False,
) -> Dataset:
    """Read the images of a listing, all to one size and one number of channels, see `open_image_folder`.

    Args:
        reading: for the size, where the pixels are kept, what to do with unreadable images, and the split.
        listing: the files of each part and their classes.
        source: what the user asked for.
        side: height and width of the data set's own protocol, which `reading.image_size` overrules.
        split: who made the test part, see `image_dataset`.
        flip: whether a mirrored image keeps its class, where that is known.
        warnings: what is to be said already.
        known: of the files of all parts, one behind another.
        by: columns of a manifest, see `image_dataset`.
        resize: what is done to other proportions by the data set's own protocol, which `reading.resize` overrules.
        keep_copies: whether pictures that are the same or nearly so stay in one part, see `image_dataset`.

    Returns:
        The data set.

    Raises:
        TailtuneError: a missing or unreadable image (the latter unless `reading.skip_bad_images`), a class that is left
            without images, or more pixels than memory or disk.
    """
    root, said = listing.root, list(warnings)
    rows = [(part, path, name) for part, files in listing.files.items() for path, name in files]
    headers, bad = _headers(root, [path for _, path, _ in rows], reading.skip_bad_images)
    readable = np.array([header is not None for header in headers])
    rows, beside = list(compress(rows, readable)), (known or NOTHING).take(readable)
    found = [header for header in headers if header is not None]
    _check_classes_left(listing, rows, bad)
    channels = 1 if all(header.grey for header in found) else 3
    wanted = (
        (reading.image_size, "--image-size") if reading.image_size else (side, "the size of the data set's protocol")
    )
    height, width, why = common_size(found, *wanted)
    said += resized(found, (height, width), reading.resize or resize, why)
    deep = [path for (part, path, _), header in zip(rows, found, strict=True) if part == "train" and header.deep]
    levels = _levels(root, deep)
    said += _scaled(found, levels)
    rendering = Rendering(reading.resize or resize, levels)
    if channels == 3 and any(header.grey for header in found):
        said.append(f"{sum(header.grey for header in found)} of {len(found)} images are grey; they became RGB.")

    pixels, problems = _read(reading, root, [path for _, path, _ in rows], (channels, height, width), rendering)
    broken = [problem for problem in problems if problem is not None]
    if broken and not reading.skip_bad_images:
        raise broken[0]
    if broken:
        whole = np.array([problem is None for problem in problems])
        rows, beside, bad = list(compress(rows, whole)), beside.take(whole), bad + broken
        pixels = pixels.take(whole) if isinstance(pixels, StoredPictures) else pixels[whole]
        _check_classes_left(listing, rows, bad)

    index = {name: k for k, name in enumerate(listing.names)}
    targets = np.array([index[name] for _, _, name in rows], dtype=np.int64)
    ids = np.array([path for _, path, _ in rows], dtype=np.str_)
    images, parts = Images(pixels, targets, ids, beside), {}
    for part in listing.files:
        places = np.flatnonzero([row[0] == part for row in rows])
        if len(places):  # the rows of a part are neighbours: a view, not a copy
            parts[part] = images.take(slice(int(places[0]), int(places[-1]) + 1))
    if bad:
        said.append(f"{len(bad)} of {len(rows) + len(bad)} images cannot be read and are left out.")
    return image_dataset(
        reading,
        source,
        listing.names,
        parts["train"],
        parts.get("val"),
        parts.get("test"),
        split=split,
        flip=flip,
        left_out=_left_out(bad, listing.strays),
        warnings=said,
        by=by,
        rendering=rendering,
        keep_copies=keep_copies,
    )


def dataset_from_arrays(reading: Reading, /, **arrays: NDArray[Any]) -> Dataset:
    """Make a data set of images in arrays.

    Args:
        reading: for the split; `reading.image_size` and `reading.resize`, if set, for another size.
        arrays: ``x_train`` ([N, H, W], [N, H, W, C] or [N, C, H, W], values 0 to 255) and ``y_train`` (labels [N] of
            text, whole numbers or booleans), or ``x`` and ``y``; where the data brings them also ``x_val``, ``y_val``,
            ``x_test`` and ``y_test``; and those of one value a picture that `reading.group`, `reading.time` and
            `reading.weight` name. The first row of an array is called "x_train[0]".

    Returns:
        The data set.

    Raises:
        TailtuneError: arrays that lack their partner or disagree in length, size or channels, labels that are no
            classes, and options that only tables have.
    """
    import polars as pl

    refuse_imbalance(reading)
    refuse_columns(reading, target=False)
    by, where = KnownBy.asked(reading), str(reading.data)
    said: list[str] = []
    parts: dict[str, Images] = {}
    names: tuple[str, ...] = ()
    for part in ("train", "val", "test"):
        suffix = "" if part == "train" and "x" in arrays else f"_{part}"
        x, y = arrays.get(f"x{suffix}"), arrays.get(f"y{suffix}")
        if x is None and y is None and part != "train":
            continue
        if x is None or y is None:
            lacking = f"x{suffix}" if x is None else f"y{suffix}"
            raise TailtuneError(f"{reading.data} lacks the array {lacking}; images need x{suffix} and y{suffix}")
        pixels = as_nchw(x, f"{reading.data}: x{suffix}")
        ids = array_ids(f"x{suffix}", len(pixels))
        column = column_series(f"y{suffix}", check_targets(y, len(pixels), f"{reading.data}: y{suffix}"))
        if part == "train":
            target = learn_target(column, ids)
            names, codes, said = target.names, target.codes, [*target.warnings]
        else:
            codes = encode_target(column, names, ids)
        beside = columns_beside(arrays, (name for _, name in by.named), suffix, len(ids), where)
        for task, name in by.named:
            if name not in beside and (task == "weight" or part == "train"):
                others = ", ".join(sorted(arrays))
                raise TailtuneError(f"{where} has no array {name}{suffix} for --{task}; it holds {others}")
        columns = pl.DataFrame([column_series(name, array) for name, array in beside.items()])
        known = read_known(columns, by, ids, where, given=part != "train") if beside else NOTHING
        parts[part] = Images(pixels, codes, ids, known)
    shape = parts["train"].pixels.shape[1:]
    for part, images in parts.items():
        if images.pixels.shape[1:] != shape:
            found = images.pixels.shape[1:]
            raise TailtuneError(f"{reading.data}: images of x_{part} are {found}, those of x_train {shape} (C, H, W)")
    rendering = Rendering(reading.resize or "pad")
    if reading.image_size is not None and shape[1:] != (reading.image_size, reading.image_size):
        side = reading.image_size
        resized = ImagePreprocessor(shape[0], side, side, (0.0,) * shape[0], (1.0,) * shape[0], rendering)
        parts = {
            part: replace(images, pixels=resized.encode(np.asarray(images.pixels))[0].numpy())
            for part, images in parts.items()
        }
    return image_dataset(
        reading,
        str(reading.data),
        names,
        parts["train"],
        parts.get("val"),
        parts.get("test"),
        warnings=said,
        by=by,
        rendering=rendering,
    )


def _read(
    reading: Reading, root: Path, paths: Sequence[str], size: tuple[int, int, int], rendering: Rendering
) -> tuple[Pixels | StoredPictures, Sequence[UnreadableImageError | None]]:
    """Read the images at `paths` into memory, or see to it that they are in a file, all as `size` (C, H, W)."""
    if reading.storage == "memory" or (reading.storage == "auto" and fits_memory(len(paths), *size)):
        check_memory(len(paths), *size, str(root))
        return read_all([root / path for path in paths], paths, *size, rendering)
    store = open_store(root, paths, *size, skip_bad_images=reading.skip_bad_images, rendering=rendering)
    place = {name: row for row, name in enumerate(store.names)}
    rows = np.array([place[path] for path in paths], dtype=np.int64)
    bad = {store.names[row]: UnreadableImageError(store.names[row], why) for row, why in store.problems.items()}
    return StoredPictures(store, rows), [bad.get(path) for path in paths]


def _headers(root: Path, paths: Sequence[str], skip: bool) -> tuple[list[Header | None], list[UnreadableImageError]]:
    """Read what the files say about themselves; unreadable ones become None, or raise unless `skip`."""
    bad: list[UnreadableImageError] = []

    def read(path: str) -> Header | UnreadableImageError:
        try:
            return read_header(root / path, path)
        except UnreadableImageError as error:
            return error

    headers: list[Header | None] = []
    for found in in_threads(read, paths):
        if isinstance(found, UnreadableImageError):
            if not skip:
                raise found
            bad.append(found)
        headers.append(found if isinstance(found, Header) else None)
    return headers, bad


def _levels(root: Path, paths: Sequence[str]) -> Levels | None:
    """Return the least and the largest grey value of the deep images at `paths`; None where there is none to read."""

    def read(path: str) -> Levels | None:
        try:
            return deep_range(root / path, path)
        except UnreadableImageError:
            return None  # said where its pixels are read

    found = [levels for levels in in_threads(read, paths) if levels is not None]
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def _scaled(headers: Sequence[Header], levels: Levels | None) -> list[str]:
    if levels is None:
        return []
    deep = sum(header.deep for header in headers)
    return [
        f"{deep} of {len(headers)} images hold grey values of more than 8 bits; {levels[0]:,.6g} to {levels[1]:,.6g}, "
        "the range of those given for training, became 0 to 255, also in new images."
    ]


def _check_classes_left(
    listing: Listing, rows: Sequence[tuple[str, str, str]], bad: Sequence[UnreadableImageError]
) -> None:
    left = {name for part, _, name in rows if part == "train"}
    for name in listing.names:
        if name not in left:
            raise TailtuneError(
                f"class {quoted(name)} has no readable training images ({len(bad)} unreadable in all, the first: "
                f"{bad[0].name} {bad[0].why}); repair them or remove the class folder"
            )


def _left_out(bad: Sequence[UnreadableImageError], strays: Sequence[str]) -> list[LeftOut]:
    out = [LeftOut(f"image {problem.name}", problem.why) for problem in bad[:SHOWN]]
    if len(bad) > SHOWN:
        out.append(LeftOut(f"{len(bad) - SHOWN} more images", "cannot be read either"))
    for files, why in (
        ([path for path in strays if is_image(path)], "outside the class folders"),
        ([path for path in strays if not is_image(path)], "not images by their names"),
    ):
        if files:
            listed = ", ".join(files[:3]) + (", ..." if len(files) > 3 else "")
            out.append(LeftOut(f"{len(files)} {'file' if len(files) == 1 else 'files'} ({listed})", why))
    return out
