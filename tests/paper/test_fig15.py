from __future__ import annotations

import pytest

from tailtune.paper import fig15
from tailtune.paper.page import Row


def made(scale: str = "small") -> list[Row]:
    """With many rows a training is best at its own ratio; with few, balanced training always is."""
    rows = []
    for seed in range(3):
        for total in (100, 1000):
            for ratio in (0.01, 1.0):
                recalls = {(100, 1.0): "1 1", (100, 0.01): "0.5 0.5", (1000, 1.0): "0.8 0.8", (1000, 0.01): "1 0.3"}
                row = {"study": "cifar10", "scale": scale, "arm": f"{total} rows", "total": total, "ratio": ratio}
                rows.append({**row, "seed": seed, "recalls": recalls[total, ratio]})
    return rows


def test_misalignment_is_the_mean_distance_of_the_best_train_ratio() -> None:
    assert fig15.misalignments(made(), 100) == {0: 1.0, 1: 1.0, 2: 1.0}  # 2 decades at 0.01, none at 1
    assert fig15.misalignments(made(), 1000) == {0: 0.0, 1: 0.0, 2: 0.0}
    (claim,) = fig15.claims(made())
    assert claim.verdict == "cannot be told at this scale"  # all seeds are alike
    assert claim.effect is not None
    assert claim.effect.mean == pytest.approx(1.0)
    (table,) = fig15.tables(made())
    assert [line[0] for line in table.rows] == ["100", "1000"]
    assert set(fig15.figures(made())) == {"fig15-cifar10"}
