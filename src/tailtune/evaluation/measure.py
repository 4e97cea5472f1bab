"""What a measure is: how it is called, which way is better, where it is shown, and how it is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal

from tailtune.evaluation.scored import Scored
from tailtune.evaluation.weighted import Statistic
from tailtune.profile import ClassProfile

Place = Literal["page", "groups", "terminal", "study", "columns", "demo"]


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number that results hold, as people read it.

    Attributes:
        key: its name in result.json, results.csv and the terminal's tables.
        words: what it says, in a few plain words.
        term: what it is called.
        meaning: a sentence or two.
        short: heading of a narrow column.
        source: who defined it.
        classes: the classes whose rows it is about, in a few words; empty where it is about all.
        percent: a share of 0..1 that is written as a percentage.
        higher_is_better: or lower.
        everywhere: shown for all data; otherwise only where the data set's protocol names it.
        covers: key of a measure that this one says better, so that a table with this one leaves that one out.
        places: where it is shown: the page of a run (with a bootstrap interval) and its table of groups of classes, the
            terminal, the rows and statistics of a study and the columns of its page, the demo.
    """

    key: str
    words: str
    term: str
    meaning: str
    short: str
    source: str = ""
    classes: str = ""
    percent: bool = False
    higher_is_better: bool = True
    everywhere: bool = True
    covers: str = ""
    places: tuple[Place, ...] = ("page", "terminal", "study", "columns")


@dataclass(frozen=True, kw_only=True)
class Measure(Quantity):
    """A figure about predictions on held-out rows. A new one is a file of this package that declares it, and its test.

    Attributes:
        value: the figure of some rows; None where it is undefined on them.
        applies: whether it makes sense for a class distribution at all.
        resampled: the figure as a function of how often each row is drawn, for the bootstrap; given the rows in the
            order of their classes, it returns None where the figure can be undefined in a resample. Without it `value`
            is computed anew on the rows of every resample, which takes a thousand times as long.
        recentred: its resamples are biased, so their distribution is moved to centre on the figure.
        least: its lowest value, where an interval ends.
        most: its highest value.
    """

    value: Callable[[Scored], float | None]
    applies: Callable[[ClassProfile], bool] = lambda profile: True
    resampled: Callable[[Scored], Statistic | None] | None = None
    recentred: bool = False
    least: float = float("-inf")
    most: float = float("inf")


def quantity_of(measure: Quantity) -> Quantity:
    """Return what people read of a measure, without what computes it."""
    return Quantity(**{field.name: getattr(measure, field.name) for field in fields(Quantity)})
