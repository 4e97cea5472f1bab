"""SMOTE on a training part: images by their pixels, tables by imbalanced-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from tailtune.data.dataset import Part
from tailtune.sampling.smote_images import smote_images
from tailtune.sampling.smote_table import smote_table


def enlarge_by_smote(part: Part, shape: Mapping[str, Any], k: int, ratio: float, seed: int) -> Part:
    """Add synthetic rows to every class of `part` that is smaller than `ratio` times the largest.

    Args:
        part: training rows; it stays as it is.
        shape: sizes of the inputs, by which images (they have channels) are told from tables.
        k: neighbours.
        ratio: size that every class should reach, over that of the largest class, in (0, 1].
        seed: of the random choices.

    Returns:
        The rows of `part`, then the synthetic ones, with ids smote:0, smote:1 and so on. Where rows have weights, a
        synthetic row has the mean weight of its class.

    Raises:
        TailtuneError: pictures in a file, and what `smote_images` and `smote_table` refuse.
    """
    given = part.tensors("SMOTE")
    if "channels" in shape:
        *inputs, targets = smote_images(given[0], part.targets, k, ratio, seed)
    else:
        numeric, categorical = given
        *inputs, targets = smote_table(numeric, categorical, part.targets, k, ratio, seed)
    made = targets[len(part) :]
    ids = np.concatenate([part.ids, np.array([f"smote:{i}" for i in range(len(made))], dtype=np.str_)])
    weights = part.weights
    if weights is not None:
        sums = torch.bincount(part.targets, weights.double())
        means = sums / part.targets.bincount().clamp(min=1)
        weights = torch.cat([weights, means[made].to(weights.dtype)])
    return Part(tuple(inputs), targets, ids, weights)
