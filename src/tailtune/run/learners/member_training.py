"""One training of a member of a portfolio: in this process, or in another one that leaves it in a folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tailtune.data.dataset import Dataset
from tailtune.run.learner import Fitted, Job, Learner
from tailtune.run.learners.kept import keep, kept
from tailtune.run.manifest import DONE
from tailtune.settings import Resolved, Run
from tailtune.training.device import processor_threads


@dataclass(frozen=True, eq=False)
class MemberTraining:
    """A training of a model on the rows that it may see.

    Attributes:
        learner_of: finds the model's learner by its name.
        run: of the portfolio, with the model's name.
        dataset: `val` is what it does not see, or None.
        title: for messages.
        place: folder of its own, or None where nothing is written.
        until: when all trainings are to be done, by `time.monotonic`; None for no limit.
        share: of the time that is left when it begins, in another process.
    """

    learner_of: Callable[[str], Learner]
    run: Resolved
    dataset: Dataset
    title: str
    place: Path | None
    until: float | None = None
    share: float = 1.0

    @property
    def key(self) -> str:
        """Its name among those of the portfolio."""
        return str(self.place)

    def done(self) -> bool:
        """Whether it is finished."""
        return self.place is not None and (self.place / DONE).exists()

    def __call__(self) -> None:
        """Train in a process of its own, or go on with what was begun there."""
        until = None
        if self.until is not None:
            until = time.monotonic() + self.share * max(0.0, self.until - time.monotonic())
        with processor_threads(self.run.threads):
            self.fitted(until, Job(resume=True))

    def fitted(self, until: float | None, job: Job) -> Fitted:
        """Return the trained model; where there is a folder, it is read from there, or kept there for later.

        Args:
            until: when it is to be done, by `time.monotonic`.
            job: whether to go on with what is in the folder, and who watches.

        Raises:
            TailtuneError: the model cannot be trained on these rows.
        """
        one = None if self.place is None or not job.resume else kept(self.place)
        if one is None:
            if self.place is not None:
                self.place.mkdir(parents=True, exist_ok=True)
            run, learner = self._settled(until), self.learner_of(self.run.model)
            one = learner.fit(run, self.dataset, replace(job, folder=self.place, until=until, forecast=None))
            assert one is not None  # a portfolio is trained by one process
            if self.place is not None:
                keep(self.place, one)
        return one

    def _settled(self, until: float | None) -> Resolved:
        run, learner = self.run, self.learner_of(self.run.model)
        if not learner.network:
            plain = Run(run.data)
            run = replace(run, method="erm", **{name: getattr(plain, name) for name in learner.lacks})
        if until is not None:  # so that networks fit into it
            run = replace(run, minutes=run.minutes or (until - time.monotonic()) / 60)
        return run if self.dataset.val is not None or run.selection == "last" else replace(run, selection="last")
