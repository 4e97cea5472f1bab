"""Planes through three points of the input space, what a classifier answers on them, and how far two agree.

Source: Somepalli, Fowl, Bansal, Yeh-Chiang, Dar, Baraniuk, Goldblum and Goldstein 2022, "Can Neural Nets Learn the Same
Model Twice? Investigating Reproducibility and Double Descent from the Decision Boundary Perspective".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailtune.errors import TailtuneError

Floats = NDArray[np.float64]
Answers = NDArray[np.int64]


@dataclass(frozen=True)
class Plane:
    """The plane through three points, with orthonormal axes.

    Attributes:
        origin: the first point [D].
        first: unit vector [D] towards the second point.
        second: unit vector [D] at a right angle to it, on the side of the third point.
        corners: places of the three points on the plane [3, 2].
    """

    origin: Floats
    first: Floats
    second: Floats
    corners: Floats

    def points(self, places: Floats) -> Floats:
        """Return the points [..., D] of the input space at places [..., 2] of the plane."""
        return np.asarray(self.origin + places[..., :1] * self.first + places[..., 1:] * self.second)

    def grid(self, side: int, margin: float = 0.1) -> tuple[Floats, Floats]:
        """Return the middles of `side` cells along each axis, [side] across and [side] up.

        The cells cover the rectangle around the corners, widened on each side by `margin` of its length.

        Raises:
            TailtuneError: no cell.
        """
        if side < 1:
            raise TailtuneError(f"a grid takes 1 cell or more on each side, however: {side=}")
        low, high = self.corners.min(0), self.corners.max(0)
        low, high = low - margin * (high - low), high + margin * (high - low)
        middles = (np.arange(side) + 0.5) / side
        across, up = (low[axis] + middles * (high - low)[axis] for axis in (0, 1))
        return across, up


def plane(a: Floats, b: Floats, c: Floats) -> Plane:
    """Return the plane through three points [D], by Gram-Schmidt.

    Raises:
        TailtuneError: the points lie on one line.
    """
    toward, other = (point.astype(np.float64) - a for point in (b, c))
    length = float(np.linalg.norm(toward))
    first = toward / length if length else toward
    along = float(other @ first)
    rest = other - along * first
    height = float(np.linalg.norm(rest))
    if not length or height <= 1e-9 * max(length, float(np.linalg.norm(other))):
        raise TailtuneError("three points on one line span no plane; take three different rows")
    corners = np.array([[0.0, 0.0], [length, 0.0], [along, height]])
    return Plane(np.asarray(a, dtype=np.float64), first, rest / height, corners)


def area_shares(answers: Answers, classes: Sequence[int]) -> Floats:
    """Return the share of cells of a grid that are answered with each of `classes`, and last with any other one.

    >>> area_shares(np.array([[0, 0], [1, 7]]), [0, 1]).tolist()
    [0.5, 0.25, 0.25]
    """
    found = [float((answers == c).mean()) for c in classes]
    return np.array([*found, 1 - sum(found)])


def agreement(ours: Answers, theirs: Answers) -> float:
    """Return the share of cells of one grid on which two networks answer alike.

    Averaged over triplets of rows it is the reproducibility score of Somepalli and others.
    """
    return float((ours == theirs).mean())


def overlap(ours: Answers, theirs: Answers, classes: Sequence[int]) -> float | None:
    """Return the cells that both answer with a class over those that either does, averaged over `classes`.

    None where neither answers with any of them. It tells more than `agreement` of classes whose regions are small.
    """
    found = []
    for c in dict.fromkeys(classes):
        either = ((ours == c) | (theirs == c)).sum()
        if either:
            found.append(float(((ours == c) & (theirs == c)).sum() / either))
    return float(np.mean(found)) if found else None
