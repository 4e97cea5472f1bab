"""One training of a study: carried out in its own run folder, of which only what was asked for is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tailtune.analysis.analyses import FILE
from tailtune.analysis.study_columns import compute, lacks
from tailtune.data.opened import opened
from tailtune.errors import TailtuneError
from tailtune.run.execute import execute
from tailtune.run.finished import Finished
from tailtune.run.lock import alone
from tailtune.run.manifest import DONE, seal, seal_again
from tailtune.run.predictor import FILE as MODEL
from tailtune.run.trained_rows import FILE as ROWS
from tailtune.settings import Run
from tailtune.study.study import Keep

CHECKPOINT = "*.ckpt"


@dataclass(frozen=True)
class TrainingTask:
    """A training of a study, which may be carried out in any process.

    Attributes:
        key: its name in the study, see `config_hash`.
        run: everything resolved; ``run.out`` is its folder.
        dataset: the data set and ratio, for messages.
        arm: name of the arm.
        seed: number of the repetition.
        vary: what the seed changes.
        keep: what stays beside the figures.
        collect: figures of analyses that stand in the table, see `tailtune.analysis.study_columns`.
    """

    key: str
    run: Run
    dataset: str
    arm: str
    seed: int
    vary: str
    keep: Keep
    collect: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """For messages."""
        return f"{self.arm}, seed {self.seed}, on {self.dataset}"

    @property
    def folder(self) -> Path:
        """The run folder."""
        return Path(self.run.out)

    def done(self) -> bool:
        """Whether it is finished, with the analyses that are asked for."""
        return (self.folder / DONE).exists() and not lacks(self.folder, self.collect)

    def __call__(self) -> None:
        """Train, or go on with what another process began; evaluate, and mark the folder as done.

        Whatever goes wrong, and a signal, is raised as `execute` does.
        """
        with alone(self.folder):
            if (self.folder / DONE).exists():
                self._analyse_later()
            else:
                self._carry_out()

    def _analyse_later(self) -> None:
        """Look into a network that was trained before these figures were asked for.

        Raises:
            TailtuneError: it was not kept.
        """
        if not (self.folder / MODEL).exists():
            raise TailtuneError(
                f"{self.folder} was trained without {', '.join(self.collect)}, and its model was not kept: delete the "
                "folder to train it again, or leave --collect out"
            )
        compute(Finished(self.folder), self.collect)
        seal_again(self.folder, FILE)

    def _carry_out(self) -> None:
        finished = execute(self.run, resume=True, say=lambda sentence: None, dataset=opened(self.run), resamples=0)
        if finished is not None:
            compute(finished, self.collect)
        unwanted = [] if self.keep == "all" else list(self.folder.rglob(CHECKPOINT))
        if self.keep == "predictions":
            unwanted += [self.folder / MODEL, self.folder / ROWS]
        for path in unwanted:
            path.unlink(missing_ok=True)
        seal(self.folder)
