"""Which epoch's weights are kept, and when to stop early: decided on validation, never on the test part."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch

from tailtune.data.dataset import Dataset, Part
from tailtune.errors import TailtuneError
from tailtune.settings import ResolvedTraining
from tailtune.training.validate import Scores

Proper = Literal["log_loss", "balanced_log_loss"]
LOSSES: tuple[str, ...] = get_args(Proper)
WITHIN = 0.5  # standard errors by which a later epoch may be worse than the best one and still be kept


@dataclass
class Selection:
    """Follows the scores and keeps the best weights.

    Where two epochs have the same score, as on the plateau that an accuracy is on until rare classes are learnt, the
    one with the lower log loss is better, and of equals the later one. Waiting for a better epoch begins only once the
    score has left its first value.

    A few validation rows cannot tell the best epoch by a log loss from others near to it. So the last epoch is kept
    whose loss is above the lowest by no more than half a standard error of the difference, which is that of the rows'
    differences: the many rows that both find equally hard do not blur it. Waiting counts from the lowest loss.

    Attributes:
        monitored: the part whose scores decide; None keeps the last weights.
        monitor: which score.
        patience: epochs without a better score before training stops; 0 for never.
        choose: whether the best weights replace the last ones in the end.
        proper: the log loss that breaks ties.
        settled: epochs that come too early to be chosen, because the method still changes what it does.
        part: which part `monitored` is, for the log.
    """

    monitored: Part | None
    monitor: str
    patience: int
    choose: bool
    proper: Proper = "log_loss"
    settled: int = 0
    part: Literal["val", "test"] = "val"
    best_score: tuple[float, float] = (-float("inf"), -float("inf"))
    first_score: float | None = None
    moved: bool = False
    best_losses: torch.Tensor | None = None
    best_epoch: int | None = None
    waited: int = 0
    weights: dict[str, torch.Tensor] = field(default_factory=dict)

    def see(self, epoch: int, scores: Scores, model: torch.nn.Module) -> None:
        """Take in the scores of `epoch`, reached by the weights that `model` holds now."""
        if epoch <= self.settled:
            return
        value = getattr(scores, self.monitor)
        value = -float("inf") if value is None else value  # no row of the rarest classes
        score = (-value if self.monitor in LOSSES else value, -getattr(scores, self.proper))
        self.first_score = score[0] if self.first_score is None else self.first_score
        self.moved = self.moved or score[0] != self.first_score
        best = score >= self.best_score
        if best:
            self.best_score, self.best_losses, self.waited = score, scores.losses, 0
        elif self.moved:
            self.waited += 1
        if best or self._as_good(score[0], scores.losses):
            self.best_epoch = epoch
            if self.choose:
                self.weights = copy.deepcopy(model.state_dict())

    def _as_good(self, score: float, losses: torch.Tensor | None) -> bool:
        """Whether the score differs from the best one by less than the rows, with these losses [N], can tell."""
        if self.monitor not in LOSSES or losses is None or self.best_losses is None:
            return False
        assert self.monitored is not None
        targets = self.monitored.targets if self.monitor == "balanced_log_loss" else torch.zeros(len(losses)).long()
        return self.best_score[0] - score <= WITHIN * standard_error(losses - self.best_losses, targets)

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.patience > 0 and self.waited >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return {
            "best_score": list(self.best_score),
            "first_score": self.first_score,
            "moved": self.moved,
            "best_losses": self.best_losses,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "weights": self.weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a saved state."""
        self.best_score, self.best_epoch = tuple(state["best_score"]), state["best_epoch"]
        self.best_losses = state["best_losses"]
        self.first_score, self.moved, self.waited = state["first_score"], state["moved"], state["waited"]
        self.weights = state["weights"]


def standard_error(values: torch.Tensor, groups: torch.Tensor) -> float:
    """Standard error of the mean of the groups' means of `values` [N], which fall into `groups` [N] of rows.

    >>> values = torch.tensor([1.0, 3.0, 5.0, 7.0])
    >>> [round(standard_error(values, torch.tensor(groups)), 4) for groups in ([0, 0, 0, 0], [0, 0, 2, 2])]
    [1.291, 0.7071]
    """
    counts = torch.bincount(groups).double()
    sums = torch.bincount(groups, weights=values.double())
    spread = torch.bincount(groups, weights=(values.double() - (sums / counts)[groups]) ** 2)
    there = counts > 0
    variances = spread[there] / (counts[there] * (counts[there] - 1).clamp(min=1))  # of the means
    return float(variances.sum().sqrt() / there.sum())


def select(run: ResolvedTraining, dataset: Dataset, balances: bool = False) -> tuple[Selection, str]:
    """Return what `run` selects by on `dataset`, and a sentence about it for the report.

    Args:
        run: what was asked for.
        dataset: the data.
        balances: whether the method makes up for unequal class frequencies. Its probabilities are then those of equal
            classes, and so is the log loss that judges them.

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
    proper: Proper = "balanced_log_loss" if balances else "log_loss"
    monitor, why = run.monitor, "as --monitor or --objective says"
    if monitor is None:
        monitor, why = proper, "which sees a rare class become likelier before any answer changes"
    words = {
        "log_loss": "log loss",
        "balanced_log_loss": "log loss with classes weighing alike",
        "average_precision": "average precision of the rarest classes",
    }
    named = words.get(monitor, monitor.replace("_", " "))
    near = ", or the last that is worse by less than half a standard error" if monitor in LOSSES else ""
    note = f"The best epoch by {named} on validation{near}, {why}."
    return Selection(dataset.val, monitor, patience, choose=True, proper=proper), note
