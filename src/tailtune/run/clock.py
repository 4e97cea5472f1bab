"""What is left of --minutes, and how training, baselines and evaluation share it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tailtune.models.classical import LIBRARIES

MODEL, CLASSICAL, EVALUATION = 6.0, 1.5, 1.5  # shares of the time; erm is a network too
FEWEST_RESAMPLES = 50
LEAST = 0.1  # of the minutes is for what comes after reading, even if reading took them all
TRIED = 5  # resamples that are timed


@dataclass(frozen=True)
class Clock:
    """Divides the minutes of a run among what is still to be done, whenever it is asked.

    Attributes:
        end: when they are over, by `time.monotonic`; None where there is no limit.
        ahead: what is still to be trained, in this order: "model", then names of baselines.
        evaluation: seconds that the fewest resamples of the bootstrap take.
    """

    end: float | None
    ahead: tuple[str, ...]
    evaluation: float = 0.0

    @classmethod
    def started(cls, minutes: float | None, began: float, baselines: Sequence[str]) -> Clock:
        """Return the clock of a run that `began` then, by `time.monotonic`, and has read its data by now."""
        end = None if minutes is None else max(began + 60 * minutes, time.monotonic() + LEAST * 60 * minutes)
        return cls(end, ("model", *baselines))

    def until(self) -> float | None:
        """Return when the first of what is ahead should be done, by `time.monotonic`; None for no limit."""
        if self.end is None:
            return None
        now = time.monotonic()
        shares = [_share(name) for name in self.ahead]
        left = max(0.0, self.end - now)
        kept = max(left * EVALUATION / (sum(shares) + EVALUATION), min(self.evaluation, left / 2))
        return now + (left - kept) * shares[0] / (sum(shares) or 1.0)

    def after(self) -> Clock:
        """Return the clock when the first of what is ahead is done."""
        return replace(self, ahead=self.ahead[1:])

    def keeping(self, systems: int, bootstrap: Callable[[int], object]) -> Clock:
        """Return the clock that keeps time for the fewest resamples, up to half of what is left; see `resamples`."""
        return self if self.end is None else replace(self, evaluation=FEWEST_RESAMPLES * _timed(systems, bootstrap))

    def resamples(self, most: int, systems: int, bootstrap: Callable[[int], object]) -> int:
        """Return how many resamples of the bootstrap there is time for, at least 50 and at most `most`.

        Args:
            most: where time is no object; 0 stays 0.
            systems: the model and the baselines, each of which is also compared with the model.
            bootstrap: resamples the figures of one system so many times.
        """
        if self.end is None or most <= FEWEST_RESAMPLES:
            return most
        each = _timed(systems, bootstrap)
        return min(most, max(FEWEST_RESAMPLES, int((self.end - time.monotonic()) / each)))


def late(minutes: float | None, read: float) -> tuple[str, ...]:
    """Return a sentence if reading took so many seconds that hardly any of the minutes are left.

    >>> late(2.0, 150.0)
    ('Reading took 150 s of --minutes 2: what follows takes 12 s more at least, in which little can be learnt.',)
    """
    if minutes is None or read <= (1 - LEAST) * 60 * minutes:
        return ()
    return (
        f"Reading took {read:.0f} s of --minutes {minutes:g}: what follows takes {LEAST * 60 * minutes:.0f} s more at "
        "least, in which little can be learnt.",
    )


def _timed(systems: int, bootstrap: Callable[[int], object]) -> float:
    """Seconds that a resample of all systems takes, each alone and, at twice the time and more, beside the model."""
    began = time.monotonic()
    bootstrap(TRIED)
    return max(1e-9, (time.monotonic() - began) / TRIED) * 4 * systems


def _share(name: str) -> float:
    if name == "majority":
        return 0.0
    return CLASSICAL if name in LIBRARIES else MODEL
