"""Curvature of a linear network, whose Hessian is known: it is its own Gauss-Newton part."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from linear_subject import subject

from tailtune.analysis.analysis import Lines
from tailtune.analysis.class_losses import OTHERS, RARE, WHOLE
from tailtune.analysis.curvature import curvature
from tailtune.analysis.subject import Subject

COUNTS = (60, 25, 10, 5)  # the last class is the rarest


def whole(of: Subject, classes: tuple[int, ...]) -> np.ndarray:
    """The mean over rows of (diag(p) - p p') times x x', of weights and bias."""
    part = of.parts["train"]
    chosen = torch.isin(part.targets, torch.tensor(classes))
    x = part.tensors("the test")[0][chosen]
    p = of.network(x, x).softmax(1).detach().numpy().astype(np.float64)
    inputs = np.concatenate([x.numpy(), np.ones((len(x), 1))], 1)
    inner = np.stack([np.diag(row) - np.outer(row, row) for row in p])
    return np.asarray(np.einsum("nkl,ni,nj->kilj", inner, inputs, inputs).reshape(16, 16) / len(x))


def test_eigenvalues_and_traces_are_those_of_the_whole_matrix() -> None:
    of = subject(COUNTS)
    found = curvature(of, rows=1000)
    classes = {WHOLE: (0, 1, 2, 3), RARE: (3,), OTHERS: (0, 1, 2)}
    assert found.data["minority"] == ["3"]
    for name, chosen in classes.items():
        matrix, group = whole(of, chosen), found.data["groups"][name]
        assert group["rows"] == sum(COUNTS[c] for c in chosen)
        expected = np.linalg.eigvalsh(matrix)[::-1][:10]
        for kind in ("hessian", "gauss_newton"):
            np.testing.assert_allclose(group[kind]["eigenvalues"], expected, rtol=1e-4, atol=1e-6)
            error = group[kind]["trace_standard_error"]
            assert abs(group[kind]["trace"] - np.trace(matrix)) < 5 * error
    top = np.linalg.eigvalsh(whole(of, (3,)))[-1]
    assert f"it is {top:.3g} for the rarest classes (3)" in found.finding


def test_the_density_covers_all_eigenvalues() -> None:
    found = curvature(subject(COUNTS), rows=1000)
    density = found.data["density"]
    heights = np.array([0.0 if value is None else value for value in density["density"]])
    assert np.trapezoid(heights, density["at"]) == pytest.approx(1, abs=0.02)
    assert density["negative_share"] == 0
    drawn = [figure for figure in found.figures if isinstance(figure, Lines)]
    assert [figure.logarithmic for figure in drawn][-1]
    assert len(drawn) == 2
