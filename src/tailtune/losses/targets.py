"""Targets as every loss and SAM-A take them: class indices or distributions over the classes, checked in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from tailtune.errors import TailtuneError


def check_targets(targets: Tensor, rows: int, classes: int) -> None:
    """Refuse targets that do not fit a batch of `rows` samples of `classes` classes.

    The range of class indices is not looked at: the kernels that use them check it themselves, at no cost and, on a
    GPU, without making every step wait. On the CPU they raise, which `range_in_words` explains; a GPU stops with a
    device-side assertion.

    Args:
        targets: class indices, int64 [N], or distributions over the classes [N, K].
        rows: N.
        classes: K.

    Raises:
        TailtuneError: another shape than [N] or [N, K], or class indices that are not int64.
    """
    if targets.ndim == 2 and targets.shape == (rows, classes):
        return
    if targets.ndim != 1 or len(targets) != rows:
        raise TailtuneError(
            f"targets must have shape [{rows}] (class indices) or [{rows}, {classes}] (shares of the classes), "
            f"however: {tuple(targets.shape)}"
        )
    if targets.dtype != torch.int64:
        raise TailtuneError(f"class indices must be int64, however: {targets.dtype}; convert with targets.long()")


@contextmanager
def range_in_words(targets: Tensor, classes: int) -> Iterator[None]:
    """Where an operation fails on the CPU because of a class index outside 0..K-1, say which one it was.

    Raises:
        TailtuneError: there is such an index.
        IndexError: the operation failed for another reason.
        RuntimeError: the same.
    """
    try:
        yield
    except (IndexError, RuntimeError):
        if targets.ndim == 1 and targets.device.type == "cpu":
            bad = ((targets < 0) | (targets >= classes)).nonzero()
            if len(bad):
                row = int(bad[0])
                raise TailtuneError(
                    f"target {int(targets[row])} in row {row} of the batch is none of the {classes} classes "
                    f"0..{classes - 1}; number the classes from 0 on, and leave out rows without a target or name "
                    "their value as ignore_index="
                ) from None
        raise


def of_targets(values: Tensor, targets: Tensor) -> Tensor:
    """Value of each sample's target, v_i = sum_k q_ik v_k.

    Args:
        values: of the classes [K].
        targets: class indices [N], or shares of the classes q [N, K], on the device of `values`; see `check_targets`.

    Returns:
        [N], in the dtype of `values`, under autocast as well.

    Raises:
        TailtuneError: a class index outside 0..K-1, on the CPU.

    >>> of_targets(torch.tensor([1.0, 3.0]), torch.tensor([[0.5, 0.5]])).tolist()
    [2.0]
    """
    if targets.ndim == 1:
        with range_in_words(targets, len(values)):
            return values.index_select(0, targets)  # which, unlike [], takes no index from the end
    return (targets.to(values.dtype) * values).sum(1)  # a matrix product would be rounded under autocast


def of_samples(values: Tensor, targets: Tensor, samples: int) -> Tensor:
    """Check the targets of `samples` samples, bring them to the device of `values` [K], and return `of_targets` [N].

    Raises:
        TailtuneError: what `check_targets` and `of_targets` refuse.
    """
    check_targets(targets, samples, len(values))
    if targets.device != values.device:
        targets = targets.to(values.device, non_blocking=True)
    return of_targets(values, targets.detach())
