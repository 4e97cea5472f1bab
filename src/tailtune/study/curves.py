"""The learning curves of a study's trainings, as results.json holds them."""

from __future__ import annotations

from typing import Any

from tailtune.study.training_task import Training
from tailtune.training.log import read_metrics, watched

POINTS = 60  # of a curve; of more epochs every n-th and the last one are kept
SCORES = ("balanced_accuracy", "tail_accuracy", "loss")


def learning_curve(training: Training) -> dict[str, Any] | None:
    """Return the curve of a finished training, or None of one without epochs (trees).

    Returns:
        dataset, ratio, method and seed; `part`, whose scores were watched ("val", "test", or None); and lists of one
        length: epoch, train_loss and, of a watched part, balanced_accuracy, tail_accuracy and loss.
    """
    rows = read_metrics(training.folder)
    if not rows:
        return None
    every = -(-len(rows) // POINTS)
    rows = [row for i, row in enumerate(rows) if i % every == 0 or i == len(rows) - 1]
    part = watched(rows)
    run = training.run
    return {
        "dataset": run.data,
        "ratio": run.ratio,
        "method": training.method,
        "seed": training.seed,
        "part": part,
        "epoch": [row["epoch"] for row in rows],
        "train_loss": [row["train_loss"] for row in rows],
        **({score: [row.get(f"{part}_{score}") for row in rows] for score in SCORES} if part else {}),
    }
