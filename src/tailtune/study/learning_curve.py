"""The learning curves of a study's trainings, as results.json holds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tailtune.training.log import read_metrics, watched

POINTS = 60  # of a curve; of more epochs every n-th and the last one are kept


@dataclass(frozen=True)
class Curve:
    """The curve of one training: lists of one length, a value an epoch.

    Attributes:
        dataset, ratio, arm, seed: whose it is.
        part: whose scores were watched: "val", "test", or None.
        epoch: counted from 1.
        train_loss: mean of the epoch.
        balanced_accuracy, tail_accuracy, loss: of the watched part; empty where there is none.
    """

    dataset: str
    ratio: float | None
    arm: str
    seed: int
    part: str | None
    epoch: tuple[int, ...]
    train_loss: tuple[float, ...]
    balanced_accuracy: tuple[float | None, ...] = ()
    tail_accuracy: tuple[float | None, ...] = ()
    loss: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        for values in (self.train_loss, self.balanced_accuracy, self.tail_accuracy, self.loss):
            if values and len(values) != len(self.epoch):
                raise ValueError(f"a curve of {len(self.epoch)} epochs with {len(values)} values")


def learning_curve(folder: Path, dataset: str, ratio: float | None, arm: str, seed: int) -> Curve | None:
    """Return the curve of the finished training in `folder`, or None of one without epochs (trees)."""
    rows = read_metrics(folder)
    if not rows:
        return None
    every = -(-len(rows) // POINTS)
    rows = [row for i, row in enumerate(rows) if i % every == 0 or i == len(rows) - 1]
    part = watched(rows)

    def scores(name: str) -> tuple[float | None, ...]:
        return tuple(row.get(f"{part}_{name}") for row in rows) if part else ()

    return Curve(
        dataset=dataset,
        ratio=ratio,
        arm=arm,
        seed=seed,
        part=part,
        epoch=tuple(row["epoch"] for row in rows),
        train_loss=tuple(row["train_loss"] for row in rows),
        balanced_accuracy=scores("balanced_accuracy"),
        tail_accuracy=scores("tail_accuracy"),
        loss=scores("loss"),
    )
