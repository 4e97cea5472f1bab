from __future__ import annotations

import numpy as np

from tailtune.paper import precursor_fig4
from tailtune.paper.page import Row

ARMS = (precursor_fig4.STANDARD, precursor_fig4.OVERSAMPLED)


def made(study: str, helps: float, scale: str = "small") -> list[Row]:
    """Oversampling fits the rarest training rows and gains so much on test rows."""
    rng, rows = np.random.default_rng(0), []
    for arm in ARMS:
        for ratio in (0.01, 1.0):
            for seed in range(4):
                noise = rng.normal(0, 1e-3)
                test = 0.5 + noise + (helps if arm == precursor_fig4.OVERSAMPLED else 0.0)
                rare = 0.4 + noise if arm == precursor_fig4.STANDARD and ratio < 1 else 0.98 + noise
                row = {"study": study, "scale": scale, "arm": arm, "ratio": ratio, "seed": seed}
                rows.append({**row, "recalls": f"{test} {test}", "fitted": f"0.99 {rare}"})
    return rows


def test_networks_and_trees_have_claims_of_their_own() -> None:
    hard, fits, no_help = precursor_fig4.claims(made("cifar10", 0.0))
    assert [claim.verdict for claim in (hard, fits, no_help)] == ["held"] * 3
    *_, no_help = precursor_fig4.claims(made("cifar10", 0.05))
    assert no_help.verdict == "failed"
    *_, helps = precursor_fig4.claims(made("adult", 0.05))
    assert helps.verdict == "held"
    assert "XGBoost" in helps.words
    smoke = precursor_fig4.claims(made("adult", 0.05, "smoke"))
    assert {claim.verdict for claim in smoke} == {"cannot be told at this scale"}


def test_errors_of_training_and_test_rows() -> None:
    (table,) = precursor_fig4.tables(made("cifar10", 0.0))
    line = dict(zip(table.columns, table.rows[0], strict=True))
    assert line["training rows, minority"].startswith("60.")
    assert line["balanced test rows"].startswith("50.")
    assert set(precursor_fig4.figures(made("cifar10", 0.0))) == {"precursor-fig4-cifar10", "precursor-fig5-cifar10"}
