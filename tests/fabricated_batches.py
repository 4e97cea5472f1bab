"""Rows of trainings with several batch sizes that never were."""

from __future__ import annotations

from tailtune.paper.page import Row

SIZES = (32, 64, 128, 256)


def batches(rare: float, even: float, scale: str = "small", seeds: int = 4) -> list[Row]:
    """Rows whose accuracy rises by so much with each halving of the batch, at the ratios 0.01 and 1."""
    return [
        {
            "study": "cifar10",
            "scale": scale,
            "ratio": ratio,
            "batch_size": batch,
            "seed": seed,
            "accuracy": 0.5 + slope * (7 - SIZES.index(batch)) + 0.0001 * seed * SIZES.index(batch),
        }
        for ratio, slope in ((0.01, rare), (1.0, even))
        for batch in SIZES
        for seed in range(seeds)
    ]
