"""`Learner`: what trains a model, as everything outside of it sees it; networks are one, trees another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tailtune.data.dataset import Dataset
from tailtune.decision.use import Asked, HeldOut
from tailtune.methods.search import Space
from tailtune.profile import Floats
from tailtune.run.decide import Decided
from tailtune.run.predictor import Predictor
from tailtune.run.result import TrainingRecord
from tailtune.settings import Resolved, Run
from tailtune.training.observer import Observer

Watch = Callable[[], AbstractContextManager[Observer | None]]


class Apart(Protocol):
    """A training that can be carried out in another process, which writes what comes out into a folder."""

    @property
    def key(self) -> str:
        """Its name among those of the run."""
        ...

    @property
    def title(self) -> str:
        """For messages."""
        ...

    def done(self) -> bool:
        """Whether what came out is there."""
        ...

    def __call__(self) -> None:
        """Train, or go on with what was begun."""
        ...


class Together(Protocol):
    """Carries out several trainings at a time in other processes."""

    def room(self, threads: int, memory: float, trainings: int) -> int:
        """Return how many at a time, if each takes so many processor threads and bytes of memory."""
        ...

    def __call__(self, trainings: Sequence[Apart], at_a_time: int, threads: int) -> None:
        """Carry out `trainings` as far as they succeed; one that fails is left as it is.

        Raises:
            Interrupted: stopped by a signal.
        """
        ...


@dataclass(frozen=True)
class Job:
    """How a training is carried out, which has no effect on what comes out but for `mirrors`.

    Attributes:
        folder: for run.yaml, checkpoints and metrics; nothing is written when None.
        resume: go on from the checkpoint in `folder`, if there is one.
        watch: opens an observer of the training.
        until: the time, by `time.monotonic`, that training is to end by; None for no limit.
        asked: the run as a person asked for it, for run.yaml; None for the run that is fitted.
        forecast: is told before training, in a sentence each, what was chosen, how long it takes and what would be
            faster; None times nothing.
        together: who carries out several trainings at a time, if there are several; None for this process alone.
        mirrors: whether to find out if mirrored pictures keep their class, where nobody has said so.
    """

    folder: Path | None = None
    resume: bool = False
    watch: Watch = nullcontext
    until: float | None = None
    asked: Run | None = None
    forecast: Callable[[str], object] | None = None
    together: Together | None = None
    mirrors: bool = False


@dataclass(frozen=True)
class Fitted:
    """A trained model and how it came about.

    Attributes:
        predictor: the model, ready for new rows.
        run: the configuration with everything resolved.
        training: how it was trained.
        implied: class balance [K] that its probabilities belong to.
        asked: what the run wants of its scores; None until that is fitted.
        decided: what was made of them; likewise.
        held_out: scores of the validation rows, on which the model (after a refit: the one before) was not trained;
            None where there are no such rows.
        leftovers: a folder from which an interrupted run would have gone on, to be removed when the model is saved.
    """

    predictor: Predictor
    run: Resolved
    training: TrainingRecord
    implied: Floats
    held_out: HeldOut | None = None
    asked: Asked | None = None
    decided: Decided | None = None
    leftovers: Path | None = None


@dataclass(frozen=True)
class Price:
    """What one training takes: seconds, and bytes on disk of the model and of the checkpoint that may be kept."""

    seconds: float
    model_bytes: int = 0
    checkpoint_bytes: int = 0


@dataclass(frozen=True)
class Learner:
    """A way to train a model on a `Dataset`.

    Attributes:
        label: for tables and legends, where the method alone does not name the system.
        method: name of the method that a run has where none was asked for.
        fit: ``(run with a model, dataset, job) -> Fitted``, or None in the processes of a data-parallel run that are
            not the first. What it cannot take is a TailtuneError.
        share: ``(run, dataset) -> run`` with everything settled that all methods of a comparison share; hears at once
            what the model cannot take.
        threads: ``dataset -> count`` of processor threads, from the data alone, see `choose_threads`.
        price: ``(run of a comparison, dataset) -> Price``, from a short trial.
        space: ``run -> settings`` that a search may vary besides those of the method; empty where there are none.
        summary: ``run -> words`` on what `share` settled.
        title: ``run -> name`` of the system in tables and legends.
        minutes: ``dataset -> budget`` for training that is taken where the run has none; None for no limit.
        lacks: fields of `Run` that have no meaning here, so that setting one is refused.
        network: whether it trains one network.
    """

    label: str
    method: str
    fit: Callable[[Run, Dataset, Job], Fitted | None]
    share: Callable[[Run, Dataset], Run]
    threads: Callable[[Dataset], int]
    price: Callable[[Run, Dataset], Price]
    space: Callable[[Run], Space]
    summary: Callable[[Run], str]
    title: Callable[[Resolved], str] = lambda run: f"{run.method} ({run.model})"
    minutes: Callable[[Dataset], float | None] = lambda dataset: None
    lacks: tuple[str, ...] = ()
    network: bool = False
