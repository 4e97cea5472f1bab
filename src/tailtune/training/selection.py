"""Which epoch's weights are kept, and when to stop early: decided on validation, never on the test part."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from tailtune.data.dataset import Dataset, Part
from tailtune.errors import TailtuneError
from tailtune.settings import ResolvedTraining
from tailtune.training.validate import Scores

FEWEST = 5  # with fewer validation rows in a class, one row moves balanced accuracy too much to steer by


@dataclass
class Selection:
    """Follows the scores and keeps the best weights.

    Attributes:
        monitored: the part whose scores decide; None keeps the last weights.
        monitor: which score.
        patience: epochs without a better score before training stops; 0 for never.
        choose: whether the best weights replace the last ones in the end.
        settled: epochs that come too early to be chosen, because the method still changes what it does.
        part: which part `monitored` is, for the log.
    """

    monitored: Part | None
    monitor: str
    patience: int
    choose: bool
    settled: int = 0
    part: Literal["val", "test"] = "val"
    best_score: float = -float("inf")
    best_epoch: int | None = None
    waited: int = 0
    weights: dict[str, torch.Tensor] = field(default_factory=dict)

    def see(self, epoch: int, scores: Scores, model: torch.nn.Module) -> None:
        """Take in the scores of `epoch`, reached by the weights that `model` holds now."""
        if epoch <= self.settled:
            return
        score = getattr(scores, self.monitor)
        score = -score if self.monitor == "log_loss" else score
        if score > self.best_score:
            self.best_score, self.best_epoch, self.waited = score, epoch, 0
            if self.choose:
                self.weights = copy.deepcopy(model.state_dict())
        else:
            self.waited += 1

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.patience > 0 and self.waited >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return {
            "best_score": self.best_score,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "weights": self.weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a saved state."""
        self.best_score, self.best_epoch, self.waited = state["best_score"], state["best_epoch"], state["waited"]
        self.weights = state["weights"]


def select(run: ResolvedTraining, dataset: Dataset) -> tuple[Selection, str]:
    """Return what `run` selects by on `dataset`, and a sentence about it for the report.

    Raises:
        TailtuneError: validation is to decide and there are no validation rows.
    """
    patience = run.patience
    if run.selection == "test-oracle":
        note = "The epoch was chosen on the test set, so these figures are too good: never quote them as results."
        return Selection(dataset.test, run.monitor or "accuracy", 0, choose=True, part="test"), note
    if run.test_curve:
        note = (
            "The last weights of a fixed length. The test rows were watched for the learning curve and decided nothing."
        )
        return Selection(dataset.test, "accuracy", 0, choose=False, part="test"), note
    if run.selection == "last":
        seen = "" if dataset.val is None else " Validation rows were only watched."
        return Selection(dataset.val, "accuracy", 0, choose=False), f"The last weights of a fixed length.{seen}"
    if dataset.val is None:
        raise TailtuneError(
            "there are no validation rows to select on; use --selection last, or a larger --val-fraction"
        )
    monitor, why = run.monitor, "as --monitor says"
    if monitor is None:
        support = np.bincount(dataset.val.targets.numpy(), minlength=len(dataset.names))
        thin = [name for name, count in zip(dataset.names, support, strict=True) if count < FEWEST]
        named = ", ".join(thin[:5]) + (f" and {len(thin) - 5} more" if len(thin) > 5 else "")
        monitor = "log_loss" if thin else "balanced_accuracy"
        why = f"because balanced accuracy is too noisy with under {FEWEST} validation rows in a class ({named})"
        why = why if thin else "because every class has enough validation rows"
    note = f"The best epoch by {monitor.replace('_', ' ')} on validation, {why}."
    return Selection(dataset.val, monitor, patience, choose=True), note
