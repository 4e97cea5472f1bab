from __future__ import annotations

import pytest
from fabricated_batches import batches

from tailtune.paper import fig1


def test_gains_are_equation_1_on_the_same_seed() -> None:
    rows = batches(0.02, 0.0)
    accuracy = {(row["batch_size"], row["seed"]): row["accuracy"] for row in rows if row["ratio"] == 0.01}
    for batch, seeds in fig1.gains(rows, "cifar10", 0.01).items():
        for seed, found in seeds.items():
            mine, base = accuracy[batch, seed], accuracy[128, seed]
            assert found == pytest.approx((mine - base) / mine)
    assert set(fig1.gains([row for row in rows if row["batch_size"] != 128], "cifar10", 0.01)[32]) == set()


def test_small_batches_that_help_where_data_are_imbalanced_hold() -> None:
    small, more = fig1.claims(batches(0.02, 0.001))
    assert (small.verdict, more.verdict) == ("held", "held")
    small, more = fig1.claims(batches(-0.02, 0.05))
    assert (small.verdict, more.verdict) == ("failed", "failed")
    assert small.effect is not None
    assert small.effect.mean < 0
    assert {claim.verdict for claim in fig1.claims(batches(0.02, 0.0, seeds=1))} == {"cannot be told at this scale"}
    assert {claim.verdict for claim in fig1.claims(batches(0.02, 0.0, scale="smoke"))} == {
        "cannot be told at this scale"
    }


def test_the_table_and_the_figure() -> None:
    (table,) = fig1.tables(batches(0.02, 0.0))
    assert table.columns == ("batch size", "ratio 0.01", "ratio 1")
    assert [row[0] for row in table.rows] == ["32", "64", "128", "256"]
    assert table.rows[2][1] == "0.0 ± 0.0"
    figure = fig1.figures(batches(0.02, 0.0))["fig1"]
    for words in ("batch size", "gain over batches of 128", "train ratio 0.01", "train ratio 1"):
        assert words in figure
