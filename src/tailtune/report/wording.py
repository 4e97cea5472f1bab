"""How values are written for people: measures by their unit, shares, counts, durations."""

from __future__ import annotations

from collections.abc import Sequence

from tailtune.evaluation.measure import Quantity

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


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
    text = f"{100 * difference:+.1f}" if measure.percent else f"{difference:+.3f}"
    return text.replace("-", MINUS) if text.strip("+-0.") else text[1:]


def standing(measure: Quantity, interval: Sequence[float] | None) -> str:
    """Judge a difference, model minus baseline, by its interval: "better", "worse" or "unclear" (holds 0)."""
    if interval is None or interval[0] <= 0 <= interval[1]:
        return "unclear"
    return "better" if (interval[0] > 0) == measure.higher_is_better else "worse"


def percent(value: float | None, decimals: int = 1) -> str:
    """Write a share of 0..1 as a percentage; an en dash for None."""
    return NONE if value is None else f"{100 * value:.{decimals}f}{NBSP}%"


def number(value: float | None) -> str:
    """Write a number with three decimals; an en dash for None."""
    return NONE if value is None else f"{value:.3f}".replace("-", MINUS)


def whole(value: int | None) -> str:
    """Write a count with thin spaces between thousands; an en dash for None."""
    return NONE if value is None else f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def duration(seconds: float | None) -> str:
    """Write a duration in the two units that matter; an en dash for None.

    >>> [duration(s).replace(NBSP, " ") for s in (0.42, 12.34, 134, 8000)]
    ['0.42 s', '12.3 s', '2 min 14 s', '2 h 13 min']
    """
    if seconds is None:
        return NONE
    if seconds < 60:
        return f"{seconds:.3g}{NBSP}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{NBSP}min {rest}{NBSP}s"
    return f"{minutes // 60}{NBSP}h {minutes % 60}{NBSP}min"
