"""How both CIFAR data sets are read: the official binary files, or the python version through torchvision."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailtune.data.catalog.listed_files import data_root, protocol
from tailtune.data.dataset import Dataset
from tailtune.data.image_dataset import Images, image_dataset
from tailtune.data.imbalance import imbalance
from tailtune.data.rendering import Pixels
from tailtune.errors import TailtuneError, nearest
from tailtune.settings import Reading

SIDE = 32
PIXELS_PER_ROW = 3 * SIDE * SIDE


@dataclass(frozen=True)
class Layout:
    """One CIFAR data set as its authors publish it.

    Attributes:
        title: for messages.
        folder: of the binary version, and the files in it.
        train_files: in official order.
        test_file: of 10,000 rows.
        names_file: class names, one a line.
        labels_per_row: label bytes before the pixels, of which the last one counts (CIFAR-100: coarse, fine).
        num_classes: K.
        rows_per_file: rows of a training file.
        label_digests: sha256 of the official training and test labels as bytes: the canonical long tail rests on them.
        train_mean: of the official training pixels, by channel, to four places.
        python_folder: of the pickled version that torchvision reads.
        archive: that holds the binary version.
    """

    title: str
    folder: str
    train_files: tuple[str, ...]
    test_file: str
    names_file: str
    labels_per_row: int
    num_classes: int
    rows_per_file: int
    label_digests: tuple[str, str]
    train_mean: tuple[float, float, float]
    python_folder: str
    archive: str
    test_rows: int = 10_000


def load_cifar(reading: Reading, layout: Layout, classes: tuple[str, ...] = ()) -> Dataset:
    """Read a CIFAR data set from `reading.data_root`, else $TAILTUNE_DATA, else ~/.cache/tailtune.

    Args:
        reading: for the folder, what `imbalance` looks at, the selection and the split of validation rows.
        layout: which of the two.
        classes: names of the classes to keep, in their new order; all of them if empty.

    Returns:
        The data set with the official test part. Identities are "train/i" and "test/i" in the official order. With
        nothing but a ratio the training part is `canonical`'s, the literature's where `reading.split_seed` is 0.

    Raises:
        TailtuneError: files that are missing, damaged or not the official ones, classes that do not exist or are named
            twice, or anything wrong with the imbalance that is asked for.
    """
    root = data_root(reading)
    if (root / layout.folder).is_dir():
        names, train, test = read_binary(root / layout.folder, layout)
    elif (root / layout.python_folder).is_dir() or reading.download:
        names, train, test = _read_with_torchvision(root, layout, reading.download)
    else:
        wanted = ", ".join((*layout.train_files, layout.test_file, layout.names_file))
        raise TailtuneError(
            f"{layout.title} is not in {root}: put {wanted} (from {layout.archive} of www.cs.toronto.edu/~kriz) "
            f"into {root / layout.folder}, or let it be downloaded with --download"
        )
    title = layout.title
    if classes:
        _check_classes(classes, names)
        title = f"{title} ({', '.join(classes)})"
        train, test = (_only(images, [names.index(name) for name in classes]) for images in (train, test))
        names = classes
    kept = imbalance(reading, train.targets, test.targets)
    dataset = image_dataset(
        reading,
        f"{title}{kept.words}",
        names,
        train if kept.train is None else train.take(kept.train),
        test=test if kept.test is None else test.take(kept.test),
        split="official",
        flip=True,
        warnings=kept.warnings,
    )
    return replace(dataset, headline=protocol(reading, "accuracy"))


def _check_classes(classes: tuple[str, ...], names: tuple[str, ...]) -> None:
    for name in classes:
        if name not in names:
            raise TailtuneError(
                f"--classes {name}: there is no such class; there are {', '.join(names)}.{nearest(name, names)}"
            )
    if len(set(classes)) < len(classes):
        raise TailtuneError(f"--classes {' '.join(classes)} names a class twice; name different ones")


def _only(images: Images, codes: list[int]) -> Images:
    """Return the images of the classes `codes`, in the official order, with the classes numbered as `codes` stand."""
    kept = images.take(np.flatnonzero(np.isin(images.targets, codes)))
    renumbered = np.array([codes.index(k) for k in kept.targets.tolist()], dtype=np.int64)
    return Images(kept.pixels, renumbered, kept.ids)


def read_binary(folder: Path, layout: Layout) -> tuple[tuple[str, ...], Images, Images]:
    """Read the binary version, which needs no unpickling.

    Args:
        folder: that holds the files.
        layout: their names, sizes and checksums.

    Returns:
        Class names, training and test images in their official order.

    Raises:
        TailtuneError: a file that is missing, has another size, or holds other labels or pixels than the official one.
    """
    names = tuple(_read(folder / layout.names_file, layout).decode("utf-8").split())
    if len(names) != layout.num_classes:
        raise TailtuneError(
            f"{folder / layout.names_file} has {len(names)} class names instead of {layout.num_classes}; "
            f"unpack {layout.archive} again"
        )
    parts = [_rows(folder / name, layout.rows_per_file, layout) for name in layout.train_files]
    train = _images(np.concatenate([labels for labels, _ in parts]), np.concatenate([x for _, x in parts]), "train")
    test = _images(*_rows(folder / layout.test_file, layout.test_rows, layout), "test")
    _check(folder, layout, train, test)
    return names, train, test


def _rows(path: Path, count: int, layout: Layout) -> tuple[NDArray[np.uint8], Pixels]:
    data, width = _read(path, layout), layout.labels_per_row + PIXELS_PER_ROW
    if len(data) != count * width:
        raise TailtuneError(f"{path} has {len(data)} bytes instead of {count * width}; unpack {layout.archive} again")
    rows = np.frombuffer(data, dtype=np.uint8).reshape(count, width)
    return rows[:, layout.labels_per_row - 1], rows[:, layout.labels_per_row :].reshape(count, 3, SIDE, SIDE)


def _read(path: Path, layout: Layout) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TailtuneError(f"{path} cannot be read ({error.strerror}); unpack {layout.archive} there") from error


def _images(labels: NDArray[Any], pixels: Pixels, part: str) -> Images:
    ids = np.array([f"{part}/{row}" for row in range(len(labels))], dtype=np.str_)
    return Images(pixels, labels.astype(np.int64), ids)


def _check(folder: Path, layout: Layout, train: Images, test: Images) -> None:
    """Compare labels exactly and pixels by their mean with the official ones.

    Raises:
        TailtuneError: naming the folder and what differs.
    """
    for images, digest, part in zip((train, test), layout.label_digests, ("training", "test"), strict=True):
        if hashlib.sha256(images.targets.astype(np.uint8).tobytes()).hexdigest() != digest:
            raise TailtuneError(
                f"the {part} labels in {folder} are not the official ones of {layout.title} (sha256 differs); "
                f"unpack {layout.archive} again"
            )
    mean = np.asarray(train.pixels).mean((0, 2, 3)) / 255
    if np.abs(mean - layout.train_mean).max() > 2e-4:
        raise TailtuneError(
            f"the training pixels in {folder} are not the official ones of {layout.title} (their mean is "
            f"{np.round(mean, 4).tolist()} instead of {list(layout.train_mean)}); unpack {layout.archive} again"
        )


def _read_with_torchvision(root: Path, layout: Layout, download: bool) -> tuple[tuple[str, ...], Images, Images]:
    """Read, and on request download, the python version; torchvision compares each file's md5 before unpickling it.

    Raises:
        TailtuneError: no torchvision, files that are missing or damaged, or a download that fails.
    """
    try:
        from torchvision import datasets
    except ModuleNotFoundError as error:
        raise TailtuneError(
            f"{root / layout.python_folder} needs torchvision; install it with: pip install tailtune[app]"
        ) from error
    reader = datasets.CIFAR10 if layout.num_classes == 10 else datasets.CIFAR100
    try:
        train, test = (reader(root, train=part, download=download) for part in (True, False))
    except (RuntimeError, OSError) as error:
        problem = " ".join(str(error).split())
        raise TailtuneError(
            f"{layout.title} cannot be read from {root / layout.python_folder} by torchvision ({problem}); "
            f"put the files of {layout.archive} into {root / layout.folder} instead"
        ) from error
    pictures = [
        _images(np.asarray(part.targets), np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)), what)
        for part, what in ((train, "train"), (test, "test"))
    ]
    _check(root / layout.python_folder, layout, *pictures)
    return tuple(train.classes), pictures[0], pictures[1]
