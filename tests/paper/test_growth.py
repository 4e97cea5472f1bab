from __future__ import annotations

import numpy as np
import pytest

from tailtune.data.longtail import counts_of_minority, shares
from tailtune.paper.growth import best, grown, growth_claims, growth_figures, growth_tables, largest
from tailtune.paper.page import Row

RATIOS = (1.0, 0.5, 0.2, 0.1)


def made(accuracy: dict[float, float], scale: str = "small") -> list[Row]:
    rng, rows = np.random.default_rng(0), []
    for minority in (50, 100):
        for ratio, mean in accuracy.items():
            for seed in range(3):
                each = mean + minority / 1000 + rng.normal(0, 1e-3)
                row = {"study": "cifar10", "scale": scale, "arm": f"{minority}", "minority": minority, "ratio": ratio}
                rows.append({**row, "seed": seed, "recalls": " ".join([f"{each:.6f}"] * 10)})
    return rows


def test_a_hump_holds_and_a_slope_does_not() -> None:
    hump = dict(zip(RATIOS, (0.5, 0.6, 0.55, 0.4), strict=True))
    boosts, drops, near = growth_claims(made(hump))
    assert (boosts.verdict, drops.verdict) == ("held", "held")
    assert boosts.effect is not None
    assert boosts.effect.mean == pytest.approx(10, abs=0.3)
    assert near.effect is not None
    assert near.effect.mean == pytest.approx(1 - np.log10(2))
    rising = dict(zip(RATIOS, (0.5, 0.55, 0.6, 0.65), strict=True))
    boosts, drops, near = growth_claims(made(rising))
    assert (boosts.verdict, drops.verdict) == ("held", "cannot be told at this scale")
    assert {claim.verdict for claim in growth_claims(made(hump, "smoke"))} == {"cannot be told at this scale"}


def test_the_best_size_is_marked_and_sizes_are_those_of_the_data() -> None:
    rows = made(dict(zip(RATIOS, (0.5, 0.6, 0.55, 0.4), strict=True)))
    places = grown(rows, 100)
    assert list(places) == list(RATIOS)
    assert best(places, [0, 1, 2]) == 0.5
    (table,) = growth_tables(rows)
    assert [line[1] for line in table.rows if "best" in line[1]] == ["100 (best)", "200 (best)"]
    for ratio in RATIOS:
        assert largest(100, ratio) == counts_of_minority(shares("exponential", 10, ratio), 100)[0][0]
    assert set(growth_figures(rows, "x")) == {"x-cifar10"}
