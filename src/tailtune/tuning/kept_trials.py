"""The trials of a search in Optuna's storage, which several processes share: proposed, claimed, ended, made anew."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tailtune.jobs.claims import Claims
from tailtune.methods.search import settings_of
from tailtune.tuning.result import Trial
from tailtune.tuning.spaces import Search, distributions

if TYPE_CHECKING:
    import optuna

Sampler = Literal["tpe", "gp"]
JOURNAL, TRIALS, LOCK = "journal.log", "trials", ".proposing"
DEFAULT, PROPOSED = "default", "proposed"
RANDOM = 5  # trials of a search that are drawn at random before proposals begin, first trials among them
DEATHS = 2  # of processes at one trial, after which it is left
DIED = f"the processes that were at it were killed, {DEATHS} times; perhaps the memory ran out"


@dataclass(frozen=True)
class Limits:
    """How long to search.

    Attributes:
        until: when the search is over, by `time.monotonic`; None for no limit of time.
        trials: of all searches together; None for no limit of number.
    """

    until: float | None
    trials: int | None

    def over(self, begun: int) -> bool:
        """Whether no further trial begins."""
        late = self.until is not None and time.monotonic() >= self.until
        return late or (self.trials is not None and begun >= self.trials)


@dataclass(frozen=True)
class Begun:
    """A trial that this process is to make.

    Attributes:
        search: what it belongs to.
        trial: as Optuna has it.
        settings: what differs from the default.
        origin: see `tailtune.tuning.result.Trial`.
    """

    search: Search
    trial: optuna.Trial
    settings: Mapping[str, Any]
    origin: str

    @property
    def key(self) -> str:
        """Its name among all trials of the folder."""
        return key_of(self.search.name, self.trial.number)


@dataclass(frozen=True)
class KeptTrials:
    """All trials of the searches in one folder.

    Attributes:
        searches: what is searched.
        studies: of each, by its name.
        folder: of the search.
    """

    searches: tuple[Search, ...]
    studies: Mapping[str, optuna.Study]
    folder: Path

    @classmethod
    def open(
        cls,
        searches: tuple[Search, ...],
        folder: Path,
        storage: str | None,
        first: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]],
    ) -> KeptTrials:
        """Open the trials in `storage`, or in a journal in `folder`, or make a beginning.

        Args:
            searches: what is searched.
            folder: of the search.
            storage: Optuna storage URL; None for a journal.
            first: origin and settings of the trials that each search begins with.
        """
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        kept: Any = storage or JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
        studies = {}
        with _alone(folder):
            for search in searches:
                study = optuna.create_study(
                    study_name=search.name if storage is None else f"{folder.resolve()}: {search.name}",
                    storage=kept,
                    pruner=optuna.pruners.HyperbandPruner(min_resource=3),
                    load_if_exists=True,
                )
                studies[search.name] = study
                for origin, settings in () if study.get_trials(deepcopy=False) else first[search.name]:
                    about = {"origin": origin, "settings": dict(settings)}
                    study.enqueue_trial(search.point(settings), user_attrs=about)
        return cls(searches, studies, folder)

    def begin(self, limits: Limits, sampler: Sampler, claims: Claims) -> Begun | None:
        """Claim a trial of the model that has had the least time so far; None where the search is over.

        Proposals come from a generator seeded by the number of the trial, and are made by one process at a time.
        """
        with _alone(self.folder):
            self._take_up(claims)
            if limits.over(len(self._listed())):
                return None
            search = min(self.searches, key=self._spent)
            study = self.studies[search.name]
            study.sampler = _sampler(sampler, search.start.seed, len(study.get_trials(deepcopy=False)))
            trial = study.ask(distributions(search.space))
            about = trial.user_attrs
            settings = about.get("settings", settings_of(trial.params))
            begun = Begun(search, trial, settings, about.get("origin", PROPOSED))
            claims.take(begun.key)
        return begun

    def end(self, begun: Begun, claims: Claims, loss: float | None, why: str | None = None) -> None:
        """Keep what came of a trial: its loss, or else why it failed, or neither where it was given up."""
        import optuna

        study = self.studies[begun.search.name]
        if why is not None:
            begun.trial.set_user_attr("why", why)
        if loss is not None:
            study.tell(begun.trial, loss)
        else:
            state = optuna.trial.TrialState.PRUNED if why is None else optuna.trial.TrialState.FAIL
            study.tell(begun.trial, state=state)
        claims.finish(begun.key)

    def put_back(self, begun: Begun, claims: Claims) -> None:
        """Let the trial be made anew, because this process was told to stop."""
        about = begun.trial.user_attrs
        begun.trial.set_user_attr("stopped", True)
        self._again(begun.search.name, begun.trial, about)
        claims.finish(begun.key)

    def trials(self) -> list[Trial]:
        """Return the trials that have ended, in the order in which they did."""
        ended = [pair for pair in self._listed() if pair[1].state.is_finished()]
        return [_trial(name, trial) for name, trial in sorted(ended, key=lambda pair: str(pair[1].datetime_complete))]

    def _listed(self) -> list[tuple[str, optuna.trial.FrozenTrial]]:
        """The trials that have begun, without those that are made anew."""
        every = [(name, trial) for name, study in self.studies.items() for trial in study.get_trials(deepcopy=False)]
        return [(name, trial) for name, trial in every if trial.datetime_start and not _is_made_anew(trial)]

    def _spent(self, search: Search) -> tuple[bool, float]:
        """Whether trials of a search have begun, and the seconds that these have taken."""
        begun = [trial for name, trial in self._listed() if name == search.name]
        spans = [(trial.datetime_complete or datetime.now()) - trial.datetime_start for trial in begun]
        return bool(begun), sum(span.total_seconds() for span in spans)

    def _take_up(self, claims: Claims) -> None:
        """Let the trials of processes that are no more be made anew, unless they ended several processes."""
        import optuna

        for name, study in self.studies.items():
            for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
                key, deaths = key_of(name, trial.number), trial.user_attrs.get("deaths", 0) + 1
                if claims.take(key):
                    self._again(name, trial, {**trial.user_attrs, "deaths": deaths} if deaths < DEATHS else None)
                    claims.finish(key)

    def _again(
        self, name: str, trial: optuna.Trial | optuna.trial.FrozenTrial, about: Mapping[str, Any] | None
    ) -> None:
        import optuna

        self.studies[name].tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if about is not None:
            self.studies[name].enqueue_trial(trial.params, user_attrs=dict(about))


def _is_made_anew(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether a trial did not come to an end, and another one has its settings."""
    about = trial.user_attrs
    unfinished = trial.state.name == "FAIL" and "why" not in about
    return unfinished and ("stopped" in about or about.get("deaths", 0) + 1 < DEATHS)


def _sampler(kind: Sampler, seed: int, number: int) -> optuna.samplers.BaseSampler:
    import optuna

    drawn = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some arguments are experimental
        if kind == "gp":
            return optuna.samplers.GPSampler(seed=drawn, n_startup_trials=RANDOM)
        return optuna.samplers.TPESampler(seed=drawn, multivariate=True, n_startup_trials=RANDOM, constant_liar=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from proposing, which takes a moment."""
    from filelock import FileLock

    with FileLock(folder / LOCK):
        yield


def key_of(name: str, number: int) -> str:
    """Return the name of a trial among all of its folder, fit for a file."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)[:60]
    return f"{plain}-{number}"


def place_of(folder: Path, name: str, number: int) -> Path:
    """Return the file that holds what a trial made of the rows."""
    return folder / TRIALS / f"{key_of(name, number)}.npz"


def _trial(name: str, trial: optuna.trial.FrozenTrial) -> Trial:
    state: Literal["complete", "pruned", "failed"]
    state = {"COMPLETE": "complete", "PRUNED": "pruned"}.get(trial.state.name, "failed")  # type: ignore[assignment]
    about = trial.user_attrs
    return Trial(
        search=name,
        number=trial.number,
        origin=about.get("origin", PROPOSED),
        settings=about.get("settings", settings_of(trial.params)),
        loss=trial.value if state == "complete" else None,
        seconds=0.0 if trial.duration is None else round(trial.duration.total_seconds(), 2),
        state=state,
        why=about.get("why", DIED) if state == "failed" else None,
    )
