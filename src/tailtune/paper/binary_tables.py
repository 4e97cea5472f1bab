"""Adult and two kinds of cover of Covertype as tables that take a ratio: a reader each, for studies of ratios.

Named tables are taken as they are, so these readers leave out training rows themselves: they choose rows as the image
sets do, nested, so that all ratios share rows. All test rows stay; accuracy at another balance follows from the recalls
of both classes. The preprocessor has seen all training rows, also those that are left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.data.dataset import Part
from tailtune.data.long_tailed import long_tailed

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading

COVERS = ("2", "1")  # lodgepole pine, spruce or fir: 85 % of the rows


@long_tailed
def adult(reading: Reading) -> Dataset:
    """Return Adult; who earns more becomes rare."""
    return _imbalanced("adult", ("<=50K", ">50K"), reading)


@long_tailed
def covertype(reading: Reading) -> Dataset:
    """Return the patches of Covertype's two largest kinds, of which spruce and fir become rare."""
    return _imbalanced("covertype", COVERS, reading)


def _imbalanced(name: str, classes: tuple[str, str], reading: Reading) -> Dataset:
    """Return two classes of a named table, the first of them frequent."""
    from tailtune.data.catalog import open_named
    from tailtune.data.imbalance import NEEDS, imbalance

    plain: dict[str, Any] = dict.fromkeys(("ratio", "test_ratio", *NEEDS))
    whole = open_named(name, replace(reading, data=name, **plain))
    codes = [whole.names.index(label) for label in classes]
    train, test = (_only(part, codes) for part in (whole.train, whole.test))
    kept = imbalance(reading, train.targets.numpy(), test.targets.numpy())
    return replace(
        whole,
        source=f"{name}{kept.words}",
        names=classes,
        train=train if kept.train is None else train.take(kept.train),
        val=None if whole.val is None else _only(whole.val, codes),
        test=test if kept.test is None else test.take(kept.test),
        warnings=(*whole.warnings, *kept.warnings),
        positive=None,
        as_new=None,
    )


def _only(part: Part, codes: list[int]) -> Part:
    """Return the rows of two classes, numbered as `codes` stand."""
    import torch

    old = part.targets.numpy()
    kept = part.take(np.flatnonzero(np.isin(old, codes)))
    return replace(kept, targets=torch.as_tensor((kept.targets.numpy() == codes[1]).astype(np.int64)))
