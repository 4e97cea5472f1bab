"""Curvature of a training loss: the largest eigenvalues of its Hessian, and its trace, from products with vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tailtune.errors import TailtuneError

Floats = NDArray[np.float64]
Batch = tuple[tuple[Tensor, ...], Tensor]  # inputs of the network, and class indices [B]
Loss = Callable[[Tensor, Tensor], Tensor]  # (logits [B, K], targets [B]) -> losses [B]
Product = Callable[[Floats], Floats]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the losses [B]."""
    return nn.functional.cross_entropy(logits, targets, reduction="none")


class Hessian:
    """The Hessian of the mean loss over all rows, with respect to all parameters that are trained [P, P].

    It is never made: `product` takes it times a vector by differentiating the gradient's product with the vector, batch
    by batch. The network is looked at in evaluation mode, so that batch normalisation uses its running statistics and
    dropout draws nothing; rows then count one by one, and batches change nothing.

    Args:
        model: any network that gives logits; it is put back in the mode that it was in.
        batches: gives the batches anew at each call; small ones take less memory.
        loss: of each row.

    Attributes:
        size: number of parameters P.

    Raises:
        TailtuneError: nothing is trained, or there are no rows.
    """

    def __init__(self, model: nn.Module, batches: Callable[[], Iterable[Batch]], loss: Loss = cross_entropy) -> None:
        self._model, self._batches, self._loss = model, batches, loss
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.size = sum(parameter.numel() for parameter in self._parameters)
        self._rows = sum(len(targets) for _, targets in batches())
        if not self.size or not self._rows:
            raise TailtuneError(f"curvature takes parameters and rows, however: {self.size} and {self._rows}")

    def product(self, vector: Floats) -> Floats:
        """Return the Hessian times `vector` [P], in the order of the parameters, [P]."""
        parts = self._split(vector)
        total = [torch.zeros_like(parameter) for parameter in self._parameters]
        training = self._model.training
        self._model.eval()
        try:
            for inputs, targets in self._batches():
                share = self._loss(self._model(*inputs), targets).sum() / self._rows
                gradients = torch.autograd.grad(share, self._parameters, create_graph=True, materialize_grads=True)
                along = torch.stack([(g * part).sum() for g, part in zip(gradients, parts, strict=True)]).sum()
                if not along.requires_grad:  # a loss that is linear in the parameters
                    continue
                found = torch.autograd.grad(along, self._parameters, materialize_grads=True)
                for sum_, each in zip(total, found, strict=True):
                    sum_ += each
        finally:
            self._model.train(training)
        return np.concatenate([part.reshape(-1).double().cpu().numpy() for part in total])

    def _split(self, vector: Floats) -> Sequence[Tensor]:
        flat = torch.from_numpy(np.ascontiguousarray(vector, dtype=np.float64).reshape(-1))
        pieces = torch.split(flat, [parameter.numel() for parameter in self._parameters])
        return [piece.view_as(p).to(p.device, p.dtype) for piece, p in zip(pieces, self._parameters, strict=True)]


def largest_eigenvalues(product: Product, size: int, k: int = 10, seed: int = 0, tolerance: float = 1e-4) -> Floats:
    """Return the `k` largest eigenvalues of a symmetric matrix, largest first, by Lanczos with restarts (ARPACK).

    Args:
        product: the matrix times a vector.
        size: of the matrix; the whole of it is made where it is hardly larger than `k`.
        k: how many.
        seed: of the start.
        tolerance: relative, of the eigenvalues.

    Raises:
        TailtuneError: `k` is not from 1 to `size`, or the eigenvalues were not found.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    if not 1 <= k <= size:
        raise TailtuneError(f"of a matrix of {size} rows there are 1 to {size} eigenvalues, however: {k=}")
    if size <= 2 * k + 1:
        whole = np.stack([product(unit) for unit in np.eye(size)])
        return np.asarray(np.linalg.eigvalsh((whole + whole.T) / 2)[::-1][:k])
    start = np.random.default_rng(seed).standard_normal(size)
    operator: Any = LinearOperator((size, size), matvec=product, dtype=np.float64)
    try:
        found = eigsh(operator, k, which="LA", v0=start, tol=tolerance, return_eigenvectors=False)
    except ArpackNoConvergence as error:
        raise TailtuneError(
            f"{len(error.eigenvalues)} of {k} eigenvalues were found; take a larger tolerance"
        ) from error
    return np.asarray(np.sort(found)[::-1])


def trace(product: Product, size: int, draws: int = 64, seed: int = 0) -> tuple[float, float]:
    """Return an estimate of the trace of a symmetric matrix, and its standard error (Hutchinson 1989).

    It is the mean of v' H v over vectors v of random signs.

    Raises:
        TailtuneError: fewer than two draws, of which there is no standard error.
    """
    if draws < 2:
        raise TailtuneError(f"a trace with its standard error takes 2 draws or more, however: {draws=}")
    random = np.random.default_rng(seed)
    signs = (random.choice([-1.0, 1.0], size) for _ in range(draws))
    found = np.array([sign @ product(sign) for sign in signs])
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(draws))
