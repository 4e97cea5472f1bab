"""The toy problem: distances to boundaries that are known, and training that is the same again."""

from __future__ import annotations

import numpy as np
import torch

from tailtune.analysis.toy_boundary import REACH, Points, boundary_distances, decided_by, train, two_moons


def test_the_distance_to_a_line_and_to_a_circle() -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32))
    targets = torch.arange(30) % 2
    line = boundary_distances(lambda x: (3 * x[:, 0] + 4 * x[:, 1] > 1).long(), Points(x, targets))
    signed = (3 * x[:, 0] + 4 * x[:, 1] - 1).numpy() / 5 * np.where(targets == 1, 1, -1)
    np.testing.assert_allclose(line, signed, rtol=5e-4, atol=1e-4)
    circle = boundary_distances(lambda x: (x.norm(dim=1) < 0.5).long(), Points(x, targets))
    signed = (0.5 - x.norm(dim=1).numpy()) * np.where(targets == 1, 1, -1)
    np.testing.assert_allclose(circle, signed, rtol=3e-3, atol=1e-4)


def test_a_boundary_that_is_nowhere_is_out_of_reach() -> None:
    points = Points(torch.zeros(2, 2), torch.tensor([0, 1]))
    assert boundary_distances(lambda x: torch.zeros(len(x), dtype=torch.long), points).tolist() == [REACH, -REACH]


def test_moons_are_imbalanced_and_the_same_again() -> None:
    points, again = two_moons(60, 6, 0.0, 3), two_moons(60, 6, 0.0, 3)
    assert points.targets.bincount().tolist() == [60, 6]
    assert torch.equal(points.x, again.x)
    np.testing.assert_allclose(points.x[:60].norm(dim=1), 1, rtol=1e-5)
    np.testing.assert_allclose((points.x[60:] - torch.tensor([1.0, 0.5])).norm(dim=1), 1, rtol=1e-5)


def test_all_optimisers_start_alike_and_learn() -> None:
    points = two_moons(60, 20, 0.05, 0)
    before = torch.random.get_rng_state()
    starts = [train(points, name, 0.05, seed=1, steps=0) for name in ("erm", "sam", "sama")]
    for model in starts[1:]:
        assert all(torch.equal(a, b) for a, b in zip(starts[0].parameters(), model.parameters(), strict=True))
    ends = {name: train(points, name, 0.05, seed=1, steps=60) for name in ("erm", "sam", "sama")}
    assert torch.equal(torch.random.get_rng_state(), before)
    for model in ends.values():
        assert (decided_by(model)(points.x) == points.targets).float().mean() > 0.9
    weights = [next(model.parameters()) for model in ends.values()]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])
    plain = train(points, "sam", 0.0, seed=1, steps=5), train(points, "erm", 0.0, seed=1, steps=5)
    assert torch.allclose(*(next(model.parameters()) for model in plain)), "SAM of radius 0 is its base"
