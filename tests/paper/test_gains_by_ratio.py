from __future__ import annotations

import numpy as np
import pytest

from tailtune.paper import fig4, precursor_fig10
from tailtune.paper.page import Asked, Row

Gain = dict[str, tuple[float, float]]


def made(module: object, gains: Gain, scale: str = "small") -> list[Row]:
    """Rows of arms that gain so much over .4 at a ratio of 0.01, and over .8 at 1."""
    rng, rows = np.random.default_rng(0), []
    for arm, both in gains.items():
        for ratio, level, up in zip((0.01, 1.0), (0.4, 0.8), both, strict=True):
            for seed in range(4):
                each = level + up + rng.normal(0, 1e-3)
                row = {"study": "cifar10", "scale": scale, "arm": arm, "ratio": ratio, "seed": seed}
                rows.append({**row, "recalls": " ".join([f"{each:.6f}"] * 10)})
    return rows


def test_gains_are_shares_of_the_baseline_where_equation_2_says_so() -> None:
    rows = made(fig4, {fig4.RANDOM: (0, 0), fig4.SIMCLR: (0.1, 0.1), fig4.VICREG: (0.05, 0.0)})
    better, amplified = fig4.claims(rows)
    assert (better.verdict, amplified.verdict) == ("held", "held")
    assert "SimCLR at 0.01: +2" in better.ours  # .1 of .4 is 25 %
    assert better.effect is not None
    assert better.effect.mean == pytest.approx(12.5, abs=0.5)  # the least
    (table,) = fig4.tables(rows)
    assert dict(zip(table.columns, table.rows[1], strict=True))["ratio 1, gain"].startswith("12.")
    assert table.rows[0][3] == "–"


def test_points_and_claims_between_arms() -> None:
    gains = {precursor_fig10.SGD: (0, 0), precursor_fig10.SAM: (0.02, 0.03), precursor_fig10.ASYMMETRIC: (0.04, 0.01)}
    better, amplified, greater = precursor_fig10.claims(made(precursor_fig10, gains))
    assert (better.verdict, amplified.verdict, greater.verdict) == ("held", "failed", "held")
    assert greater.effect is not None
    assert greater.effect.mean == pytest.approx(2.0, abs=0.2)
    smoke = precursor_fig10.claims(made(precursor_fig10, gains, "smoke"))
    assert {claim.verdict for claim in smoke} == {"cannot be told at this scale"}


def test_colours_are_those_of_all_arms_in_every_panel() -> None:
    rows = made(fig4, {fig4.RANDOM: (0, 0), fig4.SIMCLR: (0.1, 0.1)})
    (svg,) = fig4.figures(rows).values()
    assert "balanced, all classes, SimCLR: 0.01 " in svg


def test_published_weights_are_for_full_alone() -> None:
    asked = Asked("nowhere")
    full, small = (
        {arm.name: arm.changes for one in fig4.design(scale, asked).values() for arm in one.study.arms}
        for scale in ("full", "small")
    )
    assert set(fig4.WEIGHTS) < set(full)
    assert full[fig4.SIMCLR]["weights"] == "simclr"
    assert {changes.get("method") for changes in small.values()} == {None, *fig4.OWN.values()}
