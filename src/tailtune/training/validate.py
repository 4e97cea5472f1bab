"""Scores of a held-out part between epochs, computed on the device."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch

from tailtune.decision.decision import FitDecision
from tailtune.losses.cross_entropy import cross_entropy
from tailtune.profile import ClassProfile
from tailtune.training.inputs import Inputs
from tailtune.training.probabilities import logits_of


@dataclass(frozen=True)
class Scores:
    """Validation scores, in which rows count by their weights; `tail_accuracy` is None when no tail class is present.

    Attributes:
        log_loss: mean cross-entropy in nats, without smoothing or weights.
        balanced_log_loss: the same with classes weighing alike: the mean of the classes' means.
        accuracy: share of rows right.
        balanced_accuracy: mean recall of the classes present.
        tail_accuracy: share of right rows among those of the rarest 20 % of the classes (by training counts).
        average_precision: mean average precision of these classes; None where it is not asked for, or as above.
        losses: cross-entropy of each row [N] float64, on the processor.
    """

    log_loss: float
    balanced_log_loss: float
    accuracy: float
    balanced_accuracy: float
    tail_accuracy: float | None
    average_precision: float | None = None
    losses: torch.Tensor | None = None


def validate(
    model: torch.nn.Module,
    inputs: Inputs,
    profile: ClassProfile,
    autocast: Callable[[], AbstractContextManager[object]],
    decision: FitDecision | None = None,
    rank: bool = False,
) -> Scores:
    """Score `model` on all rows of `inputs`, by what `decision`, fitted on them, makes of its probabilities.

    `rank` also asks for the average precision, which takes a sort a class.
    """
    targets, k = inputs.targets, inputs.num_classes
    logits = logits_of(model, inputs.sources, inputs.augment, targets.device, autocast)
    if decision is not None:
        probabilities = logits.double().softmax(1).cpu().numpy()
        decided = decision(probabilities, targets.cpu().numpy(), profile)(probabilities)
        logits = torch.from_numpy(decided).log().to(logits)  # whose softmax are the decided probabilities
    losses = cross_entropy(logits, targets).double()
    right = (logits.argmax(1) == targets).double()
    weights = torch.ones_like(losses) if inputs.weights is None else inputs.weights.double()

    def of_class(values: torch.Tensor) -> torch.Tensor:
        return torch.zeros(k, dtype=torch.float64, device=targets.device).index_add_(0, targets, values * weights).cpu()

    def mean(values: torch.Tensor) -> float:
        return float(values.mean() if inputs.weights is None else (values * weights).sum() / weights.sum())

    support = of_class(torch.ones_like(losses))
    hits = of_class(right)
    present = support > 0
    recall = hits / torch.where(present, support, 1.0)
    tail = torch.as_tensor(profile.tail.copy())
    tail = tail[present[tail]]
    return Scores(
        log_loss=mean(losses),
        balanced_log_loss=float((of_class(losses) / torch.where(present, support, 1.0))[present].mean()),
        accuracy=mean(right),
        balanced_accuracy=float(recall[present].mean()),
        tail_accuracy=float(hits[tail].sum() / support[tail].sum()) if len(tail) else None,
        average_precision=_average_precision(logits, inputs, tail) if rank and len(tail) else None,
        losses=losses.cpu(),
    )


def _average_precision(logits: torch.Tensor, inputs: Inputs, classes: torch.Tensor) -> float:
    from sklearn.metrics import average_precision_score

    likely, true = logits.softmax(1).cpu().numpy(), inputs.targets.cpu().numpy()
    weights = None if inputs.weights is None else inputs.weights.cpu().numpy()
    areas = [average_precision_score(true == k, likely[:, k], sample_weight=weights) for k in classes.tolist()]
    return float(np.mean(areas))
