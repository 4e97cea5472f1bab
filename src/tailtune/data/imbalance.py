"""`imbalance`: which rows of a named image data set a run keeps, by its ratios, profile and sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.data.longtail import (
    Profile,
    counts_of_maximum,
    counts_of_minority,
    counts_of_total,
    first_of_shuffled,
    shares,
)
from tailtune.errors import TailtuneError
from tailtune.settings import Reading

Indices = NDArray[np.int64]
NEEDS = {  # what an option about imbalance means nothing without
    "total": ("ratio",),
    "minority": ("ratio",),
    "test_total": ("test_ratio",),
    "profile": ("ratio", "test_ratio"),
    "class_order": ("ratio", "test_ratio"),
}


@dataclass(frozen=True)
class Kept:
    """What a run keeps of a data set.

    Attributes:
        train: positions of the training rows, grouped by class, in which the literature's sets come; or None for all.
        test: positions of the test rows in their given order, or None for all.
        words: for the title of the data set, such as " at ratio 0.01"; empty if all is kept.
        warnings: one sentence each.
    """

    train: Indices | None
    test: Indices | None
    words: str = ""
    warnings: tuple[str, ...] = ()


def imbalance(reading: Reading, train: ArrayLike, test: ArrayLike, maximum: float | None = None) -> Kept:
    """Choose the rows that make a data set as imbalanced as `reading` asks.

    At ratio r with nothing else the training rows are those of `tailtune.data.longtail.canonical`. The seed of the
    split says which rows are kept, and in which order the classes go from frequent to rare where they are shuffled:
    the same order for training and test. Rows are nested: a smaller count keeps a subset of what a larger one keeps.

    Args:
        reading: for `ratio`, `test_ratio`, `profile`, `total`, `test_total`, `minority`, `class_order` and
            `split_seed`.
        train: class indices of the training rows [N].
        test: class indices of the test rows [M].
        maximum: training samples of the most frequent class; by default as many as the smallest class has. (Test rows:
            always as many as the smallest class has.)

    Returns:
        The rows to keep.

    Raises:
        TailtuneError: a ratio or size out of range, an option without the ratio that it belongs to, or a class that has
            fewer samples than it should keep.
    """
    refuse_options_without_ratio(reading)
    classes = len(np.unique(np.asarray(train)))
    order = np.arange(classes)
    if reading.class_order == "shuffled":
        order = np.random.default_rng(reading.split_seed).permutation(classes)
    chosen: list[Indices | None] = []
    words, said = "", []
    parts = (
        ("training", train, reading.ratio, reading.total, reading.minority, maximum),
        ("test", test, reading.test_ratio, reading.test_total, None, None),
    )
    for part, targets, ratio, total, minority, most in parts:
        if ratio is None:
            chosen.append(None)
            continue
        y = np.asarray(targets)
        sizes = np.bincount(y, minlength=classes)
        if len(sizes) > classes or not sizes.all():
            raise TailtuneError(f"a {part} part that is to be made imbalanced needs samples of all {classes} classes")
        counts, warnings = _counts(
            reading.profile or "exponential", classes, ratio, total, minority, most or sizes.min()
        )
        wanted = np.empty(classes, dtype=np.int64)
        wanted[order] = counts
        _check(part, wanted, sizes)
        chosen.append(first_of_shuffled(y, wanted, reading.split_seed))
        said += [warning if part == "training" else f"In the test part, {warning}" for warning in warnings]
        words += f"{', test' if words or part == 'test' else ''} at ratio {ratio:g}"
        words += f" of {total} samples" if total is not None else ""
        words += f" from {minority} samples" if minority is not None else ""
    if words and reading.profile not in (None, "exponential"):
        words += f" ({reading.profile})"
    if words and reading.class_order == "shuffled":
        words += ", classes in shuffled order"
    kept, tested = chosen
    return Kept(kept, None if tested is None else np.sort(tested), words, tuple(said))


def refuse_options_without_ratio(reading: Reading) -> None:
    """Refuse options that a run gives but that have no effect without a ratio.

    Raises:
        TailtuneError: naming the option and what it needs.
    """
    for name, ratios in NEEDS.items():
        if getattr(reading, name) is not None and all(getattr(reading, ratio) is None for ratio in ratios):
            option, needed = name.replace("_", "-"), " or ".join(f"--{ratio.replace('_', '-')}" for ratio in ratios)
            raise TailtuneError(f"--{option} needs {needed}, which says how imbalanced; 1 is balanced")
    if reading.total is not None and reading.minority is not None:
        raise TailtuneError("--total and --minority both say how large the classes are; leave one of them out")


def refuse_imbalance(reading: Reading) -> None:
    """Refuse every option about imbalance, for data that are taken as they are.

    Raises:
        TailtuneError: naming the first option that is given.
    """
    for name in ("ratio", "test_ratio", *NEEDS):
        if getattr(reading, name) is not None:
            raise TailtuneError(
                f"--{name.replace('_', '-')} makes a named image data set long-tailed; {reading.data} is taken as it "
                "is, leave it out"
            )


def _counts(
    profile: Profile, classes: int, ratio: float, total: int | None, minority: int | None, maximum: float
) -> tuple[Indices, tuple[str, ...]]:
    relative = shares(profile, classes, ratio)
    if total is not None:
        return counts_of_total(relative, total)
    if minority is not None:
        return counts_of_minority(relative, minority)
    return counts_of_maximum(relative, maximum)


def _check(part: str, wanted: Indices, sizes: Indices) -> None:
    for k in np.flatnonzero(wanted > sizes)[:1].tolist():
        raise TailtuneError(
            f"class {k} has {sizes[k]} {part} samples where the profile wants {wanted[k]}; ask for fewer, or for a "
            "ratio closer to 1"
        )
