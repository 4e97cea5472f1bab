"""A data set of one's own: two kinds of points, one of them rare, made when they are asked for.

tailtune fit examples/my_data.py:rings --out runs/rings
"""

import numpy as np
from numpy.typing import NDArray

from tailtune.settings import Reading


def rings(reading: Reading) -> dict[str, NDArray[np.generic]]:
    """An outer ring of 950 common points around 50 rare ones; the seed of the split draws them."""
    rng = np.random.default_rng(reading.split_seed)
    rare = np.arange(1000) < 50
    radius = np.where(rare, 0.5, 1.0) + 0.15 * rng.normal(size=1000)
    angle = rng.uniform(0, 2 * np.pi, 1000)
    return {
        "x": radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1),
        "y": np.where(rare, "rare", "common"),
    }
