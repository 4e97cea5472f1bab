"""What data sets made of image files share: where they lie, the long tail, groups that stay together, and the parts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tailtune.data.dataset import Dataset, Headline
from tailtune.data.files_inside import lacking_files
from tailtune.data.image_listing import Listing
from tailtune.data.images import dataset_from_listing
from tailtune.data.imbalance import imbalance, refuse_imbalance
from tailtune.data.known import Known
from tailtune.data.splits import Split, stratified
from tailtune.errors import TailtuneError
from tailtune.settings import Reading

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Files:
    """Image files of one part.

    Attributes:
        paths: relative to the folder of the data set [N].
        targets: class indices [N].
        groups: what must stay in one part, such as the patient [N], if anything must.
    """

    paths: NDArray[np.str_]
    targets: Indices
    groups: NDArray[np.str_] | None = None

    def take(self, rows: Indices) -> Files:
        """Return the files at `rows` in that order."""
        return Files(self.paths[rows], self.targets[rows], None if self.groups is None else self.groups[rows])


@dataclass(frozen=True)
class Listed:
    """A data set of image files before its pixels are read.

    Attributes:
        title: for messages and the report.
        root: the folder that the paths are relative to.
        names: class names [K], in class order.
        train: training files.
        test: test files; None if they are to be split off by group.
        val: validation files, if the data set brings them.
        side: height and width of the published protocol, if it has one; else images keep their commonest size.
        balanced: whether all classes are equally frequent, so that a ratio may thin them out.
        headline: the metric by which published results are compared.
    """

    title: str
    root: Path
    names: tuple[str, ...]
    train: Files
    test: Files | None
    val: Files | None = None
    side: int | None = None
    balanced: bool = False
    headline: Headline | None = None


def data_root(reading: Reading) -> Path:
    """Return the folder of the named data sets: `reading.data_root`, else $TAILTUNE_DATA, else ~/.cache/tailtune."""
    return Path(reading.data_root or os.environ.get("TAILTUNE_DATA") or Path.home() / ".cache" / "tailtune")


def find_folder(root: Path, title: str, folders: Sequence[str], entries: Sequence[str], how: str) -> Path:
    """Return the first folder that holds what the owner publishes.

    Args:
        root: the folder of the named data sets.
        title: the data set, for messages.
        folders: where it may lie, relative to `root`, the one that the message recommends first.
        entries: files and folders that must be there.
        how: where to get them, for the message.

    Raises:
        TailtuneError: none of the folders holds all entries; the message says what to put where.
    """
    for folder in folders:
        if all((root / folder / entry).exists() for entry in entries):
            return root / folder
    raise TailtuneError(f"{title} is not in {root}: put {', '.join(entries)} into {root / folders[0]} ({how})")


def check_counts(title: str, where: Path, targets: Indices, official: Sequence[int]) -> None:
    """Compare the number of images of each class with the published one.

    Args:
        title: the data set.
        where: the folder or file that was read.
        targets: class indices [N].
        official: images of each class [K].

    Raises:
        TailtuneError: another number.
    """
    found = np.bincount(targets, minlength=len(official))
    wrong = np.flatnonzero(found != np.asarray(official))
    if len(wrong):
        k = int(wrong[0])
        raise TailtuneError(
            f"{where} has {found[k]} images of class {k} where {title} has {official[k]}; unpack the official files "
            "again, or open your own selection as an image folder"
        )


def protocol(reading: Reading, headline: Headline | None) -> Headline | None:
    """Return the metric by which published results are compared; None for a test part that no protocol has.

    Args:
        reading: with a test ratio, the test part is not the published one.
        headline: that metric on the published test part.
    """
    return headline if reading.test_ratio is None else None


def hold_out(targets: Indices, share: float, seed: int) -> tuple[Indices, Indices]:
    """Split rows as the transfer literature does: of every class int(share * n) rows are drawn for the test part.

    Args:
        targets: class indices in the official order [N].
        share: of every class, 0 to 1.
        seed: of NumPy's legacy generator, which draws class after class without replacement.

    Returns:
        Positions of the training and of the test rows, ascending.

    Source: Fang et al. 2023, "Does progress on ImageNet transfer to real-world datasets?".

    >>> [part.tolist() for part in hold_out(np.repeat([0, 1], 5), 0.2, seed=42)]
    [[0, 2, 3, 4, 5, 6, 7, 9], [1, 8]]
    """
    generator = np.random.RandomState(seed)
    drawn = []
    for k in np.unique(targets):
        places = np.flatnonzero(targets == k)
        drawn.append(generator.choice(places, int(share * len(places)), replace=False))
    test = np.sort(np.concatenate(drawn)).astype(np.int64)
    return np.setdiff1d(np.arange(len(targets)), test), test


def files_dataset(reading: Reading, listed: Listed) -> Dataset:
    """Read the images of a data set that is listed already.

    Balanced sets are thinned out as `imbalance` says, the others are taken as they are. Files with groups are split by
    group: the test part, where the data set has none, and the validation part, where the selection needs one.

    Args:
        reading: for the imbalance, the fractions, the selection, the size and the seed of the splits.
        listed: the files.

    Returns:
        The data set. Identities are the paths relative to the folder.

    Raises:
        TailtuneError: a ratio for a data set with class sizes of its own or anything wrong with it, and files that are
            missing or cannot be read.
    """
    words, warnings = "", tuple[str, ...]()
    split = "stratified" if listed.test is None else "official"
    if listed.balanced and listed.test is not None:
        kept = imbalance(reading, listed.train.targets, listed.test.targets)
        words, warnings = kept.words, kept.warnings
        train = listed.train if kept.train is None else listed.train.take(kept.train)
        test = listed.test if kept.test is None else listed.test.take(kept.test)
        listed = replace(listed, train=train, test=test)
    else:
        refuse_imbalance(reading)
    if listed.train.groups is not None:
        listed = _split_by_group(reading, listed)
    parts = {"train": listed.train, "val": listed.val, "test": listed.test}
    files = {
        part: tuple(zip(some.paths.tolist(), (listed.names[k] for k in some.targets), strict=True))
        for part, some in parts.items()
        if some is not None
    }
    _check_files(listed, [path for pairs in files.values() for path, _ in pairs])
    listing = Listing(listed.root, listed.names, files, strays=())
    source = f"{listed.title}{words}"
    groups = [some.groups for some in parts.values() if some is not None]
    known = None
    if all(each is not None for each in groups):
        known = Known(groups=np.concatenate([each for each in groups if each is not None]))
    dataset = dataset_from_listing(
        reading,
        listing,
        source,
        side=listed.side,
        split=split,
        flip=True,
        warnings=warnings,
        known=known,
        resize="stretch",
    )
    return replace(dataset, headline=protocol(reading, listed.headline))


def _split_by_group(reading: Reading, listed: Listed) -> Listed:
    wanted = reading.val_fraction if listed.val is None and reading.selection in ("validation", "refit") else 0.0
    test = reading.test_fraction if listed.test is None else 0.0
    train = listed.train
    rows: Split = stratified(train.targets, test, wanted, groups=train.groups, seed=reading.split_seed)
    return replace(
        listed,
        train=train.take(rows.train),
        val=train.take(rows.val) if wanted else listed.val,
        test=train.take(rows.test) if listed.test is None else listed.test,
    )


def _check_files(listed: Listed, paths: Sequence[str]) -> None:
    """Look for all files.

    Raises:
        TailtuneError: saying how many are missing, and naming the first; or a path that leads out of the folder.
    """
    missing = lacking_files(
        listed.root,
        paths,
        lambda out: TailtuneError(
            f"{listed.title}: the path {out!r} leads out of {listed.root}; take the official files, and copy what is "
            "linked into that folder"
        ),
    )
    if missing:
        raise TailtuneError(
            f"{listed.title}: {len(missing)} of {len(paths)} images are not there, the first is "
            f"{listed.root / missing[0]}; unpack the official files again"
        )
