"""What the runs of a comparison over several data sets share."""

from __future__ import annotations

from tailtune.study.comparison import Comparison
from tailtune.study.study import run_on


def test_imbalance_is_for_the_data_sets_that_can_be_thinned_out() -> None:
    asked = Comparison(data=("digits", "mine.csv"), target="y", profile="step", total=100, test_ratio=0.1)
    thinned, whole = run_on(asked.study(), "digits", 0.5), run_on(asked.study(), "mine.csv", None)
    assert (thinned.profile, thinned.total, thinned.test_ratio) == ("step", 100, 0.1)
    assert (whole.profile, whole.total, whole.test_ratio, whole.target) == (None, None, None, "y")
    alone = Comparison(data=("mine.csv",), total=100)  # then the reader refuses it
    assert run_on(alone.study(), "mine.csv", None).total == 100
