"""Sums, norms and means over lists of gradients, whole or sharded over processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

SMALLEST_NORM = 1e-12  # below it a gradient counts as zero, and so does the perturbation


def batch_loss(losses: Tensor, auxiliary: Tensor | None, shares: Tensor | None = None) -> Tensor:
    """Sum over the samples of share times loss (1/N each, the mean, by default), plus the auxiliary term."""
    if shares is None:
        shares = torch.full_like(losses, 1 / len(losses))
    total = torch.dot(losses, shares)  # one operation each way, where a mean takes several
    return total if auxiliary is None else total + auxiliary


def norm_of(tensors: list[Tensor]) -> Tensor:
    """Euclidean norm over all the tensors (and all their shards), at least `SMALLEST_NORM`."""
    norm: Any = torch.linalg.vector_norm(torch.stack(list(torch._foreach_norm(tensors))))
    whole: Tensor = norm.full_tensor() if is_sharded(norm) else norm
    return whole.clamp_min(SMALLEST_NORM)


def is_sharded(tensor: Tensor) -> bool:
    """Whether `tensor` is a DTensor, told by what it can do: importing the class takes a second or two."""
    return hasattr(tensor, "to_local")


def own_shards(tensors: Sequence[Any]) -> list[Tensor]:
    """Return the tensors, and of a DTensor the shard of this process: all that work element by element needs."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return list(tensors)
    return [t.to_local() if is_sharded(t) else t for t in tensors]


def several_processes() -> bool:
    """Whether this process is one of several that train together."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return False
    return torch.distributed.get_world_size() > 1


def mean_over_ranks(tensors: list[Tensor]) -> None:
    """Replace each tensor by its mean over the processes of a data-parallel training."""
    for tensor in tensors:
        torch.distributed.all_reduce(tensor)
    torch._foreach_div_(tensors, torch.distributed.get_world_size())
