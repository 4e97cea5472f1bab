"""Whether a claim of "better" held: paired differences over seeds, and what follows from several of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tailtune.paper.page import Row, Verdict
from tailtune.study.paired import Paired, paired_t
from tailtune.words import signed

UNTOLD: Verdict = "cannot be told at this scale"


def difference(rows: Sequence[Row], arm: str, other: str, figure: str) -> Paired | None:
    """Return the differences of two arms over the seeds that both have, or None where they share none.

    Args:
        rows: of one data set and one kind of row.
        arm: minus `other`.
        other: name of the other arm.
        figure: name of the measure.
    """
    by_arm = {name: {row["seed"]: row[figure] for row in rows if row["arm"] == name} for name in (arm, other)}
    seeds = sorted(by_arm[arm].keys() & by_arm[other].keys())
    if not seeds:
        return None
    return paired_t([by_arm[arm][seed] for seed in seeds], [by_arm[other][seed] for seed in seeds])


def verdict(found: Iterable[Paired | None]) -> Verdict:
    """Return what differences that are all claimed to be above 0 say: it failed where one is surely below."""
    intervals = [None if one is None else one.interval for one in found]
    if any(interval is not None and interval[1] < 0 for interval in intervals):
        return "failed"
    told = bool(intervals) and all(interval is not None and interval[0] > 0 for interval in intervals)
    return "held" if told else UNTOLD


def in_points(found: Paired | None) -> str:
    """Write a difference of shares in points with its 95 % interval."""
    if found is None or found.mean is None:
        return "not trained"
    mean = signed(100 * found.mean, 2)
    if found.interval is None:
        return f"{mean} (one seed)" if found.n == 1 else mean
    low, high = (signed(100 * end, 2) for end in found.interval)
    return f"{mean} [{low}, {high}]"
