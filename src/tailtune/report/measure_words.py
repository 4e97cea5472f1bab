"""How a figure is written and judged by what its measure says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tailtune.evaluation.measure import Quantity
from tailtune.words import NBSP, number, percent, points, quoted, signed

Side = Literal["better", "worse", "unclear"]


def show(measure: Quantity, value: float | None) -> str:
    """Write a value: ``81.2 %`` or ``0.812``; an en dash where it is undefined.

    >>> from tailtune.evaluation.measures import accuracy, log_loss
    >>> show(accuracy, 0.8123).replace(NBSP, " "), show(log_loss, 0.31)
    ('81.2 %', '0.310')
    """
    return percent(value) if measure.percent else number(value)


def bare(measure: Quantity, value: float) -> str:
    """Write a value without the sign of percent: ``81.2`` or ``0.812``."""
    return f"{100 * value:.1f}" if measure.percent else number(value)


def term_of(measure: Quantity, names: Sequence[str]) -> str:
    """What a measure is called for these classes, from the largest in training: of two, rare ones are one class.

    >>> from tailtune.evaluation.measures import BY_KEY
    >>> term_of(BY_KEY["tail_accuracy"], ["no", "yes"]), term_of(BY_KEY["auprc"], ["no", "yes"])
    ('recall of “yes”', 'AUPRC of “yes”')
    >>> term_of(BY_KEY["tail_accuracy"], ["a", "b", "c"])
    'accuracy on the rarest 20 % of classes'
    """
    of_the_rarer = {"tail_accuracy": "recall", "auprc": "AUPRC"}
    if len(names) == 2 and measure.key in of_the_rarer:
        return f"{of_the_rarer[measure.key]} of {quoted(names[-1], '“”')}"
    return measure.term


def show_interval(measure: Quantity, interval: Sequence[float] | None) -> str:
    """Write an interval: ``79.8 to 82.5 %`` or ``0.798 to 0.825``; empty if it has no width."""
    if interval is None:
        return ""
    low, high = (bare(measure, end) for end in interval)
    return "" if low == high else f"{low} to {high}" + f"{NBSP}%" * measure.percent


def show_change(measure: Quantity, difference: float) -> str:
    """Write a difference with its sign: ``+1.3`` points of a percentage or ``+0.013``.

    >>> from tailtune.evaluation.measures import accuracy, log_loss
    >>> show_change(accuracy, 0.013), show_change(log_loss, -0.00001)
    ('+1.3', '0.000')
    """
    return points(difference, "+") if measure.percent else signed(difference, 3)


def side(measure: Quantity, interval: Sequence[float] | None) -> Side:
    """Judge a difference, model minus baseline, by its interval: "better", "worse" or "unclear" (holds 0)."""
    if interval is None or interval[0] <= 0 <= interval[1]:
        return "unclear"
    return "better" if (interval[0] > 0) == measure.higher_is_better else "worse"
