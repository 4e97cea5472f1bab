from __future__ import annotations

import numpy as np

from tailtune.paper import table2
from tailtune.paper.decisions import decided
from tailtune.paper.page import Row


def made(lead: float, scale: str = "small", again: float = 1.0) -> list[Row]:
    """Methods one after the other by so much on HAM10000, and `again` times that on CIFAR-10."""
    rng, rows = np.random.default_rng(0), []
    for study, factor in (("ham10000", 1.0), ("cifar10", again)):
        headline = "balanced_accuracy" if study == "ham10000" else "accuracy"
        for number, method in enumerate(table2.METHODS):
            for seed in range(4):
                value = 0.5 + factor * lead * number + rng.normal(0, 1e-4)
                for decision, more in (("none", 0.0), ("prior", 0.1)):
                    arm = decided(method, decision)
                    row = {"study": study, "scale": scale, "arm": arm, "seed": seed, "headline": headline}
                    rows.append({**row, headline: value + more})
    return rows


def test_lead_increments_and_correlation() -> None:
    found = table2.claims(made(0.01))
    assert len(found) == 10
    for start, words in ((0, "argmax"), (5, "prior off")):
        *leads, weak = found[start : start + 5]
        assert all(words in claim.words for claim in (*leads, weak))
        assert [claim.verdict for claim in leads] == ["held"] * 4
        assert weak.verdict == "failed"  # they rise together
        assert "0.80" in weak.number
        assert "0.85" in weak.number
    *leads, _ = table2.claims(made(-0.01))[:5]
    assert [claim.verdict for claim in leads] == ["failed"] * 4
    assert {claim.verdict for claim in table2.claims(made(0.01, "smoke"))} == {"cannot be told at this scale"}


def test_table_3_is_of_ours_and_then_of_the_papers_own_rows() -> None:
    whole, ours, printed = table2.tables(made(0.01, again=2.0))
    assert whole.columns == (
        "method",
        "ham10000, argmax",
        "ham10000, prior off",
        "cifar10, argmax",
        "cifar10, prior off",
    )
    assert whole.rows[0][1:3] == ("50.0 ± 0.0", "60.0 ± 0.0")
    assert [(row[0], row[2]) for row in ours.rows] == [("ham10000, argmax", "0.50"), ("ham10000, prior off", "0.50")]
    assert printed.rows[0][:3] == ("APTOS 2019 Blindness", "0.11", "0.04")
    alone = [row for row in made(0.01) if row["study"] == "ham10000"]
    assert len(table2.tables(alone)) == 2
    assert len(table2.claims(alone)) == 8
    assert set(table2.figures(made(0.01))) == {"table2"}
    assert set(table2.figures(alone)) == {"table2-ham10000"}
