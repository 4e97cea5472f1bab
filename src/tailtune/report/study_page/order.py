"""In which order the arms of a study stand, and by which measure they are judged beside the primary one."""

from __future__ import annotations

from tailtune.evaluation.measure import Quantity
from tailtune.study.statistics import Compared, Group, Statistics

ROUNDING = 1e-9


def by_difference(group: Group, baseline: str, measure: Quantity) -> list[tuple[str, Compared]]:
    """The arms other than the baseline with their difference from it, the best first; those without a mean last."""
    sign = 1 if measure.higher_is_better else -1
    found = [
        (arm, entry)
        for arm in group.arms
        if arm != baseline and (entry := group.results[arm][measure.key].difference) is not None
    ]
    return sorted(found, key=lambda each: (each[1].mean is None, -sign * (each[1].mean or 0.0)))


def by_score(group: Group, measure: Quantity) -> list[str]:
    """The arms from the best mean of `measure` to the worst; those without one last."""
    sign = 1 if measure.higher_is_better else -1
    means = {arm: group.results[arm][measure.key].mean for arm in group.arms}
    return sorted(means, key=lambda arm: (means[arm] is None, -sign * (means[arm] or 0.0)))


def protocol(statistics: Statistics, group: Group) -> str | None:
    """The metric by which published results on a data set are compared, where it says more than the primary one.

    On a balanced test part, accuracy is balanced accuracy and says nothing more.
    """
    key = group.headline
    if key is None:
        return None
    means = [(figures[key].mean, figures[statistics.primary].mean) for figures in group.results.values()]
    more = any(mean is not None and primary is not None and abs(mean - primary) > ROUNDING for mean, primary in means)
    return key if more else None
