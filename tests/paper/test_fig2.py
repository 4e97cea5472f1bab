from __future__ import annotations

import numpy as np
import pytest

from tailtune.paper import fig2
from tailtune.paper.page import Row

# recall of the nine larger classes and of the rarest, as factors of those without augmentation
EFFECTS = {"none": (1.0, 1.0), "trivialaugment": (1.1, 2.0), "autoaugment": (1.2, 2.2), "flip": (1.05, 1.2)}


def made(scale: str = "small", rarest: float = 0.2) -> list[Row]:
    rng = np.random.default_rng(0)
    rows = []
    for ratio, amplified in ((0.01, 1.0), (1.0, 0.2)):
        for arm, (many, few) in EFFECTS.items():
            for seed in range(4):
                if arm == "autoaugment" and ratio == 1.0:
                    many, few = 1.05, 1.1
                factors = [1 + (factor - 1) * amplified for factor in (many, few)]
                noise = 1 + rng.normal(0, 0.001)
                found = [0.4 * factors[0] * noise] * 4 + [rarest * factors[1] * noise]
                row = {"study": "cifar10", "scale": scale, "ratio": ratio, "arm": arm, "seed": seed}
                rows.append({**row, "recalls": " ".join(map(str, found))})
    return rows


def test_gains_are_shares_of_training_without_augmentation() -> None:
    found = fig2.gains(made(), 0.01, "trivialaugment", fig2.RARE)
    assert list(found.values()) == [pytest.approx(1.0, abs=0.01)] * 4
    each = fig2.gains(made(), 1.0, "trivialaugment", "largest fifth of classes")
    assert list(each.values()) == [pytest.approx(0.02, abs=0.01)] * 4
    assert fig2.gains(made(rarest=0.0), 0.01, "flip", fig2.RARE) == {}  # a share of nothing


def test_the_variance_is_that_over_policies() -> None:
    found = fig2.variance(made(), 0.01, fig2.RARE)
    assert found[0] == pytest.approx(np.var([1.0, 1.2, 0.2], ddof=1), rel=0.02)


def test_what_was_made_to_hold_holds() -> None:
    claims = fig2.claims(made())
    assert [claim.verdict for claim in claims] == ["held"] * 4
    assert {claim.verdict for claim in fig2.claims(made("smoke"))} == {"cannot be told at this scale"}
    assert claims[0].effect is not None
    assert claims[0].effect.mean == pytest.approx(100 * (1.0 - (4 * 0.04 + 0.2) / 1.8), abs=1)


def test_tables_and_figures() -> None:
    (table,) = fig2.tables(made())
    assert [row[0] for row in table.rows] == ["trivialaugment", "autoaugment", "flip"]
    assert table.rows[0][2].startswith("100.")
    assert set(fig2.figures(made())) == {"fig2-cifar10", "fig6-cifar10"}
