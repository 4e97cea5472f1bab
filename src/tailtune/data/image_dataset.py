"""From images in memory to a `Dataset`: the parts that are still missing, statistics, and what to warn about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tailtune.data.absent_classes import absent_classes
from tailtune.data.dataset import Dataset, LeftOut, Part
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.known import NOTHING, Known, KnownBy
from tailtune.data.likeness.copy_sets import copy_sets
from tailtune.data.memory import SHARE, available_memory
from tailtune.data.parted import Parted, parted, shared_groups, what_groups_do, what_weights_do, with_known
from tailtune.data.rendering import STRETCHED, Pixels, Rendering
from tailtune.data.splits import split_hash
from tailtune.data.stored_pictures import StoredPictures
from tailtune.errors import TailtuneError
from tailtune.settings import Reading
from tailtune.words import counted, quoted

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Images:
    """Pictures of one size: pixels uint8 [N, C, H, W] or where they lie, class indices int64 [N], identities [N], and
    what is known of them beside.
    """

    pixels: Pixels | StoredPictures
    targets: Indices
    ids: NDArray[np.str_]
    known: Known = NOTHING

    def take(self, rows: slice | Indices) -> Images:
        """Return the images at `rows` in that order; a slice of an array is a view."""
        x = self.pixels
        pixels = x.take(rows) if isinstance(x, StoredPictures) else x[rows]
        return Images(pixels, self.targets[rows], self.ids[rows], self.known.take(rows))

    def part(self, scale: float = 1.0) -> Part:
        """Return the images as a part of a data set, their weights multiplied by `scale`."""
        import torch

        x = self.pixels
        pixels = x if isinstance(x, StoredPictures) else torch.from_numpy(np.ascontiguousarray(x))
        part = Part((pixels,), torch.from_numpy(self.targets.astype(np.int64)), self.ids)
        return with_known(part, self.known, scale)


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
    by: KnownBy | None = None,
    rendering: Rendering = STRETCHED,
    keep_copies: bool = False,
) -> Dataset:
    """Complete the parts and fit the preprocessor.

    A test part that is missing is split off the training images (`reading.test_fraction`), as `parted` does it. So is a
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
        by: the columns of a manifest that say what is known of the images; None where there is no manifest.
        rendering: how the pictures were brought to their size and depth.
        keep_copies: whether pictures that are the same or nearly so, see `copy_sets`, stay in one part where a test
            part is split off at random and no groups are known.

    Returns:
        The data set.

    Raises:
        TailtuneError: a column that only a manifest has, classes too small for a test part, or no training images of a
            class.
    """
    if by is None:
        _refuse_columns(reading)
    said = list(warnings)
    sizes = np.bincount(train.targets, minlength=len(names))
    for k in np.flatnonzero(sizes == 0).tolist():
        raise TailtuneError(f"class {quoted(names[k])} has no training images; add some or remove the class")
    split = split or ("stratified" if test is None else "given")
    if reading.selection == "test-oracle" and val is not None:
        said.append("The validation images are not used: the test-oracle selection picks on the test images.")
        val = None
    brought = val, test
    copies_together = False
    if keep_copies and test is None and train.known.groups is None and train.known.times is None:
        sets = _with_two_of_each_class(copy_sets(train.part().inputs[0]), train.targets)
        copies_together = bool((sets != np.arange(len(sets))).any())
        if copies_together:
            train = replace(train, known=replace(train.known, groups=train.ids[sets]))
            said.append(_told_of_copies(sets))
    train, val, test, made = _complete(reading, names, train, val, test)
    said += made.warnings
    if len(test.targets) == 0:
        grouped = "no class has two groups" if train.known.groups is not None else "no class has two images"
        raise TailtuneError(f"{source}: {grouped}, so none is left to test on; add images")
    named = {"training": train, "validation": val, "test": test}
    said += absent_classes(names, {name: part.targets for name, part in named.items() if part is not None}, "images")
    fitted_on, tested_on = train.part(made.scale), test.part(made.scale)
    for what, part in zip(("validation", "test"), brought, strict=True):
        if part is not None and (shared := shared_groups(fitted_on, part.part())):
            said.append(
                f"The {what} images share {shared} groups with the training images, so their figures may be too good."
            )
    if not copies_together:
        said += what_groups_do(by or KnownBy(), fitted_on, tested_on, "images")
    said += what_weights_do(by or KnownBy(), "images")
    if split == "stratified" and train.known.times is not None:
        split = "by time"
    ids = (train.ids, None if val is None else val.ids, test.ids)
    return Dataset(
        kind="image",
        source=source,
        names=tuple(names),
        train=fitted_on,
        val=None if val is None else val.part(made.scale),
        test=tested_on,
        preprocessor=ImagePreprocessor.fit(fitted_on.inputs[0], rendering),
        split=split,
        split_hash=split_hash(*ids),
        flip=flip,
        left_out=(*made.left_out, *left_out),
        warnings=tuple(said),
        copies_together=copies_together,
    )


def _with_two_of_each_class(sets: Indices, targets: Indices) -> Indices:
    """Take the sets apart of classes that are all one set, so that there is something to train and to test on."""
    whole = [rows for rows in (np.flatnonzero(targets == k) for k in np.unique(targets)) if np.ptp(sets[rows]) == 0]
    found = sets.copy()
    for rows in whole:
        found[rows] = rows
    return found


def _told_of_copies(sets: Indices) -> str:
    sizes = np.bincount(sets)
    several = sizes[sizes > 1]
    return (
        f"{several.sum():,} of {len(sets):,} images are the same as another one or nearly so; each of their "
        f"{counted(len(several), 'set', 'sets')} stays in one part, and counts as one in intervals."
    )


def _refuse_columns(reading: Reading) -> None:
    """Refuse columns where there are none.

    Raises:
        TailtuneError: naming the option.
    """
    if reading.group is not None:
        raise TailtuneError(
            f"--group {reading.group} needs a column, of a table or a --manifest; for a folder of pictures write "
            "--group-pattern, or put all images of one group into the same of the folders train/, val/ and test/"
        )
    for name in ("time", "weight"):
        if (column := getattr(reading, name)) is not None:
            raise TailtuneError(f"--{name} {column} needs a column, of a table or a --manifest; pictures have none")


def _complete(
    reading: Reading, names: Sequence[str], train: Images, val: Images | None, test: Images | None
) -> tuple[Images, Images | None, Images, Parted]:
    held_back = reading.val_fraction if val is None and reading.selection in ("validation", "refit") else 0.0
    made = parted(
        train.targets,
        names,
        train.known,
        0.0 if test is not None else reading.test_fraction,
        held_back,
        seed=reading.split_seed,
        what="images",
    )
    if test is not None and held_back == 0:
        return train, val, test, made
    rows = made.rows
    return (
        train.take(rows.train),
        train.take(rows.val) if held_back else val,
        train.take(rows.test) if test is None else test,
        made,
    )


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
