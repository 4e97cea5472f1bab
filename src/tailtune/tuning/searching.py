"""Making trials until time or number is up, in this process or in several beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tailtune.errors import TailtuneError
from tailtune.interrupt import Interrupted, interrupting
from tailtune.jobs.claims import Claims
from tailtune.jobs.engine import CLAIMS
from tailtune.jobs.workers import LocalCrew
from tailtune.profile import Floats
from tailtune.tuning.kept_trials import DEFAULT, Begun, KeptTrials, Limits, Sampler, place_of
from tailtune.tuning.parts import SearchRows
from tailtune.tuning.published import published
from tailtune.tuning.spaces import Search
from tailtune.tuning.trial import attempt, losses

ALIVE = 5.0  # minutes without a sign of life after which the trial of a process on another machine is taken up
LOOK = 1.0  # seconds between looks at what the others have ended


@dataclass(frozen=True, eq=False)
class Searching:
    """What one process does; it may be any process that sees the folder.

    Attributes:
        searches: what is searched.
        rows: of the trials.
        weights: of the classes in the loss [K], None for 1.
        folder: of the search.
        storage: Optuna storage URL; None for a journal in the folder.
        sampler: what proposes settings.
        limits: how long.
        longest: seconds that a trial may take; None for no limit.
        number: of the process among those of this command.
    """

    searches: tuple[Search, ...]
    rows: SearchRows
    weights: Floats | None
    folder: Path
    storage: str | None
    sampler: Sampler
    limits: Limits
    longest: float | None
    number: int = 0

    @property
    def key(self) -> str:
        """Its name among the processes of this command."""
        return f"search-{self.number}"

    @property
    def title(self) -> str:
        """For messages."""
        return f"search {self.number}"

    def done(self) -> bool:
        """Whether the search is over, which it finds out itself."""
        return False

    def kept(self) -> KeptTrials:
        """Open what all processes share."""
        first = {}
        for search in self.searches:
            known = published(search, self.rows.dataset) if self.rows.dataset.kind == "table" else None
            told = () if known is None else ((f"published: {known[0]}", known[1]),)
            first[search.name] = ((DEFAULT, {}), *told)
        return KeptTrials.open(self.searches, self.folder, self.storage, first)

    def __call__(self, look: Callable[[], object] = lambda: None) -> None:
        """Make trials; `look` is called after each.

        Raises:
            KeyboardInterrupt: a signal came; the trial that was under way is left to others.
            Interrupted: likewise.
        """
        kept = self.kept()
        with interrupting(), Claims(self.folder / CLAIMS, ALIVE) as claims:
            while (begun := kept.begin(self.limits, self.sampler, claims)) is not None:
                try:
                    self._make(kept, begun, claims)
                except (KeyboardInterrupt, Interrupted):
                    kept.put_back(begun, claims)
                    raise
                look()

    def _make(self, kept: KeptTrials, begun: Begun, claims: Claims) -> None:
        import optuna

        ends = [self.limits.until, None if self.longest is None else time.monotonic() + self.longest]
        until = min((end for end in ends if end is not None), default=None)
        try:
            made = attempt(begun.search.run(begun.settings), self.rows, begun.trial, until)
        except optuna.TrialPruned:
            kept.end(begun, claims, None)
        except TailtuneError as error:
            kept.end(begun, claims, None, " ".join(str(error).split()))
        else:
            made.write(place_of(self.folder, begun.search.name, begun.trial.number))
            kept.end(begun, claims, float(losses(made.choose, self.rows.chosen_by.targets, self.weights).mean()))


def side_by_side(
    searching: Searching, others: int, threads: int, gpus: tuple[str, ...], look: Callable[[], object]
) -> list[str]:
    """Search in this process, which can begin at once, and in others beside it; a line for each that failed.

    Raises:
        KeyboardInterrupt: a signal came; what was under way is left to a later search.
        Interrupted: likewise.
    """
    failures: list[str] = []
    with LocalCrew(others, threads, gpus) as crew:
        for number in range(1, others + 1):
            crew.give(replace(searching, number=number))
        try:
            searching(look)
            while crew.busy():
                failures += [failure for _, failure in crew.collect(LOOK) if failure is not None]
                look()
        except (KeyboardInterrupt, Interrupted):
            for _ in crew.stop():
                pass
            raise
    return failures
