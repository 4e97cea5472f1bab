"""The Hessian of a training loss and its Gauss-Newton part, as products with vectors; neither is ever made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.quiet import without_script_warnings

Floats = NDArray[np.float64]
Batch = tuple[tuple[Tensor, ...], Tensor]  # inputs of the network, and class indices [B]
Loss = Callable[[Tensor, Tensor], Tensor]  # (logits [B, K], targets [B]) -> losses [B]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the losses [B]."""
    return nn.functional.cross_entropy(logits, targets, reduction="none")


@contextmanager
def in_use(model: nn.Module) -> Iterator[None]:
    """Put `model` in evaluation mode and back, with attention that can be differentiated more than once.

    Batch normalisation then uses its running statistics and dropout draws nothing, so that rows count one by one and
    the size of batches changes nothing.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    training = model.training
    model.eval()
    try:
        with without_script_warnings(), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        model.train(training)


class LossMatrix(ABC):
    """A symmetric matrix [P, P] that belongs to the mean loss over all rows and the parameters that are trained.

    Args:
        model: any network that gives logits; it is looked at in evaluation mode, and put back in the mode it was in.
        batches: gives the batches anew at each call; small ones take less memory.
        loss: of each row.

    Attributes:
        size: number of parameters P.

    Raises:
        TailtuneError: nothing is trained, or there are no rows.
    """

    def __init__(self, model: nn.Module, batches: Callable[[], Iterable[Batch]], loss: Loss = cross_entropy) -> None:
        self._model, self._batches, self._loss = model, batches, loss
        self._named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self._parameters = list(self._named.values())
        self.size = sum(parameter.numel() for parameter in self._parameters)
        self._rows = sum(len(targets) for _, targets in batches())
        if not self.size or not self._rows:
            raise TailtuneError(f"curvature takes parameters and rows, however: {self.size} and {self._rows}")

    def product(self, vector: Floats) -> Floats:
        """Return the matrix times `vector` [P], in the order of the parameters, [P]."""
        parts = self.split(vector)
        total = [torch.zeros_like(parameter) for parameter in self._parameters]
        with in_use(self._model):
            for inputs, targets in self._batches():
                for sum_, each in zip(total, self.of_batch(inputs, targets, parts), strict=True):
                    sum_ += each
        return np.concatenate([part.reshape(-1).double().cpu().numpy() for part in total])

    @abstractmethod
    def of_batch(self, inputs: tuple[Tensor, ...], targets: Tensor, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        """The share of one batch in the product with `parts`, a tensor for each parameter."""

    def split(self, vector: Floats) -> Sequence[Tensor]:
        """Return `vector` [P] as tensors of the shapes, types and devices of the parameters."""
        flat = torch.from_numpy(np.ascontiguousarray(vector, dtype=np.float64).reshape(-1))
        pieces = torch.split(flat, [parameter.numel() for parameter in self._parameters])
        return [piece.view_as(p).to(p.device, p.dtype) for piece, p in zip(pieces, self._parameters, strict=True)]


class Hessian(LossMatrix):
    """The Hessian of the mean loss: the gradient's product with the vector is differentiated, batch by batch."""

    def of_batch(self, inputs: tuple[Tensor, ...], targets: Tensor, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        """Differentiate the gradient's product with `parts`."""
        share = self._loss(self._model(*inputs), targets).sum() / self._rows
        gradients = torch.autograd.grad(share, self._parameters, create_graph=True, materialize_grads=True)
        along = torch.stack([(g * part).sum() for g, part in zip(gradients, parts, strict=True)]).sum()
        if not along.requires_grad:  # a loss that is linear in the parameters
            return [torch.zeros_like(part) for part in parts]
        return torch.autograd.grad(along, self._parameters, materialize_grads=True)


class GaussNewton(LossMatrix):
    """The generalised Gauss-Newton matrix J' H J: the Hessian as it would be of a network linear in its parameters.

    J is the derivative of the logits by the parameters, H the Hessian of the loss by the logits. For cross-entropy it
    has no negative eigenvalues and is the Fisher information (Martens 2020). J times the vector is found forward, and
    J' times what comes of it backward.
    """

    def of_batch(self, inputs: tuple[Tensor, ...], targets: Tensor, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        """Take J times `parts`, then H, then J' times what came of it."""
        along = self._along(inputs, parts)
        if along is None:
            return [torch.zeros_like(part) for part in parts]
        logits = self._model(*inputs)
        outputs = logits.detach().requires_grad_()
        share = self._loss(outputs, targets).sum() / self._rows
        (slope,) = torch.autograd.grad(share, outputs, create_graph=True)
        if not slope.requires_grad:  # a loss that is linear in the logits
            return [torch.zeros_like(part) for part in parts]
        (bent,) = torch.autograd.grad(slope, outputs, along)
        return torch.autograd.grad(logits, self._parameters, bent, materialize_grads=True)

    @torch.no_grad()  # a graph through the derivative would cost as much again
    def _along(self, inputs: tuple[Tensor, ...], parts: Sequence[Tensor]) -> Tensor | None:
        """J times the vector; None where the logits do not depend on the parameters."""
        from torch.autograd import forward_ad
        from torch.func import functional_call

        with forward_ad.dual_level():
            moved = {
                name: forward_ad.make_dual(parameter, part)  # type: ignore[no-untyped-call]
                for (name, parameter), part in zip(self._named.items(), parts, strict=True)
            }
            found: Tensor | None = forward_ad.unpack_dual(  # type: ignore[no-untyped-call]
                functional_call(self._model, moved, inputs)
            ).tangent
            return found
