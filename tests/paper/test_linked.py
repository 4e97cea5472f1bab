from __future__ import annotations

from tailtune.paper.correlation import Correlation
from tailtune.paper.linked import apart, together
from tailtune.paper.page import Row

SMALL: list[Row] = [{"scale": "small"}]


def test_two_figures_are_apart_or_together_as_the_interval_says() -> None:
    high, low, wide = (
        Correlation(r, interval, 9) for r, interval in ((0.9, (0.6, 0.98)), (-0.1, (-0.4, 0.3)), (0.3, (-0.5, 0.8)))
    )
    assert [apart("", "", found, SMALL, "networks").verdict for found in (high, low)] == ["failed", "held"]
    assert [together("", "", found, SMALL, "networks").verdict for found in (high, low)] == [
        "held",
        "cannot be told at this scale",
    ]
    assert together("", "", Correlation(-0.9, (-0.98, -0.6), 9), SMALL, "networks").verdict == "failed"
    told = apart("", "", wide, SMALL, "networks")
    assert told.verdict == "cannot be told at this scale"
    assert told.effect is not None
    assert told.effect.interval == (0.5 - 0.8, 0.5 + 0.5)
    assert apart("", "", high, [{"scale": "smoke"}], "networks").verdict == "cannot be told at this scale"
    assert apart("", "", None, SMALL, "networks").ours == "too few networks"
