"""What the drop-in losses share: a loss a sample, a reduction, ignored rows, and constants that follow the logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.losses.cross_entropy import computable
from tailtune.losses.targets import check_targets, range_in_words
from tailtune.profile import Floats

Reduction = Literal["none", "mean", "sum"]


class SampleLoss(nn.Module, ABC):
    """A loss ``(logits [N, K], targets [N] or [N, K]) -> losses [N]``, their mean or their sum, as a module.

    What a loss derives from the class counts is kept in float64 and held as a buffer in the dtype and on the device of
    the latest logits, so that neither ``.to(device)`` nor ``.double()`` is needed and nothing is rounded twice. The
    buffers stay out of ``state_dict()``: they follow from the arguments, and a checkpoint cannot contradict them.

    Reductions and ignored rows are those of ``torch.nn.functional.cross_entropy``, except that by default no row is
    ignored and that losses are not reduced.

    Args:
        reduction: ``"none"`` for losses [N], ``"mean"`` for their mean over the rows that count, ``"sum"``.
        ignore_index: class index of rows that do not count: their losses and gradients are 0. None for no such rows.
            It means nothing for soft targets.
        constants: float64 arrays [K] or [K, K], each held as a buffer of that name.

    Raises:
        TailtuneError: an unknown reduction.
    """

    def __init__(self, reduction: Reduction = "none", ignore_index: int | None = None, **constants: Floats) -> None:
        super().__init__()
        if reduction not in get_args(Reduction):
            raise TailtuneError(f"reduction must be 'none', 'mean' or 'sum', however: {reduction=}")
        self.reduction, self.ignore_index = reduction, ignore_index
        self._constants = constants
        for name, values in constants.items():
            self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)

    @abstractmethod
    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the losses [N] of `logits` [N, K], at least float32, and `targets` [N] or (in their dtype) [N, K]."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the losses [N], their mean or their sum, of `logits` [N, K] and `targets` [N] or [N, K].

        Raises:
            TailtuneError: logits of another number of classes than the counts, a class index outside 0..K-1 (on the
                CPU), or what `tailtune.losses.targets.check_targets` refuses.
        """
        logits = computable(logits)
        for name, values in self._constants.items():
            if logits.shape[1] != values.shape[-1]:
                raise TailtuneError(
                    f"the loss was made for {values.shape[-1]} classes, however: logits of shape {tuple(logits.shape)}"
                )
            held: Tensor = getattr(self, name)
            if held.device != logits.device or held.dtype != logits.dtype:
                setattr(self, name, torch.as_tensor(values, dtype=logits.dtype, device=logits.device))
        rows, classes = logits.shape
        check_targets(targets, rows, classes)
        if targets.ndim == 2:
            targets = targets.to(logits.dtype)
        ignored = None
        if self.ignore_index is not None and targets.ndim == 1:
            ignored = targets.eq(self.ignore_index)
            targets = targets.masked_fill(ignored, 0)
        with range_in_words(targets, classes):
            losses = self.losses(logits, targets)
        if ignored is not None:
            losses = losses.masked_fill(ignored, 0.0)
        if self.reduction == "none":
            return losses
        if self.reduction == "sum":
            return losses.sum()
        return losses.mean() if ignored is None else losses.sum() / (~ignored).sum()
