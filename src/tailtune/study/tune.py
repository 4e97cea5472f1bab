"""The same number of trials for every arm, which choose its rates and own settings on validation rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tailtune.data.opened import opened
from tailtune.errors import TailtuneError
from tailtune.evaluation.measures import BY_KEY, MEASURES
from tailtune.evaluation.measures.balanced_accuracy import balanced_accuracy
from tailtune.evaluation.metrics import scores
from tailtune.evaluation.scored import scored
from tailtune.files import write_whole
from tailtune.methods.method import Method
from tailtune.methods.resolve import find
from tailtune.methods.search import Choice, Log, Space, Uniform, Whole, drawn
from tailtune.named_settings import parse
from tailtune.run.hashing import config_hash
from tailtune.run.learners import fit_model, learner_of
from tailtune.run.result import to_json
from tailtune.settings import Run
from tailtune.study.plan import Problem, rows_of, tuned_run
from tailtune.study.results import Scalar, Search, Trial
from tailtune.study.study import Study
from tailtune.training.device import processor_threads

if TYPE_CHECKING:
    import optuna

FOLDER = "tuning"
STARTUP = 10  # random trials before the estimator of Parzen trees begins, as by optuna's default


@dataclass(frozen=True)
class Tuning:
    """The trials of one arm on one data set; they may be made in any process.

    Attributes:
        key: its name in the study.
        run: everything resolved; ``run.out`` is not looked at.
        dataset: the data set and ratio, for messages.
        arm: name of the arm.
        trials: how many.
        path: file that holds the trials.
        space: where they search.
    """

    key: str
    run: Run
    dataset: str
    arm: str
    trials: int
    path: Path
    space: Space

    @property
    def title(self) -> str:
        """For messages."""
        return f"{self.trials} trials of {self.arm} on {self.dataset}"

    def done(self) -> bool:
        """Whether there are enough trials."""
        return len(self._made()) >= self.trials

    def summary(self) -> Search:
        """What results.json says: the trials within the budget, and the best settings."""
        return Search(self.dataset, self.arm, score_of(self.run), tuple(self._made()[: self.trials]), self.best())

    def best(self) -> dict[str, Scalar]:
        """The settings of the best trial; the first one, which has the defaults, where all failed."""
        made = self._made()[: self.trials]
        scored = [(trial.score, trial) for trial in made if trial.score is not None]
        return dict(max(scored, key=lambda pair: pair[0])[1].settings) if scored else {}

    def __call__(self) -> None:
        """Make the trials that are missing. The file is written after each, so that a stopped search goes on.

        Trial 0 has the settings that the method would have without a search. The others are proposed by optuna's
        estimator of Parzen trees, from a generator seeded by the number of the trial.
        """
        trials = self._made()
        while len(trials) < self.trials:
            settings = self._proposed(trials)
            try:
                trials.append(Trial(settings, self._score(settings), None))
            except TailtuneError as error:  # such as a learning rate that is too high
                trials.append(Trial(settings, None, " ".join(str(error).split())))
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, to_json(Search(self.dataset, self.arm, score_of(self.run), tuple(trials), {})))

    def _made(self) -> list[Trial]:
        import msgspec

        if not self.path.is_file():
            return []
        try:
            return list(msgspec.json.decode(self.path.read_bytes(), type=Search).trials)
        except (OSError, msgspec.MsgspecError) as error:
            raise TailtuneError(f"{self.path} cannot be read ({error}); delete it to tune anew") from error

    def _score(self, settings: dict[str, Scalar]) -> float:
        """Train on the training rows and score the validation rows; the test rows are not looked at.

        Raises:
            TailtuneError: a training that fails.
        """
        run = tuned_run(self.run, settings)
        dataset = opened(_holding_back(run))
        assert dataset.val is not None
        # weights are chosen as in the trainings to come, but the validation rows stay out of a refit
        fitted = fit_model(replace(run, selection="last" if run.selection == "last" else "validation"), dataset)
        assert fitted is not None
        with processor_threads(run.threads):
            found = fitted.predictor.probabilities(dataset.val.inputs)
        answers = fitted.predictor.answers(found, dataset.val.amounts)
        (measure,) = (each for each in MEASURES if each.key == score_of(run))
        rows = scored(dataset.val.targets.numpy(), found, dataset.profile, answers, dataset.val.weights)
        value = scores(rows, [measure])[measure.key]
        assert value is not None  # a validation part has rows
        return value * (1.0 if measure.higher_is_better else -1.0)

    def _proposed(self, trials: list[Trial]) -> dict[str, Scalar]:
        import optuna

        if not trials:
            return {}
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        distributions = {name: distribution(range_) for name, range_ in drawn(self.space).items()}
        startup = min(STARTUP, 1 + self.trials // 3)
        sampler = optuna.samplers.TPESampler(n_startup_trials=startup, seed=len(trials))
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for trial in trials[1:]:
            state = optuna.trial.TrialState.FAIL if trial.score is None else optuna.trial.TrialState.COMPLETE
            study.add_trial(
                optuna.trial.create_trial(
                    state=state, params=dict(trial.settings), distributions=distributions, value=trial.score
                )
            )
        return dict(study.ask(distributions).params)


def score_of(run: Run) -> str:
    """Return the measure that chooses settings: the objective where it is a measure, else balanced accuracy."""
    objective = run.objective or ""
    return objective if objective in BY_KEY and objective != "auprc" else balanced_accuracy.key


def tunings(study: Study, found: list[Problem]) -> list[Tuning]:
    """Return the searches of a study, one for each arm on each data set; none if no trials are asked for.

    Raises:
        TailtuneError: trees, which have none of the settings, no validation rows, or a SEARCH that makes no sense.
    """
    listed, asked = [], {arm.name: dict(arm.search) for arm in study.arms}
    for problem in found if study.tune_trials else ():
        for name, run in problem.arms.items():
            if not asked[name] and not learner_of(run.model).space(run):
                raise TailtuneError(f"--tune-trials searches settings of networks, and {run.model} has none of them")
            if opened(_holding_back(run)).val is None:
                raise TailtuneError(f"{problem.name} has no validation rows to tune on; use a larger --val-fraction")
            space = asked[name] or space_of(run)
            purpose = f"{FOLDER} by {score_of(run)}" + (f" in {space}" if asked[name] else "")
            key = config_hash(run, rows_of(run), purpose)
            plain = re.sub(r"[^A-Za-z0-9_.=-]+", "_", f"{problem.name}-{name}").strip("_")[:80]
            path = Path(study.out) / FOLDER / f"{plain}-{key[:8]}.json"
            listed.append(Tuning(key, run, problem.name, name, study.tune_trials, path, space))
    return listed


def _holding_back(run: Run) -> Run:
    return replace(run, selection="validation") if run.selection == "last" else run


def space_of(run: Run) -> Space:
    """Return what is searched: lr and weight decay around those of `run`, and what the method's SEARCH declares.

    Settings that the user wrote in the method's parentheses are not searched.

    Raises:
        TailtuneError: a SEARCH that names lr or weight_decay.
    """
    shared = learner_of(run.model).space(run)
    own = {name: range_ for name, range_ in declared(str(run.method)).items() if name not in parse(str(run.method))[1]}
    if own.keys() & shared.keys():
        raise TailtuneError(f"SEARCH of {run.method} must not name lr and weight_decay, which are searched anyway")
    return shared | own


def declared(name: str) -> Space:
    """Return the constant SEARCH of the module in which the method lives; empty where there is none."""
    function: Callable[..., Method] = find(name)
    inner = getattr(function, "func", function)  # of a partial, which holds settings
    space: Space = getattr(inner, "__globals__", {}).get("SEARCH", {})
    return space


def distribution(range_: Log | Uniform | Whole | Choice) -> optuna.distributions.BaseDistribution:
    """Return a range as Optuna has it."""
    import optuna

    if isinstance(range_, Choice):
        return optuna.distributions.CategoricalDistribution(range_.values)
    if isinstance(range_, Whole):
        return optuna.distributions.IntDistribution(range_.low, range_.high, step=range_.step)
    return optuna.distributions.FloatDistribution(range_.low, range_.high, log=isinstance(range_, Log))
