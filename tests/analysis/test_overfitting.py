"""Margins, and their share by class."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tailtune.analysis.overfitting import by_class, margins


def test_margins_are_the_logit_of_the_class_less_the_largest_other() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    expected = [row[y] - np.delete(row, y).max() for row, y in zip(logits, targets, strict=True)]
    found = margins(torch.from_numpy(logits), torch.from_numpy(targets))
    np.testing.assert_allclose(found, expected)
    np.testing.assert_array_equal(found > 0, logits.argmax(1) == targets)


def test_classes_are_summarised_apart() -> None:
    found = torch.tensor([1.0, -1.0, 3.0, 4.0, 5.0, 6.0, 0.0])
    got = by_class(found, torch.tensor([0, 0, 2, 2, 2, 2, 0]), 3)
    assert got["fitted"] == [pytest.approx(1 / 3), None, 1.0]  # a tie is not fitted
    assert got["margin_median"] == [0.0, None, 4.5]
    assert got["margin_lower_quartile"] == [-0.5, None, 3.75]
    assert got["margin_upper_quartile"] == [0.5, None, 5.25]
