"""Whether a claim of "better" held: paired differences over seeds, and what follows from several of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tailtune.paper.page import Claim, Effect, Row, Verdict
from tailtune.study.paired import Paired, paired_t
from tailtune.words import signed

UNTOLD: Verdict = "cannot be told at this scale"
POINTS = "points of accuracy"


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


def least(found: Iterable[Paired | None], unit: str = POINTS, factor: float = 100.0) -> Effect | None:
    """Return the smallest of differences that are all claimed to be above 0, or None where nothing was trained.

    Args:
        found: the differences.
        unit: what they are in once they are multiplied by `factor`.
        factor: 100 makes points of shares.
    """
    effects = [
        Effect(
            factor * one.mean,
            None if one.interval is None else (factor * one.interval[0], factor * one.interval[1]),
            unit,
        )
        for one in found
        if one is not None and one.mean is not None
    ]
    return min(effects, key=lambda effect: effect.mean, default=None)


def above_zero(values: Sequence[float]) -> Paired | None:
    """Return figures that are claimed to be above 0, a seed each, as differences from 0; None where there are none."""
    return paired_t(values, [0.0] * len(values)) if values else None


def judged(
    words: str,
    number: str,
    found: Mapping[str, Paired | None],
    rows: Sequence[Row],
    unit: str = POINTS,
    factor: float = 100.0,
) -> Claim:
    """Return a claim with its verdict; rows of the scale smoke tell nothing.

    Args:
        words: the paper's.
        number: the paper's.
        found: differences that are all claimed to be above 0, by words such as "over ERM".
        rows: that they come from.
        unit: what they are in once they are multiplied by `factor`.
        factor: 100 makes points of shares.
    """
    smoke = any(row["scale"] == "smoke" for row in rows)
    scaled = {what: least([one], unit, factor) for what, one in found.items()}
    return Claim(
        words=words,
        number=number,
        ours="; ".join(f"{what}: {written(effect)}" for what, effect in scaled.items()) or "not trained",
        verdict=verdict([] if smoke else found.values()),
        effect=least(found.values(), unit, factor),
    )


def written(effect: Effect | None) -> str:
    """Write an effect with its interval and unit."""
    if effect is None:
        return "not trained"
    mean = signed(effect.mean, 2)
    if effect.interval is None:
        return f"{mean} {effect.unit} (no interval)"
    low, high = (signed(end, 2) for end in effect.interval)
    return f"{mean} [{low}, {high}] {effect.unit}"
