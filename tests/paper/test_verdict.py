from __future__ import annotations

from tailtune.paper.verdict import difference, in_points, verdict

ROWS = [
    {"arm": arm, "seed": seed, "f": value + seed / 10} for arm, value in (("a", 0.03), ("b", 0.0)) for seed in range(3)
]
ROWS[1] = {**ROWS[1], "f": 0.131}


def test_differences_pair_seeds_that_both_have() -> None:
    found = difference([*ROWS, {"arm": "a", "seed": 9, "f": 5.0}], "a", "b", "f")
    assert found is not None
    assert found.n == 3
    assert in_points(found).startswith("+3.03 [")
    assert difference(ROWS, "a", "c", "f") is None


def test_a_claim_over_several_differences() -> None:
    ahead, behind = difference(ROWS, "a", "b", "f"), difference(ROWS, "b", "a", "f")
    assert verdict([ahead]) == "held"
    assert verdict([ahead, behind]) == "failed"
    assert verdict([ahead, None]) == verdict([]) == "cannot be told at this scale"
    one = difference(ROWS[:1] + ROWS[3:4], "a", "b", "f")
    assert (verdict([one]), in_points(one), in_points(None)) == (
        "cannot be told at this scale",
        "+3.00 (one seed)",
        "not trained",
    )
