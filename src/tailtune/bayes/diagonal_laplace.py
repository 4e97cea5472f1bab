"""Laplace's approximation of the posterior of all weights, with a diagonal precision from per-sample gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from tailtune.bayes.posterior import Posterior, log_loss, mean_probabilities
from tailtune.bayes.squared_gradients import Choose, by_layers, by_rows, suits_layers
from tailtune.errors import TailtuneError

Fisher = Literal["sampled", "exact", "empirical"]

BUDGET = 2**29  # bytes of per-sample gradients held at once
PRECISIONS = tuple(10.0**k for k in range(2, 8))  # wider posteriors only guess
SEARCHING = 8  # draws with which a prior precision is judged
JUDGED = 1000  # rows on which it is


def fisher_diagonal(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, ...]],
    fisher: Fisher = "sampled",
    seed: int = 0,
    chunk: int | None = None,
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> dict[str, Tensor]:
    """Sum over the rows of the squared gradients of log p(y | x), parameter by parameter.

    - ``"sampled"``: y drawn from the network's own prediction, once a row: an unbiased estimate of "exact" at the cost
      of one gradient.
    - ``"exact"``: the expectation over y, sum_n sum_k p_nk (d log p_nk / d w)^2; K gradients a row. For cross-entropy
      this is the diagonal of the generalised Gauss-Newton matrix, sum_n diag(J_n' (diag(p_n) - p_n p_n') J_n).
    - ``"empirical"``: y as observed. It is no curvature (Kunstner et al. 2019): it vanishes once every row is fitted.

    A chunk of rows is differentiated at a time (see `tailtune.bayes.squared_gradients`). The network is in evaluation
    mode, in which rows do not influence each other through BatchNorm. For small ResNets the whole takes
    as long as one to two and a half epochs of training, the latter in bf16 (benchmarks/laplace_time.json).

    Args:
        model: the network; its mode is as before afterwards.
        batches: ``(*inputs, targets [B])`` each, such as a DataLoader over the training rows yields.
        fisher: which labels the gradients are taken for.
        seed: of the drawn labels.
        chunk: rows whose gradients are held at once; by default up to 64, as 512 MB allow.
        autocast: opens the mixed precision of training; the sums are of the parameters' precision all the same.

    Returns:
        A tensor of each parameter's shape by the parameter's name.

    Raises:
        TailtuneError: an unknown kind of Fisher information.

    >>> model = nn.Linear(1, 2, bias=False)  # p = (1/2, 1/2), so that the sum over y is p (1 - p) x^2 in each element
    >>> _ = nn.init.zeros_(model.weight)
    >>> rows = torch.tensor([[1.0], [3.0]])
    >>> fisher_diagonal(model, [(rows, torch.tensor([0, 1]))], "exact")["weight"].flatten()
    tensor([2.5000, 2.5000])
    """
    if fisher not in ("sampled", "exact", "empirical"):
        raise TailtuneError(f"fisher must be 'sampled', 'exact' or 'empirical', however: {fisher=}")
    total = {name: torch.zeros_like(weight) for name, weight in model.named_parameters()}
    size = chunk or max(1, min(64, BUDGET // sum(t.numel() * t.element_size() for t in total.values())))
    squares = by_layers if suits_layers(model) else by_rows
    generator = torch.Generator().manual_seed(seed)
    training = model.training
    model.eval()
    try:
        for *inputs, targets in batches:
            for start in range(0, len(targets), size):
                rows = slice(start, start + size)
                part = tuple(x[rows] for x in inputs)
                with autocast():
                    for choose in _choices(fisher, model, part, targets[rows], generator):
                        for name, square in squares(model, part, choose).items():
                            total[name] += square
    finally:
        model.train(training)
    return total


def _choices(
    fisher: Fisher, model: nn.Module, inputs: tuple[Tensor, ...], targets: Tensor, generator: torch.Generator
) -> Iterator[Choose]:
    """The labels, and factors of the rows, whose squared gradients sum to the Fisher information."""
    if fisher == "empirical":
        yield lambda logits: (targets, torch.ones_like(logits[:, 0]))
    elif fisher == "sampled":
        yield lambda logits: (_draw(logits, generator), torch.ones_like(logits[:, 0]))
    else:
        with torch.no_grad():
            classes = model(*inputs).shape[1]
        for k in range(classes):
            yield partial(_weighted, torch.full_like(targets, k))


def _weighted(labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """The labels with the roots of their probabilities, by which their squared gradients are weighted."""
    return labels, logits.softmax(1).gather(1, labels[:, None])[:, 0].sqrt()


def _draw(logits: Tensor, generator: torch.Generator) -> Tensor:
    """One label [B] from each row's softmax, drawn on the CPU, where a seed means the same for every device."""
    labels = torch.multinomial(logits.double().softmax(1).cpu(), 1, generator=generator)[:, 0]
    return labels.to(logits.device)


def diagonal_laplace(
    model: nn.Module,
    train: Iterable[tuple[Tensor, ...]],
    val: Iterable[tuple[Tensor, ...]] | None = None,
    *,
    fisher: Fisher = "sampled",
    samples: int = 30,
    seed: int = 0,
    precisions: Iterable[float] = PRECISIONS,
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Posterior:
    """Return N(w, 1 / (fisher + precision)) around the trained weights w, independent in each element.

    The precision of the Gaussian prior is the one of `precisions` with the least log loss of averaged predictions on
    `val`. Without validation rows it is judged on the training rows, which favours narrow posteriors; the marginal
    likelihood of the training rows is no choice here, since it favours priors so wide that the drawn networks guess.

    Args:
        model: the trained network.
        train: ``(*inputs, targets [B])`` each; can be iterated repeatedly.
        val: the same of the validation rows.
        fisher: see `fisher_diagonal`.
        samples: networks to average over.
        seed: of drawn labels and networks, and of the 1000 rows on which precisions are judged where there are more.
        precisions: to choose from, in any order.
        autocast: opens the mixed precision of training.

    Raises:
        TailtuneError: no samples, or an unknown kind of Fisher information.

    Source: MacKay 1992, "A Practical Bayesian Framework for Backpropagation Networks"; Daxberger et al. 2021, "Laplace
    Redux".
    """
    if samples < 1:
        raise TailtuneError(f"one sample or more is needed to average over, however: {samples=}")
    diagonal = fisher_diagonal(model, train, fisher, seed, autocast=autocast)
    inputs, targets = _some_rows(train if val is None else val, seed)

    def posterior(precision: float, draws: int) -> Posterior:
        scales = {name: (f + precision).rsqrt() for name, f in diagonal.items()}
        return Posterior(scales=scales, samples=draws, seed=seed)

    def loss(precision: float) -> float:
        with autocast():
            predicted = mean_probabilities(model, posterior(precision, min(samples, SEARCHING)), inputs)
        return log_loss(predicted, targets)

    return posterior(min(precisions, key=loss), samples)


def _some_rows(batches: Iterable[tuple[Tensor, ...]], seed: int) -> tuple[list[tuple[Tensor, ...]], Tensor]:
    """Inputs, in batches, and targets of all rows, or of `JUDGED` random ones where there are more."""
    count = sum(len(targets) for *_, targets in batches)
    wanted = torch.zeros(count, dtype=torch.bool)
    wanted[torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:JUDGED]] = True
    taken, labels, start = [], [], 0
    for *inputs, targets in batches:
        rows = wanted[start : start + len(targets)].nonzero().flatten().to(targets.device)
        start += len(targets)
        if len(rows):
            taken.append(tuple(x[rows] for x in inputs))
            labels.append(targets[rows])
    return taken, torch.cat(labels)
