from __future__ import annotations

import numpy as np
import pytest

from tailtune.paper import table1
from tailtune.paper.decisions import decided
from tailtune.paper.image_facts import COLUMNS, TABLE1
from tailtune.paper.page import Row


def made(lead: float, scale: str = "small") -> list[Row]:
    """Rows of recalls .8 and .5 of five classes, the rarest of the best method's and SAM-A's that much higher."""
    rows, rng = [], np.random.default_rng(0)
    for method in table1.TRAINED:
        for decision, up in (("none", 0.0), ("prior", 0.1)):
            for seed in range(3):
                rare = 0.5 + up + (lead if method in (table1.BEST, "SAM-A") else 0.0) + rng.normal(0, 0.001)
                row = {"study": "cifar100", "scale": scale, "ratio": 0.01, "seed": seed}
                rows.append(
                    {
                        **row,
                        "arm": decided(method, decision),
                        "recalls": f"0.8 0.8 0.8 0.8 {rare}",
                        "sizes": "500 200 90 50 5",
                    }
                )
    return rows


def test_facts_are_those_of_the_page() -> None:
    assert len(TABLE1) == 11
    assert all(tuple(cells) == COLUMNS for cells in TABLE1.values())
    assert set(TABLE1) == set(table1.METHODS) - {"SMOTE", "DRW"}
    assert TABLE1["ERM"]["cifar10", 0.01] == (84.9, 0.2)
    assert TABLE1[table1.BEST]["tiny_imagenet-convnext", 0.1] == (54.3, 0.3)


def test_verdicts_under_each_decision() -> None:
    claims = table1.claims(made(0.1))
    assert [claim.verdict for claim in claims] == ["held"] * 6
    assert claims[0].number == "+1.2 points"  # 48.9 over LDAM-DRW's 47.2 is 1.7, over ERM's 47.7 it is 1.2
    assert claims[1].number == "5.4 % to 6.8 %"
    assert "of ERM's: +" in claims[1].ours  # from .5 to .4
    assert "over SAM-A" not in claims[0].ours
    assert "over SSE-SAM" not in claims[0].ours  # newer than the paper
    assert claims[2].words.startswith("cifar100 at 0.01, argmax: SAM-A")
    assert "over SSE-SAM: +" in claims[2].ours
    assert [claim.verdict for claim in table1.claims(made(-0.1))] == ["failed"] * 6
    assert {claim.verdict for claim in table1.claims(made(0.1, "smoke"))} == {"cannot be told at this scale"}


def test_the_reduction_is_a_share_of_the_rivals_error() -> None:
    found = table1.reduction(made(0.1), "ERM", "none")
    assert found is not None
    assert found.differences[0] == pytest.approx(0.2, abs=0.01)


def test_the_table_stands_beside_the_papers() -> None:
    table, split, again = table1.tables(made(0.1))
    cells = {row[0]: row[1:] for row in table.rows}
    assert cells["ERM"][0] == "47.7 ± 0.5"
    assert cells["SMOTE"][0] == cells["SAMN"][0] == "–"
    assert table.columns[1:] == ("Table 1", "argmax", "prior off", "rarest, argmax", "rarest, prior off")
    assert cells["ERM"][4].startswith("60.")
    assert set(table1.figures(made(0.1))) == {"table1-cifar100-0_01"}
    few = dict(zip(split.columns, next(line for line in split.rows if line[0] == "ERM"), strict=True))
    assert few["few, argmax"].endswith("(20.1)")
    assert "few 1, medium 2, many 2" in split.caption
    assert "45.5" in again.rows[0]
