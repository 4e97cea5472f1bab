"""Where settings are searched: ranges, and what a trial draws of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Log:
    """Between `low` and `high`, uniform in the logarithm."""

    low: float
    high: float


@dataclass(frozen=True)
class Uniform:
    """Between `low` and `high`, uniform."""

    low: float
    high: float


@dataclass(frozen=True)
class Whole:
    """A whole number between `low` and `high`, both included, in steps of `step` from `low`."""

    low: int
    high: int
    step: int = 1


@dataclass(frozen=True)
class Choice:
    """One of `values`."""

    values: tuple[float | str | bool, ...]


@dataclass(frozen=True)
class Maybe:
    """Zero in half of the first trials, else of `range`: what the protocol of the tabular literature calls optional."""

    range: Log | Uniform


Range = Log | Uniform | Whole | Choice | Maybe
Space = dict[str, Range]
SWITCH = "?"  # behind the name of a setting that may be zero: whether it is not


def drawn(space: Space) -> dict[str, Log | Uniform | Whole | Choice]:
    """Return what a trial draws for `space`: a setting that may be zero is two draws, a switch and a value.

    >>> list(drawn({"dropout": Maybe(Uniform(0.0, 0.5))}))
    ['dropout?', 'dropout']
    """
    found: dict[str, Log | Uniform | Whole | Choice] = {}
    for name, range_ in space.items():
        if isinstance(range_, Maybe):
            found[name + SWITCH] = Choice((False, True))
            found[name] = range_.range
        else:
            found[name] = range_
    return found


def settings_of(draws: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that draws stand for.

    >>> settings_of({"dropout?": False, "dropout": 0.3, "lr": 0.1})
    {'dropout': 0.0, 'lr': 0.1}
    """
    return {
        name: value if draws.get(name + SWITCH, True) else 0.0
        for name, value in draws.items()
        if not name.endswith(SWITCH)
    }
