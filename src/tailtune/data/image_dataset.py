"""From images in memory to a `Dataset`: the parts that are still missing, statistics, and what to warn about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailtune.data.dataset import Dataset, LeftOut, Part
from tailtune.data.decode import Pixels
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.memory import SHARE, available_memory
from tailtune.data.rendering import STRETCHED, Rendering
from tailtune.data.splits import split_hash, stratified
from tailtune.data.stored_pictures import StoredPictures
from tailtune.data.target import singleton_warning
from tailtune.errors import TailtuneError
from tailtune.settings import Reading
from tailtune.words import quoted

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Images:
    """Pictures of one size: pixels uint8 [N, C, H, W] or where they lie, class indices int64 [N], identities [N]."""

    pixels: Pixels | StoredPictures
    targets: Indices
    ids: NDArray[np.str_]

    def take(self, rows: slice | Indices) -> Images:
        """Return the images at `rows` in that order; a slice of an array is a view."""
        x = self.pixels
        pixels = x.take(rows) if isinstance(x, StoredPictures) else x[rows]
        return Images(pixels, self.targets[rows], self.ids[rows])

    def part(self) -> Part:
        """Return the images as a part of a data set."""
        import torch

        x = self.pixels
        pixels = x if isinstance(x, StoredPictures) else torch.from_numpy(np.ascontiguousarray(x))
        return Part((pixels,), torch.from_numpy(self.targets.astype(np.int64)), self.ids)


def image_dataset(
    reading: Reading,
    source: str,
    names: Sequence[str],
    train: Images,
    val: Images | None = None,
    test: Images | None = None,
    *,
    split: str | None = None,
    flip: bool | None = None,
    left_out: Sequence[LeftOut] = (),
    warnings: Sequence[str] = (),
    rendering: Rendering = STRETCHED,
) -> Dataset:
    """Complete the parts and fit the preprocessor.

    A test part that is missing is split off the training images (`reading.test_fraction`), stratified by class. So is a
    validation part that is missing (`reading.val_fraction`), but only where the selection needs one: "validation" and
    "refit".

    Args:
        reading: for the fractions, the selection and the seed of the split.
        source: what the user asked for.
        names: class names [K].
        train: training images.
        val: validation images, if the data brings them.
        test: test images, if the data brings them.
        split: who made the test part, "official" or "given"; by default "given" if there is one, else "stratified".
        flip: whether a mirrored image keeps its class, where that is known.
        left_out: images and files that are not used.
        warnings: what is to be said already.
        rendering: how the pictures were brought to their size and depth.

    Returns:
        The data set.

    Raises:
        TailtuneError: `reading.group` (images carry no groups), classes too small for a test part, or no training
            images of a class.
    """
    if reading.group is not None:
        raise TailtuneError(
            f"--group {reading.group} needs a table's column; put all images of one group into the same of the folders "
            "train/, val/ and test/ instead"
        )
    said = list(warnings)
    sizes = np.bincount(train.targets, minlength=len(names))
    for k in np.flatnonzero(sizes == 0).tolist():
        raise TailtuneError(f"class {quoted(names[k])} has no training images; add some or remove the class")
    split = split or ("stratified" if test is None else "given")
    if reading.selection == "test-oracle" and val is not None:
        said.append("The validation images are not used: the test-oracle selection picks on the test images.")
        val = None
    train, val, test = _complete(reading, train, val, test)
    if len(test.targets) == 0:
        raise TailtuneError(f"{source}: no class has two images, so none is left to test on; add images")
    said += _thin_classes(names, train, val, test)
    fitted_on = train.part()
    ids = (train.ids, None if val is None else val.ids, test.ids)
    return Dataset(
        kind="image",
        source=source,
        names=tuple(names),
        train=fitted_on,
        val=None if val is None else val.part(),
        test=test.part(),
        preprocessor=ImagePreprocessor.fit(fitted_on.inputs[0], rendering),
        split=split,
        split_hash=split_hash(*ids),
        flip=flip,
        left_out=tuple(left_out),
        warnings=tuple(said),
    )


def _complete(
    reading: Reading, train: Images, val: Images | None, test: Images | None
) -> tuple[Images, Images | None, Images]:
    held_back = reading.val_fraction if val is None and reading.selection in ("validation", "refit") else 0.0
    if test is not None and held_back == 0:
        return train, val, test
    rows = stratified(
        train.targets, 0.0 if test is not None else reading.test_fraction, held_back, seed=reading.split_seed
    )
    return (
        train.take(rows.train),
        train.take(rows.val) if held_back else val,
        train.take(rows.test) if test is None else test,
    )


def _thin_classes(names: Sequence[str], train: Images, val: Images | None, test: Images) -> list[str]:
    """Say which classes have one image altogether, and which others a part lacks."""
    parts = {"training": train, "validation": val, "test": test}
    counts = {what: np.bincount(part.targets, minlength=len(names)) for what, part in parts.items() if part is not None}
    single = sum(counts.values()) == 1
    said = list(singleton_warning([names[k] for k in np.flatnonzero(single).tolist()]))
    for what, count in counts.items():
        lacking = [quoted(names[k]) for k in np.flatnonzero((count == 0) & ~single).tolist()]
        if lacking:
            listed = ", ".join(lacking[:10]) + (f" and {len(lacking) - 10} more" if len(lacking) > 10 else "")
            subject = f"Class {listed} has" if len(lacking) == 1 else f"Classes {listed} have"
            said.append(f"{subject} no {what} images, so the {what} figures do not cover them.")
    return said


def fits_memory(count: int, channels: int, height: int, width: int) -> bool:
    """Whether images can be kept in memory."""
    return _needed(count, channels, height, width) <= SHARE * available_memory()


def check_memory(count: int, channels: int, height: int, width: int, where: str) -> None:
    """Refuse images that do not fit.

    Raises:
        TailtuneError: saying how much is needed, how much there is, a size that fits, and where else they can be kept.
    """
    free = available_memory()
    needed = _needed(count, channels, height, width)
    if needed <= SHARE * free:
        return
    side = int(np.sqrt(SHARE * free / (2 * count * channels)))
    raise TailtuneError(
        f"{where}: {count} images of {height} x {width} need {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are "
        f"free; keep them in a file with --storage disk, or make them smaller with --image-size {max(8, side // 8 * 8)}"
    )


def _needed(count: int, channels: int, height: int, width: int) -> int:
    return 2 * count * channels * height * width  # the pixels as read, and once more while they are split into parts
