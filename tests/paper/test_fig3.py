from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tailtune.paper import fig3
from tailtune.paper.correlation import correlation
from tailtune.paper.page import Row

EVEN = {"resnet8": 0.5, "resnet20": 0.6, "resnet32": 0.7, "vgg11_bn": 0.65, "mobilenetv2_100": 0.55}


def made(rare: dict[str, float], scale: str = "small", seeds: int = 3) -> list[Row]:
    rows = []
    rng = np.random.default_rng(1)
    for ratio, level in ((0.01, rare), (1.0, EVEN)):
        for arm, value in level.items():
            for seed in range(seeds):
                row = {"study": "cifar10", "scale": scale, "ratio": ratio, "arm": arm, "seed": seed}
                rows.append({**row, "recalls": " ".join([str(value + rng.normal(0, 0.002))] * 5)})
    return rows


@pytest.mark.filterwarnings("error")
def test_the_correlation_is_pearsons_with_fishers_interval() -> None:
    x, y = list(np.random.default_rng(0).normal(size=(2, 9)))
    found, right = correlation(x, y), stats.pearsonr(x, y)
    assert found is not None
    assert found.r == pytest.approx(right.statistic)
    assert found.interval == pytest.approx(right.confidence_interval(0.95))
    assert correlation([1, 2], [1, 2]) is None
    assert correlation([1, 1, 1], [1, 2, 3]) is None
    three = correlation([1, 2, 3], [1, 2, 4])
    assert three is not None
    assert three.interval is None


def test_a_peak_below_the_largest_holds_and_growth_fails() -> None:
    peak, _ = fig3.claims(made({"resnet8": 0.2, "resnet20": 0.4, "resnet32": 0.3, "vgg11_bn": 0.1}))
    assert peak.verdict == "held"
    assert "best of the smaller over resnet32" in peak.ours
    grown, linked = fig3.claims(made(EVEN))
    assert (grown.verdict, linked.verdict) == ("failed", "failed")
    assert linked.number == "r = 0.14"
    single = fig3.claims(made(EVEN, seeds=1))[0]
    smoke = fig3.claims(made(EVEN, scale="smoke"))
    assert {claim.verdict for claim in (single, *smoke)} == {"cannot be told at this scale"}


def test_other_seeds_choose_the_best_of_the_smaller() -> None:
    level = {"resnet8": (0.1, 0.3), "resnet20": (0.2, 0.2), "resnet32": (0.0, 0.0)}
    rows = [
        {"study": "s", "scale": "small", "ratio": 0.01, "arm": arm, "seed": seed, "recalls": f"0.9 {value}"}
        for arm, values in level.items()
        for seed, value in enumerate(values)
    ]
    assert fig3.past_the_peak(rows, 0.01) == [0.1, 0.2]  # seed 1 prefers resnet8, seed 0 prefers resnet20


def test_tables_and_figures_go_by_size() -> None:
    (table,) = fig3.tables(made(EVEN))
    assert [row[0] for row in table.rows] == ["resnet8", "resnet20", "resnet32", "mobilenetv2_100", "vgg11_bn"]
    assert table.rows[0][1] == "0.08"
    figure = fig3.figures(made(EVEN))["fig3-cifar10"]
    assert "millions of parameters" in figure
    assert "r = 1.00" in figure
