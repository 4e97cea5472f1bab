"""Long-tailed pictures that are scored on training rows of their official set, kept aside: for choices of settings.

The official test part is left out, so nothing that is chosen here has seen it. The rows that are kept aside are of
balanced classes, as the official test part is, and are no training rows at any ratio.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.data.long_tailed import long_tailed

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

FEW = 1200  # rows of HAM10000 that are trained on
ASIDE = {"cifar10": 500, "digits": 20}  # rows of each class


@long_tailed
def cifar10(reading: Reading) -> Dataset:
    """Return CIFAR-10 with at most 4,500 training rows of a class and 500 that score; the split's seed draws them."""
    return _held_out("cifar10", reading)


@long_tailed
def digits(reading: Reading) -> Dataset:
    """Return the digits with 20 training rows of a class kept aside to score; the split's seed draws them."""
    return _held_out("digits", reading)


def ham10000(reading: Reading) -> Dataset:
    """Return 1,200 rows of HAM10000 in its own balance, scored on its validation rows, which are of other lesions."""
    from tailtune.data.longtail import first_of_shuffled

    whole = ham10000_whole(reading)
    targets = whole.train.targets.numpy()
    counts = np.bincount(targets)
    kept = first_of_shuffled(targets, np.round(counts * FEW / len(targets)).astype(int), reading.split_seed)
    return replace(whole, source=f"{FEW} {whole.source}", train=whole.train.take(np.sort(kept)))


def ham10000_whole(reading: Reading) -> Dataset:
    """Return HAM10000 scored on its validation rows, which are of other lesions than those that are trained on."""
    from tailtune.data.catalog import open_named

    whole = open_named("ham10000", replace(reading, data="ham10000", selection="validation"))
    assert whole.val is not None
    return replace(whole, source="training rows of ham10000, scored on its validation rows", val=None, test=whole.val)


def _held_out(name: str, reading: Reading) -> Dataset:
    """Return a named set whose test part is made of training rows; the preprocessor has seen these."""
    from tailtune.data.catalog import open_named
    from tailtune.data.imbalance import NEEDS, imbalance
    from tailtune.data.longtail import first_of_shuffled

    plain: dict[str, Any] = dict.fromkeys(("ratio", "test_ratio", *NEEDS))
    whole = open_named(name, replace(reading, data=name, selection="last", **plain))
    targets = whole.train.targets.numpy()
    aside = np.sort(first_of_shuffled(targets, np.full(len(whole.names), ASIDE[name]), reading.split_seed))
    rest = whole.train.take(np.setdiff1d(np.arange(len(targets)), aside))
    scored = whole.train.take(aside)
    kept = imbalance(reading, rest.targets.numpy(), scored.targets.numpy())
    return replace(
        whole,
        source=f"{name}{kept.words}, scored on training rows kept aside",
        train=rest if kept.train is None else rest.take(kept.train),
        val=None,
        test=scored if kept.test is None else scored.take(kept.test),
        warnings=(*whole.warnings, *kept.warnings),
    )
