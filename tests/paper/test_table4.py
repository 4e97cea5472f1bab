from __future__ import annotations

import numpy as np

from tailtune.paper import table4
from tailtune.paper.page import Row


def made(own: bool, scale: str = "small") -> list[Row]:
    """ERM as the most collapsed method, as the paper's prose has it, or the printed table."""
    rng, rows = np.random.default_rng(0), []
    for method, (cdnv, ncc, accuracy) in table4.TABLE4.items():
        for seed in range(4):
            at = cdnv if own else (0.3 if method == "ERM" else 0.4)
            row = {"study": "cifar10", "scale": scale, "ratio": 0.01, "arm": method, "seed": seed}
            row |= {"cdnv": at + rng.normal(0, 1e-3), "ncc": ncc}
            rows.append({**row, "recalls": " ".join([f"{accuracy / 100 + rng.normal(0, 1e-4):.6f}"] * 10)})
    return rows


def test_the_printed_table_speaks_against_the_prose() -> None:
    collapsed, linked = table4.claims(made(own=True))
    assert collapsed.verdict == "failed"
    assert "−0.04" in collapsed.number
    assert linked.verdict == "held"  # r = .99 of five
    assert linked.number == "r = 0.99 between its CDNV and accuracy"
    collapsed, _ = table4.claims(made(own=False))
    assert collapsed.verdict == "held"
    assert {claim.verdict for claim in table4.claims(made(True, "smoke"))} == {"cannot be told at this scale"}
    ours, again = table4.tables(made(own=True))
    assert ours.rows[0][1].endswith("(0.42)")
    assert again.rows[0] == ("CDNV", "0.42", "Reweighting 0.38", "0.99")
    assert set(table4.figures(made(own=True))) == {"table4-cifar10"}
