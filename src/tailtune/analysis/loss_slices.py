"""Slices of a loss through trained weights, along random directions that are scaled filter by filter.

Source: Li, Xu, Taylor, Studer and Goldstein 2018, "Visualizing the Loss Landscape of Neural Nets".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from tailtune.analysis.class_losses import moved
from tailtune.errors import TailtuneError

Direction = tuple[Tensor, ...]  # a tensor for each parameter, in their order


def random_direction(model: nn.Module, seed: int) -> Direction:
    """Draw normal numbers for each parameter; networks of the same architecture get the same ones for a seed."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(parameter.shape, generator=generator).to(parameter) for parameter in model.parameters())


def filter_normalised(model: nn.Module, direction: Direction) -> Direction:
    """Scale each filter of a direction to the length of the network's own, d <- d ||w|| / ||d||.

    A filter is what leads to one output: the first index of a parameter. Biases and batch normalisation, which are
    parameters of one dimension, are left as they are: their directions become 0. A step of length 1 then moves every
    filter by its own length, so that networks whose weights differ only in scale give the same curve.
    """
    return tuple(
        _scaled(d, parameter.detach()) if parameter.ndim > 1 else torch.zeros_like(parameter)
        for d, parameter in zip(direction, model.parameters(), strict=True)
    )


def _scaled(direction: Tensor, weights: Tensor) -> Tensor:
    lengths: Tensor = weights.flatten(1).norm(dim=1) / direction.flatten(1).norm(dim=1).clamp_min(1e-10)
    return direction * lengths.view(-1, *[1] * (weights.ndim - 1))


def along(model: nn.Module, measure: Callable[[], Tensor], direction: Direction, steps: Sequence[float]) -> Tensor:
    """Return what `measure` finds [S, ...] with the weights moved by each of the steps times `direction`."""
    return torch.stack([_at(model, measure, [direction], [step]) for step in steps])


def over(
    model: nn.Module,
    measure: Callable[[], Tensor],
    directions: tuple[Direction, Direction],
    across: Sequence[float],
    up: Sequence[float],
) -> Tensor:
    """Return what `measure` finds [U, A, ...] on a grid of steps along two directions: up the first index."""
    rows = [torch.stack([_at(model, measure, directions, [a, b]) for a in across]) for b in up]
    return torch.stack(rows)


def _at(
    model: nn.Module, measure: Callable[[], Tensor], directions: Iterable[Direction], steps: Iterable[float]
) -> Tensor:
    scaled = [[step * d for d in direction] for direction, step in zip(directions, steps, strict=True)]
    with moved(model, [torch.stack(parts).sum(0) for parts in zip(*scaled, strict=True)]):
        return measure()


def check_same_architecture(model: nn.Module, other: nn.Module) -> None:
    """Check that directions of one network are directions of the other.

    Raises:
        TailtuneError: parameters of other names or shapes.
    """
    ours, theirs = ({n: tuple(p.shape) for n, p in m.named_parameters()} for m in (model, other))
    if ours != theirs:
        differ = next(name for name in [*ours, *theirs] if ours.get(name) != theirs.get(name))
        raise TailtuneError(
            f"the two networks differ in {differ} ({ours.get(differ, 'none')} and {theirs.get(differ, 'none')}), so "
            "that directions cannot be shared; name a run of the same model, on data of the same shape and classes"
        )
