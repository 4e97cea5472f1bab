"""Scores of a held-out part between epochs, computed on the device."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from tailtune.losses.cross_entropy import cross_entropy
from tailtune.profile import ClassProfile
from tailtune.training.inputs import Inputs
from tailtune.training.probabilities import logits_of


@dataclass(frozen=True)
class Scores:
    """Validation scores; `tail_accuracy` is None when no tail class is present.

    Attributes:
        log_loss: mean cross-entropy in nats, without smoothing or weights.
        accuracy: share of rows right.
        balanced_accuracy: mean recall of the classes present.
        tail_accuracy: share of right rows among those of the rarest 20 % of the classes (by training counts).
    """

    log_loss: float
    accuracy: float
    balanced_accuracy: float
    tail_accuracy: float | None


def validate(
    model: torch.nn.Module,
    inputs: Inputs,
    profile: ClassProfile,
    autocast: Callable[[], AbstractContextManager[object]],
    offsets: torch.Tensor | None = None,
) -> Scores:
    """Score `model` on all rows of `inputs`, with `offsets` [K] added to its logits."""
    targets, k = inputs.targets, inputs.num_classes
    logits = logits_of(model, inputs.sources, inputs.augment, targets.device, autocast)
    if offsets is not None:
        logits = logits + offsets
    right = (logits.argmax(1) == targets).double()
    support = torch.bincount(targets, minlength=k).cpu()
    hits = torch.zeros(k, dtype=torch.float64, device=targets.device).index_add_(0, targets, right).cpu()
    present = support > 0
    recall = hits / support.clamp(min=1)
    tail = torch.as_tensor(profile.tail.copy())
    tail = tail[present[tail]]
    return Scores(
        log_loss=float(cross_entropy(logits, targets).double().mean()),
        accuracy=float(right.mean()),
        balanced_accuracy=float(recall[present].mean()),
        tail_accuracy=float(hits[tail].sum() / support[tail].sum()) if len(tail) else None,
    )
