"""What is left of --minutes, and how training, baselines and evaluation share it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tailtune.models.classical import LIBRARIES

MODEL, CLASSICAL, EVALUATION = 6.0, 1.5, 1.5  # shares of the time; erm is a network too
FEWEST_RESAMPLES = 50


@dataclass(frozen=True)
class Clock:
    """Divides the minutes of a run among what is still to be done, whenever it is asked.

    Attributes:
        end: when they are over, by `time.monotonic`; None where there is no limit.
        ahead: what is still to be trained, in this order: "model", then names of baselines.
    """

    end: float | None
    ahead: tuple[str, ...]

    @classmethod
    def started(cls, minutes: float | None, began: float, baselines: Sequence[str]) -> Clock:
        """Return the clock of a run that `began` then, by `time.monotonic`."""
        return cls(None if minutes is None else began + 60 * minutes, ("model", *baselines))

    def until(self) -> float | None:
        """Return when the first of what is ahead should be done, by `time.monotonic`; None for no limit."""
        if self.end is None:
            return None
        now = time.monotonic()
        shares = [_share(name) for name in self.ahead]
        return now + max(0.0, self.end - now) * shares[0] / (sum(shares) + EVALUATION)

    def after(self) -> Clock:
        """Return the clock when the first of what is ahead is done."""
        return replace(self, ahead=self.ahead[1:])

    def resamples(self, most: int, systems: int, bootstrap: Callable[[int], object]) -> int:
        """Return how many resamples of the bootstrap there is time for, at least 50 and at most `most`.

        Args:
            most: where time is no object; 0 stays 0.
            systems: the model and the baselines, each of which is also compared with the model.
            bootstrap: resamples the figures of one system so many times.
        """
        if self.end is None or most <= FEWEST_RESAMPLES:
            return most
        began, tried = time.monotonic(), 5
        bootstrap(tried)
        now = time.monotonic()
        each = max(1e-9, (now - began) / tried) * (1 + 3 * (systems - 1))  # a pair costs two and is drawn beside one
        return min(most, max(FEWEST_RESAMPLES, int((self.end - now) / each)))


def _share(name: str) -> float:
    if name == "majority":
        return 0.0
    return CLASSICAL if name in LIBRARIES else MODEL
