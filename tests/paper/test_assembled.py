from __future__ import annotations

import pytest

from tailtune.errors import TailtuneError
from tailtune.methods.resolve import build
from tailtune.paper.assembled import STRENGTH
from tailtune.profile import ClassProfile

PROFILE = ClassProfile((900, 90, 9))
NAME = "tailtune.paper.assembled:assembled"


def test_parts_are_there_or_not() -> None:
    (plain,) = build(NAME, PROFILE).stages
    assert (plain.target_matrix, plain.auxiliary, plain.optimiser) == (None, None, None)
    (whole,) = build(f"{NAME}(ssl=True, sharpness=True, smoothing=by_class)", PROFILE).stages
    assert whole.auxiliary is not None
    assert whole.optimiser is not None


def test_both_smoothings_have_the_same_mean_over_training_rows() -> None:
    means, rarest = [], []
    for kind in ("plain", "by_class"):
        (stage,) = build(f"{NAME}(smoothing={kind})", PROFILE).stages
        assert stage.target_matrix is not None
        taken = [1 - float(stage.target_matrix[k, k]) for k in range(3)]  # eps (K - 1) / K
        means.append(sum(n * t for n, t in zip(PROFILE.counts, taken, strict=True)) / 999 * 3 / 2)
        rarest.append(taken[2])
    assert means == pytest.approx([STRENGTH, STRENGTH], abs=1e-6)
    assert rarest[1] > 2 * rarest[0]


def test_another_smoothing_is_refused_in_a_line() -> None:
    with pytest.raises(TailtuneError, match="Did you mean 'plain'"):
        build(f"{NAME}(smoothing=plane)", PROFILE)
