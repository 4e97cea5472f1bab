"""Targets as every loss and SAM-A take them: class indices or distributions over the classes, checked in one place."""

from __future__ import annotations

import torch
from torch import Tensor

from tailtune.errors import TailtuneError


def check_targets(targets: Tensor, rows: int, classes: int, ignore_index: int | None = None) -> bool:
    """Refuse targets that do not fit a batch of `rows` samples of `classes` classes.

    The range of class indices is checked on the CPU alone. Reading it from a GPU would make every step wait; there an
    index outside the classes ends in the device-side assertion of the kernel that uses it.

    Args:
        targets: class indices, int64 [N], or distributions over the classes [N, K].
        rows: N.
        classes: K.
        ignore_index: an index that stands for "no target", usually none of 0..K-1.

    Returns:
        Whether some rows may have to be ignored: false where it is sure that there are none.

    Raises:
        TailtuneError: another shape than [N] or [N, K], class indices that are not int64, or one outside 0..K-1.

    >>> check_targets(torch.tensor([0, 2]), rows=2, classes=3)
    False
    """
    if targets.ndim == 2 and targets.shape == (rows, classes):
        return False
    if targets.ndim != 1 or len(targets) != rows:
        raise TailtuneError(
            f"targets must have shape [{rows}] (class indices) or [{rows}, {classes}] (shares of the classes), "
            f"however: {tuple(targets.shape)}"
        )
    if targets.dtype != torch.int64:
        raise TailtuneError(f"class indices must be int64, however: {targets.dtype}; convert with targets.long()")
    if targets.device.type != "cpu" or rows == 0:
        return ignore_index is not None
    low, high = (int(end) for end in targets.aminmax())
    if low >= 0 and high < classes:
        return ignore_index is not None and 0 <= ignore_index < classes
    bad = (targets < 0) | (targets >= classes)
    if ignore_index is not None:
        bad &= targets != ignore_index
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        raise TailtuneError(
            f"target {int(targets[row])} in row {row} of the batch is none of the {classes} classes 0..{classes - 1}; "
            "number the classes from 0 on, and leave out rows without a target or name their value as ignore_index="
        )
    return True


def of_targets(values: Tensor, targets: Tensor) -> Tensor:
    """Value of each sample's target, v_i = sum_k q_ik v_k.

    Args:
        values: of the classes [K].
        targets: checked class indices [N], or shares of the classes q [N, K], on the device of `values`.

    Returns:
        [N], in the dtype of `values`, under autocast as well.

    >>> of_targets(torch.tensor([1.0, 3.0]), torch.tensor([[0.5, 0.5]])).tolist()
    [2.0]
    """
    if targets.ndim == 1:
        return values.index_select(0, targets)  # which, unlike [], takes no index from the end
    return (targets.to(values.dtype) * values).sum(1)  # a matrix product would be rounded under autocast
