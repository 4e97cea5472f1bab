"""What is said of a search while it goes on: every step down of a model, and now and then how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tailtune.tuning.kept_trials import KeptTrials, Limits
from tailtune.tuning.result import Trial
from tailtune.tuning.table import in_words
from tailtune.words import NBSP, counted, duration

SELDOM = 30.0  # seconds between sentences on how far it is


@dataclass
class Told:
    """Says what has ended since the last look.

    Attributes:
        kept: all trials, also those of other processes.
        limits: of the search.
        say: is told a sentence.
        began: when the search began, by `time.monotonic`.
    """

    kept: KeptTrials
    limits: Limits
    say: Callable[[str], object]
    began: float
    seen: set[tuple[str, int]] = field(default_factory=set)
    lowest: dict[str, Trial] = field(default_factory=dict)
    said: float = 0.0

    def __post_init__(self) -> None:
        """Pass over in silence what a search that goes on had found before."""
        for trial in self.kept.trials():
            self._take(trial)
        self.said = time.monotonic()
        if self.seen:
            self.say(f"Going on from {counted(len(self.seen), 'trial', 'trials')}{self._best()}.")

    def look(self) -> None:
        """Say what is new."""
        for trial in self.kept.trials():
            known = (trial.search, trial.number) in self.seen
            lower = not known and self._take(trial)
            if lower:
                whose = "the lowest so far" if trial == self._lowest() else "its lowest so far"
                how = f" ({in_words(trial.settings)})" if trial.settings else ""
                self._tell(f"{trial.search}, {trial.origin} settings: loss {trial.loss:.4f}, {whose}{how}")
            elif not known and trial.state == "failed" and trial.origin == "default":
                self._tell(f"{trial.search} cannot be trained: {trial.why}")
        if time.monotonic() - self.said >= SELDOM:
            self._tell(f"{self._how_far()}{self._best()}.")

    def _tell(self, sentence: str) -> None:
        self.said = time.monotonic()
        self.say(sentence)

    def _take(self, trial: Trial) -> bool:
        """Take note of a trial; whether it is the best of its model so far."""
        self.seen.add((trial.search, trial.number))
        before = self.lowest.get(trial.search)
        if trial.loss is None or (before is not None and before.loss is not None and trial.loss >= before.loss):
            return False
        self.lowest[trial.search] = trial
        return True

    def _how_far(self) -> str:
        of = "" if self.limits.trials is None else f" of {self.limits.trials}"
        done = f"{len(self.seen)}{of} trials" if of else counted(len(self.seen), "trial", "trials")
        spent = duration(round(time.monotonic() - self.began)).replace(NBSP, " ")
        if self.limits.until is None:
            return f"{done} in {spent}"
        return f"{done} in {spent} of {duration(round(self.limits.until - self.began)).replace(NBSP, ' ')}"

    def _lowest(self) -> Trial | None:
        return min(self.lowest.values(), key=lambda trial: trial.loss or 0.0, default=None)

    def _best(self) -> str:
        best = self._lowest()
        return "" if best is None else f"; the best so far is {best.search} with a loss of {best.loss:.4f}"
