"""Two imbalanced classes in the plane, a small network, and how far its decision boundary stays from training points.

After figure 18 of "Simplifying Neural Network Training Under Class Imbalance", which shows such boundaries for ERM and
SAM-A and states neither the data nor the network; the choices here are ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tailtune.optim.sam import SAM
from tailtune.optim.sama import SAMA

Decide = Callable[[Tensor], Tensor]  # points [N, 2] -> class indices [N]
Optimiser = Literal["erm", "sam", "sama"]
Floats = NDArray[np.float64]

MAJORITY, MINORITY = 0, 1
REACH = 3.0  # no boundary is looked for farther from a point than this
RAYS = 120
STRIDE = 0.02  # between the first looks along a ray
LOOKS = 20  # strides that are looked at together
HALVINGS = 12  # of the stride in which the boundary was met


@dataclass(frozen=True)
class Points:
    """Points [N, 2] of the plane and their classes [N]: 0 the majority, 1 the minority."""

    x: Tensor
    targets: Tensor


def two_moons(majority: int, minority: int, noise: float, seed: int) -> Points:
    """Draw points of two interleaved half circles of radius 1, with normal noise, the majority first.

    Args:
        majority: points of class 0, the upper half circle about (0, 0).
        minority: points of class 1, the lower one about (1, 0.5).
        noise: standard deviation in each direction.
        seed: of the draw.
    """
    random = np.random.default_rng(seed)
    a, b = (np.pi * random.random(n) for n in (majority, minority))
    upper = np.stack([np.cos(a), np.sin(a)], axis=1)
    lower = np.stack([1 - np.cos(b), 0.5 - np.sin(b)], axis=1)
    x = np.concatenate([upper, lower]) + noise * random.standard_normal((majority + minority, 2))
    targets = np.repeat([MAJORITY, MINORITY], [majority, minority])
    return Points(torch.from_numpy(x.astype(np.float32)), torch.from_numpy(targets))


def train(
    points: Points, optimiser: Optimiser, rho: float, seed: int, steps: int = 1000, batch_size: int = 64
) -> nn.Sequential:
    """Train a network of two hidden layers of 64 with SGD (momentum 0.9, rate 0.1 falling as a cosine to 0).

    The start and the batches follow from `seed` alone, so that optimisers are compared from the same start on the same
    batches.

    Args:
        points: all of them are trained on.
        optimiser: plain SGD, or SAM or SAM-A around it.
        rho: radius of the latter two.
        seed: of weights and batches.
        steps: how many.
        batch_size: drawn without putting back.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    base: torch.optim.Optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    chosen = base
    if optimiser == "sam":
        chosen = SAM(base, model=model, rho=rho)
    elif optimiser == "sama":
        chosen = SAMA(base, counts=torch.bincount(points.targets, minlength=2), model=model, rho=rho)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(base, steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randperm(len(points.x), generator=generator)[:batch_size]
        x, targets = points.x[rows], points.targets[rows]

        def losses(x: Tensor = x, targets: Tensor = targets) -> Tensor:
            return nn.functional.cross_entropy(model(x), targets, reduction="none")

        if chosen is base:
            base.zero_grad()
            losses().mean().backward()  # type: ignore[no-untyped-call]
            base.step()
        else:
            step: Any = chosen.step
            step(lambda losses=losses, targets=targets: (losses(), targets))
        schedule.step()
    return model


def decided_by(model: nn.Module) -> Decide:
    """Return the decision of a network: the class of the largest logit."""

    @torch.no_grad()
    def decide(x: Tensor) -> Tensor:
        found: Tensor = model(x).argmax(1)
        return found

    return decide


def boundary_distances(decide: Decide, points: Points) -> Floats:
    """Return how far the decision boundary is from each point [N], negative for a point on the wrong side.

    From each point rays go out in 120 directions; the nearest change of the decision along any of them is where the
    boundary is taken to be. Against a straight or gently bent boundary that is too far by at most 0.04 %; parts of a
    region that are narrower than 0.02 may be missed. `REACH` where no ray meets the boundary.

    Args:
        decide: the decision.
        points: whose class says which side is the right one.
    """
    own = decide(points.x)
    angles = torch.arange(RAYS, dtype=points.x.dtype) * (2 * math.pi / RAYS)
    ways = torch.stack([angles.cos(), angles.sin()], dim=1)
    lengths = torch.arange(1, round(REACH / STRIDE) + 1, dtype=points.x.dtype) * STRIDE

    def changed(point: Tensor, there: Tensor, along: Tensor) -> Tensor:
        return decide((point + there[:, None] * along).float()) != decide(point[None])

    def nearest(point: Tensor) -> float:
        for part in torch.split(lengths, LOOKS):  # outward, because most boundaries are met soon
            met = changed(point, part.repeat_interleave(RAYS), ways.repeat(len(part), 1)).reshape(len(part), RAYS)
            hit = met.any(0)
            if hit.any():
                break
        else:
            return REACH
        far = part[met.int().argmax(0)[hit]]
        near, toward = far - STRIDE, ways[hit]
        for _ in range(HALVINGS):
            middle = (near + far) / 2
            beyond = changed(point, middle, toward)
            near, far = torch.where(beyond, near, middle), torch.where(beyond, middle, far)
        return float(far.min())

    found = np.array([nearest(point) for point in points.x])
    right = (own == points.targets).numpy()
    return np.asarray(np.where(right, 1.0, -1.0) * found)
