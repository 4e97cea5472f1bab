"""The headline figures in plain words: what each is called, what it means, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Measure:
    """A headline figure: its key in result.json, its names, and how to read and write it."""

    key: str
    words: str
    term: str
    meaning: str
    percent: bool = True
    higher_is_better: bool = True
    everywhere: bool = True  # or only where the data set's protocol names it

    def show(self, value: float | None) -> str:
        """Write a value: ``81.2 %`` or ``0.812``; an en dash where it is undefined.

        >>> MEASURES["accuracy"].show(0.8123).replace(NBSP, " "), MEASURES["log_loss"].show(0.31)
        ('81.2 %', '0.310')
        """
        return percent(value) if self.percent else number(value)

    def bare(self, value: float) -> str:
        """Write a value without the sign of percent: ``81.2`` or ``0.812``."""
        return f"{100 * value:.1f}" if self.percent else number(value)

    def show_interval(self, interval: list[float] | None) -> str:
        """Write an interval: ``79.8 to 82.5 %`` or ``0.798 to 0.825``; empty if it has no width."""
        if interval is None:
            return ""
        low, high = map(self.bare, interval)
        return "" if low == high else f"{low} to {high}" + f"{NBSP}%" * self.percent

    def show_change(self, difference: float) -> str:
        """Write a difference with its sign: ``+1.3`` points of a percentage or ``+0.013``.

        >>> MEASURES["accuracy"].show_change(0.013), MEASURES["log_loss"].show_change(-0.00001)
        ('+1.3', '0.000')
        """
        text = f"{100 * difference:+.1f}" if self.percent else f"{difference:+.3f}"
        return text.replace("-", MINUS) if text.strip("+-0.") else text[1:]

    def standing(self, interval: list[float] | None) -> str:
        """Judge a difference, model minus baseline, by its interval: "better", "worse" or "unclear" (holds 0)."""
        if interval is None or interval[0] <= 0 <= interval[1]:
            return "unclear"
        return "better" if (interval[0] > 0) == self.higher_is_better else "worse"


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


MEASURES = {
    measure.key: measure
    for measure in (
        Measure(
            "tail_accuracy",
            "Rare cases found",
            "accuracy on the rarest 20 % of classes",
            "Of the test rows that belong to the rarest fifth of the classes (at least one class), the share that got "
            "the right class.",
        ),
        Measure(
            "balanced_accuracy",
            "Right, classes weighing alike",
            "balanced accuracy",
            "The share of right answers within each class, averaged over the classes, so that a large class counts "
            "no more than a small one.",
        ),
        Measure(
            "accuracy",
            "Right, rows weighing alike",
            "accuracy",
            "The share of all test rows that got the right class. Large classes dominate it.",
        ),
        Measure(
            "macro_f1",
            "Finding without false alarms",
            "macro F1",
            "For each class the harmonic mean of how many of its rows were found (recall) and how many of the rows "
            "called so were right (precision), averaged over the classes.",
            percent=False,
        ),
        Measure(
            "auprc",
            "Ranking the rarer class first",
            "AUPRC",
            "The area under the precision-recall curve: how well the probability of the rarer class sorts its rows to "
            "the top, whatever threshold is used later. A guess scores the class's share of the rows.",
            percent=False,
        ),
        Measure(
            "macro_auprc",
            "Ranking, classes weighing alike",
            "macro AUPRC",
            "The area under the precision-recall curve, averaged over the classes: how well each class's probability "
            "sorts its rows to the top, whatever threshold is used later.",
            percent=False,
        ),
        Measure(
            "log_loss",
            "Cost of the probabilities",
            "log loss, lower is better",
            "The mean of the negative logarithm of the probability given to the true class: sure and wrong costs most.",
            percent=False,
            higher_is_better=False,
        ),
        Measure(
            "ece",
            "Over- or underconfidence",
            "expected calibration error, lower is better",
            "The mean distance between the stated probability of the answer and how often such answers are right, "
            "over 15 bins of equal width.",
            higher_is_better=False,
        ),
        Measure(
            "kappa",
            "Agreement on ordered classes",
            "quadratic-weighted kappa",
            "How far answers and true classes agree beyond chance, where a miss counts by the square of its distance "
            "in the order of the classes: 1 is full agreement, 0 that of chance.",
            percent=False,
            everywhere=False,
        ),
        Measure(
            "auroc",
            "Ranking the rarer class above",
            "AUROC",
            "The area under the ROC curve: the chance that a row of the rarer class is given a higher probability of "
            "it than a row of the other class. A guess scores 0.5.",
            percent=False,
            everywhere=False,
        ),
    )
}


def listed(headline: str | None) -> list[Measure]:
    """The measures that a report shows, first the metric of the data set's protocol.

    Args:
        headline: that metric, if there is one.
    """
    first = [] if headline is None else [MEASURES[headline]]
    return first + [measure for measure in MEASURES.values() if measure.everywhere and measure.key != headline]
