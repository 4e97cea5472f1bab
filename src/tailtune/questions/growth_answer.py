"""What a study of growth says: a few rows of one class against ten times as many of the largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailtune.paper.classes import cell
from tailtune.paper.page import Table
from tailtune.questions.growth_figure import Curve, curves
from tailtune.questions.power_law import Floats, PowerLaws, Worth, power_laws, resampled_means, worth
from tailtune.questions.question import Answer, Row, short_name
from tailtune.words import quoted, signed

TIMES = 10  # rows of the largest class against one of the other


@dataclass(frozen=True)
class Grown:
    """A class and its losses.

    Attributes:
        name: of the class.
        rows: numbers of its rows [P], rising; the last is all of them.
        seeds: that have every number.
        losses: by part and whose loss it is, such as "test_all" [S, P].
    """

    name: str
    rows: Floats
    seeds: tuple[int, ...]
    losses: dict[str, Floats]

    @property
    def all(self) -> int:
        """How many rows there are."""
        return int(self.rows[-1])

    def fitted(self, of: str) -> PowerLaws:
        """The curve through the means over seeds."""
        return power_laws(self.rows, self.losses[of].mean(axis=0))

    def gain(self, of: str, more: int) -> float:
        """What so many more rows lower the loss by."""
        found = self.fitted(of)
        return float((found.at(self.all) - found.at(self.all + more))[0])

    def gains(self, of: str, more: int) -> Floats:
        """The same from resampled seeds."""
        found = power_laws(self.rows, resampled_means(self.losses[of]))
        return found.at(self.all) - found.at(self.all + more)

    def worth(self, of: str, more: int) -> Worth:
        """The same with its interval."""
        return worth(self.gain(of, more), self.gains(of, more), len(self.seeds))


def answer(rows: Sequence[Row]) -> Answer:
    """Return whether further rows of the class that promises most on validation rows are worth more on test rows than
    ten times as many of the largest class.
    """
    grown = [made for name in dict.fromkeys(str(row["class"]) for row in rows) if (made := _grown(rows, name))]
    largest = next((str(row["class"]) for row in rows if row["largest"]), None)
    head = next((each for each in grown if each.name == largest), None)
    others = [each for each in grown if each.name != largest]
    if head is None or not others:
        return Answer("The data cannot tell yet: no seed has all parts of the largest class and of another.", (), {})
    more = {each.name: rounded(min(each.all, head.all / TIMES)) for each in others}
    best = max(others, key=lambda each: each.gain("validation_all", more[each.name]))
    few, many = more[best.name], TIMES * more[best.name]
    drawn = [Curve(each.name, each.rows, each.losses["test_own"], each.losses["test_all"]) for each in grown]
    table = Table(
        "Log loss on test rows with the class priors off, mean ± standard error over seeds: of the class itself and of "
        "all classes alike, trained on all rows; then what further rows of the class are expected to lower them by, "
        "with 95 % intervals by a bootstrap over seeds. A curve tells of up to twice the rows that there are.",
        ("class", "rows", "own log loss", "all classes", "further rows", "lower its own by", "lower all by"),
        tuple(_line(each, more.get(each.name, few * TIMES)) for each in grown),
    )
    return Answer(
        _sentence(short_name(rows[0]["dataset"]), best, head, few, many),
        (table,),
        {"growth": curves(drawn, "growth", "Log loss by the number of rows of one class")},
    )


def _sentence(data: str, best: Grown, head: Grown, few: int, many: int) -> str:
    one, other = best.gain("test_all", few), head.gain("test_all", many)
    shared = len(best.seeds) if best.seeds == head.seeds else 1
    found = worth(one - other, best.gains("test_all", few) - head.gains("test_all", many), shared)
    rare, frequent = f"{few} more rows of {quoted(best.name)}", f"{many} of {quoted(head.name)}"
    amounts = f"they lower log loss by {signed(one, 4)} against {signed(other, 4)}"
    if found.interval is None:
        return f"The data cannot tell: on {data} one seed gives no interval; by it, {rare} and {frequent}: {amounts}."
    low, high = (signed(end, 4) for end in found.interval)
    told = f"{amounts}, a difference of {signed(found.mean, 4)} [{low}, {high}]"
    if found.interval[0] > 0:
        return f"On {data}, {rare} are worth more than {frequent}: {told}."
    if found.interval[1] < 0:
        return f"On {data}, {rare} are worth less than {frequent}: {told}."
    return f"The data cannot tell whether on {data} {rare} are worth more than {frequent}: {told}."


def rounded(amount: float) -> int:
    """Round down to one digit, at least 1.

    >>> rounded(43.7), rounded(0.5), rounded(1999)
    (40, 1, 1000)
    """
    whole = max(1, int(amount))
    power = int(10 ** (len(str(whole)) - 1))
    return whole // power * power


def _line(each: Grown, more: int) -> tuple[str, ...]:
    own, everyone = (each.losses[f"test_{of}"][:, -1].tolist() for of in ("own", "all"))
    return (
        each.name,
        str(each.all),
        cell(own, 1.0, 4),
        cell(everyone, 1.0, 4),
        f"+{more}",
        _told(each.worth("test_own", more)),
        _told(each.worth("test_all", more)),
    )


def _told(found: Worth) -> str:
    mean = signed(found.mean, 4)
    return (
        mean if found.interval is None else f"{mean} [{signed(found.interval[0], 4)}, {signed(found.interval[1], 4)}]"
    )


def _grown(rows: Sequence[Row], name: str) -> Grown | None:
    """The losses of a class over the seeds that have all of its numbers of rows; None without such or with too few."""
    own = [row for row in rows if row["class"] == name]
    places = sorted({int(row["rows"]) for row in own})
    by_place = {(int(row["seed"]), int(row["rows"])): row for row in own}
    seeds = tuple(
        seed for seed in sorted({int(row["seed"]) for row in own}) if all((seed, n) in by_place for n in places)
    )
    if not seeds or len(places) < 3:
        return None
    keys = [f"{part}_{of}" for part in ("validation", "test") for of in ("own", "all")]
    losses = {key: np.array([[float(by_place[seed, n][key]) for n in places] for seed in seeds]) for key in keys}
    return Grown(name, np.array(places, dtype=np.float64), seeds, losses)
