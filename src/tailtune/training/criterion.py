"""From logits and targets to one loss a row, in the one order in which targets are read.

One-hot, then mixing (done by the augmentation), then class weights and SAM-A's radii, then smoothing, then the loss.
So smoothing combines with every loss, and a smoothed head sample does not inherit a tail class's weight or radius.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tailtune.losses.cross_entropy import cross_entropy
from tailtune.losses.smoothing import smooth
from tailtune.losses.weights import weights_of_rows
from tailtune.methods.method import Loss, Stage


@dataclass(frozen=True)
class Criterion:
    """The losses of a batch under one stage.

    Attributes:
        loss: ``(logits, targets) -> losses [N]``.
        matrix: target matrix [K, K], or None.
        stage: the stage, asked for class weights as training progresses.
    """

    loss: Loss
    matrix: torch.Tensor | None
    stage: Stage

    @classmethod
    def of(cls, stage: Stage, device: torch.device) -> Criterion:
        """Build the criterion of `stage` with its tensors on `device`."""
        matrix = None if stage.target_matrix is None else stage.target_matrix.to(device, torch.float32)
        loss = stage.loss.to(device) if isinstance(stage.loss, torch.nn.Module) else stage.loss
        return cls(loss or cross_entropy, matrix, stage)

    def class_weights(self, progress: float, device: torch.device) -> torch.Tensor | None:
        """Class weights [K] at `progress` in [0, 1] of training, or None."""
        if self.stage.class_weights is None:
            return None
        return torch.as_tensor(self.stage.class_weights(progress), dtype=torch.float32, device=device)

    def __call__(
        self,
        logits: torch.Tensor,
        targets: torch.Tensor,
        class_weights: torch.Tensor | None = None,
        row_weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the losses [N] of `logits` [N, K] for `targets` ([N] indices or [N, K] mixed rows).

        Logits [N, M, K] are those of M networks; a row's loss is the mean of theirs.
        """
        if logits.dim() == 3:
            members = logits.shape[1]
            every = [None if x is None else x.repeat_interleave(members, dim=0) for x in (targets, row_weights)]
            assert every[0] is not None
            return self(logits.flatten(0, 1), every[0], class_weights, every[1]).view(-1, members).mean(dim=1)
        trained_towards = targets if self.matrix is None else smooth(targets, self.matrix)
        losses = self.loss(logits, trained_towards)
        if class_weights is not None:
            losses = losses * weights_of_rows(class_weights, targets, normalised=self.stage.weight_mean == "batch")
        return losses if row_weights is None else losses * row_weights
