"""Long-tailed sets: how many samples each class keeps by a profile, and which ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError

Indices = NDArray[np.int64]
Profile = Literal["exponential", "step", "pareto"]
PROFILES: dict[Profile, str] = {
    "exponential": "each class is smaller than the one before by the same factor",
    "step": "the first half of the classes stays whole, the others all have the rarest class's size",
    "pareto": "falls faster at first and has the longer tail, as ImageNet-LT",
}
PARETO = 6.0  # the shape parameter of ImageNet-LT (Liu et al. 2019)


def exponential_counts(n_max: float, num_classes: int, ratio: float) -> tuple[Indices, tuple[str, ...]]:
    """Class sizes that fall exponentially from `n_max` to `n_max` times `ratio`: n_i = int(n_max ratio^(i/(K-1))).

    A size that int() makes 0 (CIFAR-100 at ratio 0.001 has ten) becomes 1, so that no class vanishes.

    Args:
        n_max: samples of the most frequent class.
        num_classes: K.
        ratio: samples of the rarest over the most frequent class, over 0 and up to 1.

    Returns:
        Sizes [K] in class order, and a warning for each departure from the formula.

    Raises:
        TailtuneError: `ratio` outside (0, 1], or fewer than two classes.

    Source: Cao et al. 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss".

    >>> exponential_counts(5000, 10, 0.01)[0].tolist()
    [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    """
    return counts_of_maximum(shares("exponential", num_classes, ratio), n_max)


def shares(profile: Profile, num_classes: int, ratio: float) -> list[float]:
    """Class sizes relative to the most frequent class, in falling order, from 1 to `ratio`.

    With the place t = i / (K - 1) of class i between 0 and 1:

    - exponential: ratio^t.
    - step: 1 for the first K // 2 classes, `ratio` for the others.
    - pareto: the density of the Pareto distribution with shape a = 6, (1 + c t)^-(a + 1), where c makes the last share
      `ratio`. It falls faster than the exponential at first and has the longer tail.

    Args:
        profile: which of the three.
        num_classes: K.
        ratio: the rarest over the most frequent class, over 0 and up to 1.

    Returns:
        K shares.

    Raises:
        TailtuneError: `ratio` outside (0, 1], fewer than two classes, or an unknown profile.

    Source: exponential and step of Cao et al. 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin
    Loss"; the Pareto distribution of Liu et al. 2019, "Large-Scale Long-Tailed Recognition in an Open World".

    >>> shares("step", 5, 0.1)
    [1.0, 1.0, 0.1, 0.1, 0.1]
    """
    if not 0 < ratio <= 1:
        raise TailtuneError(f"the imbalance ratio is the rarest over the most frequent class, 0 < ratio <= 1: {ratio=}")
    if num_classes < 2:
        raise TailtuneError(f"a long tail needs two classes or more, however: {num_classes=}")
    last = num_classes - 1.0
    if profile == "exponential":
        return [ratio ** (i / last) for i in range(num_classes)]
    if profile == "step":
        return [1.0 if i < num_classes // 2 else float(ratio) for i in range(num_classes)]
    if profile == "pareto":
        stretch = ratio ** (-1 / (PARETO + 1)) - 1
        return [*((1 + stretch * i / last) ** -(PARETO + 1) for i in range(num_classes - 1)), float(ratio)]
    raise TailtuneError(f"a profile is exponential, step or pareto, however: {profile!r}")


def counts_of_maximum(relative: Sequence[float], maximum: float) -> tuple[Indices, tuple[str, ...]]:
    """Class sizes int(maximum times share): what is cut off is lost, but no class falls below one sample.

    Args:
        relative: shares of the most frequent class [K], see `shares`.
        maximum: samples of the most frequent class.

    Returns:
        Sizes [K], and a warning if classes would have been empty.

    >>> counts_of_maximum(shares("pareto", 5, 0.01), 1000)[0].tolist()
    [1000, 231, 68, 24, 10]
    """
    exact = [int(maximum * share) for share in relative]
    return np.maximum(np.asarray(exact, dtype=np.int64), 1), _raised(exact.count(0), relative[-1])


def counts_of_minority(relative: Sequence[float], minority: int) -> tuple[Indices, tuple[str, ...]]:
    """Class sizes where the rarest class has exactly `minority` samples, so that a smaller ratio adds to the others.

    Args:
        relative: shares of the most frequent class [K], see `shares`; the last one is the ratio.
        minority: samples of the rarest class, 1 or more.

    Returns:
        Sizes [K], rounded to the nearest, and no warning.

    Raises:
        TailtuneError: `minority` below 1.

    >>> counts_of_minority(shares("step", 4, 0.1), 200)[0].tolist()
    [2000, 2000, 200, 200]
    """
    if minority < 1:
        raise TailtuneError(f"the rarest class needs one sample or more, however: {minority=}")
    return np.asarray([round(minority * (share / relative[-1])) for share in relative], dtype=np.int64), ()


def counts_of_total(relative: Sequence[float], total: int) -> tuple[Indices, tuple[str, ...]]:
    """Class sizes in proportion to the shares that add up to exactly `total`.

    A class whose part is below one sample gets one, and the others share the rest in proportion; what is left after
    rounding down goes, one sample each, to the largest remainders.

    Args:
        relative: shares of the most frequent class [K], see `shares`.
        total: samples of all classes together, K or more.

    Returns:
        Sizes [K], and a warning if classes would have been empty.

    Raises:
        TailtuneError: `total` below K.

    >>> counts_of_total(shares("exponential", 4, 0.1), 1000)[0].tolist()
    [562, 261, 121, 56]
    """
    classes = len(relative)
    if total < classes:
        raise TailtuneError(f"{classes} classes need {classes} samples or more, however: {total=}")
    own = classes  # the first classes, whose part is one sample or more
    while own and (total - (classes - own)) * relative[own - 1] / math.fsum(relative[:own]) < 1:
        own -= 1
    rest = total - (classes - own)
    parts = [rest * share / math.fsum(relative[:own]) for share in relative[:own]]
    sizes = [max(1, math.floor(part)) for part in parts] + [1] * (classes - own)
    by_remainder = sorted(range(own), key=lambda i: (sizes[i] - parts[i], i))
    for i in by_remainder[: total - sum(sizes)]:
        sizes[i] += 1
    return np.asarray(sizes, dtype=np.int64), _raised(classes - own, relative[-1])


def _raised(classes: int, ratio: float) -> tuple[str, ...]:
    if not classes:
        return ()
    which, keeps = ("rarest class", "it") if classes == 1 else (f"{classes} rarest classes", "each")
    return (f"at ratio {ratio:g} the {which} would be empty; {keeps} keeps one sample instead",)


def canonical(targets: ArrayLike, ratio: float, seed: int = 0) -> Indices:
    """Return the positions of the long-tailed training set that the literature shares, in its order.

    Class k keeps as many samples as `exponential_counts` gives it with n_max = N / K: NumPy's legacy generator shuffles
    the positions of each class, class by class in ascending order, and the first ones stay.

    Args:
        targets: class indices of a balanced training set in its official order [N].
        ratio: samples of the rarest over the most frequent class.
        seed: of the shuffling; 0 gives the literature's set, any other one of the same sizes.

    Returns:
        Positions, grouped by class.

    Raises:
        TailtuneError: as for `exponential_counts`, or a class that holds fewer samples than it should keep.

    >>> len(canonical(np.repeat(np.arange(10), 5000), 0.01))
    12406
    """
    y = np.asarray(targets)
    num_classes = len(np.unique(y))
    counts, _ = exponential_counts(len(y) / num_classes, num_classes, ratio)
    return first_of_shuffled(y, counts, seed)


def first_of_shuffled(targets: ArrayLike, counts: ArrayLike, seed: int = 0) -> Indices:
    """Shuffle every class's positions with NumPy's legacy generator and return the first `counts` of each.

    Args:
        targets: class indices [N].
        counts: samples to keep of each class [K], in ascending order of the classes that occur.
        seed: of the generator.

    Returns:
        Positions, grouped by class.

    Raises:
        TailtuneError: a class that holds fewer samples than it should keep.
    """
    y, wanted = np.asarray(targets), np.asarray(counts)
    generator = np.random.RandomState(seed)
    kept = []
    for k, count in zip(np.unique(y), wanted, strict=True):
        places = np.where(y == k)[0]
        if len(places) < count:
            raise TailtuneError(
                f"class {k} has {len(places)} samples where the profile wants {count}; start from a balanced set"
            )
        generator.shuffle(places)
        kept.append(places[:count])
    return np.concatenate(kept).astype(np.int64)
