"""What a closure gives a step of the SAM family: losses and targets of a batch, at once or part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tailtune.errors import TailtuneError

Result = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]
Closure = Callable[[], Result | Iterator[Result]]


class Part(NamedTuple):
    """A batch or a part of one: losses [n], targets [n] or [n, K], and a scalar to add to the mean loss, if any."""

    losses: Tensor
    targets: Tensor
    auxiliary: Tensor | None = None


def parts_of(closure: Closure) -> Iterator[Part]:
    """Run `closure` part by part: one that returns is a batch of one part, one that yields is a batch of several.

    Losses in bf16 become float32.

    Raises:
        TailtuneError: a result of another form, losses that no gradient can be taken of, or a yield within autocast.
    """
    result: Any = closure()
    if not isinstance(result, Iterator):
        yield _checked(result)
        return
    around = _autocast()
    for each in result:
        if _autocast() != around:  # it would stay on in the backward pass, and for good after two closures by turns
            raise TailtuneError("the closure yields within torch.autocast(...): run the forward pass in it, then yield")
        yield _checked(each)


def _autocast() -> tuple[bool, bool]:
    return torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")


def _checked(result: Any) -> Part:
    if not (isinstance(result, tuple) and len(result) in (2, 3) and all(isinstance(r, Tensor) for r in result)):
        raise TailtuneError(
            "the closure must return tensors (losses [N], targets) or (losses, targets, auxiliary), or yield such "
            f"tuples, one a microbatch, however: {type(result).__name__}"
        )
    losses, targets, auxiliary = Part(*result)
    if losses.ndim != 1 or len(losses) == 0 or (auxiliary is not None and auxiliary.ndim):
        raise TailtuneError(
            "the closure must return the losses of one or more samples [N] (reduction='none') and, if any, a "
            f"scalar auxiliary term, however: losses of shape {tuple(losses.shape)}"
        )
    if not (losses.requires_grad or (auxiliary is not None and auxiliary.requires_grad)):
        raise TailtuneError(
            "the closure returned losses without a gradient: let it run the forward pass itself, outside of "
            "torch.no_grad(), through parameters that require gradients"
        )
    return Part(losses.float() if losses.dtype == torch.bfloat16 else losses, targets, auxiliary)
