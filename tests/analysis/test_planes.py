"""Planes through three points, regions of linear classifiers in closed form, and agreement by counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.analysis.planes import agreement, area_shares, overlap, plane
from tailtune.errors import TailtuneError


@given(st.integers(2, 40), st.integers(0, 10_000))
def test_axes_are_orthonormal_and_corners_are_the_points(size: int, seed: int) -> None:
    a, b, c = np.random.default_rng(seed).standard_normal((3, size))
    found = plane(a, b, c)
    axes = np.stack([found.first, found.second])
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(found.points(found.corners), [a, b, c], atol=1e-9)
    np.testing.assert_allclose(found.first, (b - a) / np.linalg.norm(b - a))
    assert (c - a) @ found.second > 0


def test_points_on_a_line_span_no_plane() -> None:
    a, b = np.zeros(3), np.ones(3)
    for c in (b, a, 5 * b, b * (1 + 1e-13)):
        with pytest.raises(TailtuneError, match="on one line span no plane"):
            plane(a, b, c)
    with pytest.raises(TailtuneError, match="span no plane"):
        plane(a, a, b)


def test_the_grid_covers_the_corners_with_a_margin() -> None:
    found = plane(np.zeros(2), np.array([2.0, 0.0]), np.array([1.0, 4.0]))
    across, up = found.grid(4, margin=0.25)
    np.testing.assert_allclose(across, [-0.125, 0.625, 1.375, 2.125])  # cells from -0.5 to 2.5
    np.testing.assert_allclose(up, [-0.25, 1.25, 2.75, 4.25])
    with pytest.raises(TailtuneError, match="1 cell or more"):
        found.grid(0)


def test_areas_of_a_linear_classifier_are_those_of_its_half_planes() -> None:
    """The nearest of three points, at the corners of a right-angled triangle in a space of 30 dimensions."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((30, 2)))[0].T
    a = rng.standard_normal(30)
    b, c = a + 2 * basis[0], a + basis[1]
    found = plane(a, b, c)
    side = 200
    across, up = found.grid(side, margin=0.0)
    places = np.stack(np.meshgrid(across, up), axis=-1)
    distances = np.stack([((found.points(places) - point) ** 2).sum(-1) for point in (a, b, c)])
    shares = area_shares(distances.argmin(0), [0, 1, 2])
    # In a rectangle of 2 by 1 the nearest corner of (0, 0), (2, 0) and (0, 1): a holds a quarter. Of the upper half, b
    # and c are parted by the line at equal distance to both, up = 2 across - 1.5, from across 1 at 0.5 to 1.25 at 1.
    np.testing.assert_allclose(shares, [0.25, 0.25 + 0.4375 / 2, 0.5625 / 2, 0.0], atol=6e-3)


def test_agreement_and_overlap_count_cells() -> None:
    ours = np.array([[0, 0, 1], [1, 2, 2]])
    theirs = np.array([[0, 1, 1], [1, 2, 0]])
    assert agreement(ours, theirs) == pytest.approx(4 / 6)
    assert overlap(ours, theirs, [0, 1, 2]) == pytest.approx((1 / 3 + 2 / 3 + 1 / 2) / 3)
    assert overlap(ours, theirs, [0, 0, 7]) == pytest.approx(1 / 3)  # each once, and only those that are answered
    assert overlap(ours, theirs, [7]) is None
    assert overlap(ours, ours, [0, 1]) == agreement(ours, ours) == 1
    assert area_shares(ours, [2]).tolist() == pytest.approx([2 / 6, 4 / 6])
