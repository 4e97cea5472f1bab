"""`tune`: a search over the whole pipeline, judged by rows that did not choose, and then the final run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.data.dataset import Dataset
from tailtune.data.fingerprint import fingerprint
from tailtune.data.open import open_dataset
from tailtune.decision.blend import blend
from tailtune.errors import TailtuneError
from tailtune.files import write_whole
from tailtune.fit import fit
from tailtune.profile import Floats
from tailtune.run.environment import command, machine, versions
from tailtune.run.execute import check_run
from tailtune.run.folder import DATA, check_data, check_folder, is_begun, write_run
from tailtune.run.learner import Watch
from tailtune.run.manifest import DONE
from tailtune.run.result import to_json
from tailtune.settings import Run
from tailtune.tuning.importance import importances
from tailtune.tuning.parts import for_search
from tailtune.tuning.result import FILE, SCHEMA, Judged, Trial, TuningResult
from tailtune.tuning.spaces import Search, distributions, searches
from tailtune.tuning.trial import Made, attempt, losses

if TYPE_CHECKING:
    import optuna

MINUTES = 10.0  # where neither minutes nor trials are asked for
SEARCHING = 0.6  # of the minutes; the rest is for the final run
LONGEST = 0.25  # of the time for searching, that one trial may take
JOURNAL, TRIALS = "journal.log", "trials"
NETWORK_FIELDS = ("lr", "weight_decay", "batch_size", "ema")


@dataclass(frozen=True)
class Limits:
    """How long to search.

    Attributes:
        until: when the search is over, by `time.monotonic`; None for no limit of time.
        trials: of all searches together; None for no limit of number.
    """

    until: float | None
    trials: int | None

    def over(self, done: int) -> bool:
        """Whether no further trial begins."""
        late = self.until is not None and time.monotonic() >= self.until
        return late or (self.trials is not None and done >= self.trials)


def tune(
    run: Run,
    *,
    trials: int | None = None,
    storage: str | None = None,
    seeds: int = 1,
    say: Callable[[str], object] = print,
    watch: Watch = nullcontext,
) -> TuningResult:
    """Search settings for `run`, judge the best by rows that chose nothing, and make the final runs.

    The test rows are looked at by the final runs alone. Trials that are finished are kept in ``run.out``: the same call
    goes on from there, and several processes may work on one folder or storage at a time.

    Args:
        run: the data, and what is asked; fields that it leaves open are searched. `minutes` is for everything.
        trials: most trials, of all models together; None for as many as there is time for.
        storage: Optuna storage URL; None for a journal in ``run.out``.
        seeds: final runs; 0 makes none.
        say: is told how it goes.
        watch: opens an observer of the final training.

    Returns:
        What was found; the same is in tuning.json.

    Raises:
        TailtuneError: anything wrong with the input.
    """
    began = time.monotonic()
    check_run(run)
    for option, given in (("--folds", run.folds is not None), ("--init-from", run.init_from is not None)):
        if given:
            raise TailtuneError(f"tailtune tune has no {option}; leave it out, and fit with it by the settings found")
    minutes = run.minutes or (MINUTES if trials is None else None)
    folder = Path(run.out)
    if trials is not None and trials < 1:
        raise TailtuneError(f"--trials must be 1 or more, however: {trials}")
    dataset = open_dataset(run)
    _claim(folder, replace(run, minutes=None), dataset)
    rows = for_search(dataset, run.split_seed)
    weights = _weights(run, rows)
    limits = Limits(None if minutes is None else began + 60 * SEARCHING * minutes, trials)
    listed = searches(replace(run, minutes=None), rows)
    studies = {search.name: _study(search, folder, storage) for search in listed}
    _search(listed, studies, rows, weights, limits, folder, say)
    found = tuple(trial for search in listed for trial in _trials(search.name, studies[search.name]))
    ended = ((search.name, _best(studies[search.name])) for search in listed)
    best = {name: trial for name, trial in ended if trial is not None}
    if not best:
        raise TailtuneError(f"no trial was finished in time; give {run.data} more --minutes")
    judged = _judge(best, studies, rows, weights, folder)
    say(_verdict(judged))
    chosen = {name: dict(trial.params) for name, trial in best.items()}
    final = _final(run, listed, chosen if judged.better else {})
    left = None if minutes is None else max(0.5, minutes - (time.monotonic() - began) / 60) / max(1, seeds)
    folders = []
    for seed in range(seeds):
        out = folder / f"final-{seed}"
        folders.append(out.name)
        if not (out / DONE).exists():
            asked = replace(final, seed=seed, minutes=left, out=str(out))
            fit(asked, resume=is_begun(out), say=say, watch=watch)
    result = TuningResult(
        schema=SCHEMA,
        command=command(),
        measure="log_loss" if weights is None else "balanced_log_loss",
        trials=found,
        importances=importances(studies),
        judged=judged,
        chosen=chosen,
        final=tuple(folders),
        seconds=round(time.monotonic() - began, 1),
        versions=versions(),
        machine=machine(),
    )
    write_whole(folder / FILE, to_json(result))
    return result


def _claim(folder: Path, run: Run, dataset: Dataset) -> None:
    """Make the folder that of this search, or see that it is.

    Raises:
        TailtuneError: it belongs to another search, or to other data.
    """
    check_folder(run, resume=True)
    if is_begun(folder):
        check_data(folder, dataset)
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / DATA, json.dumps(asdict(fingerprint(dataset)), indent=1, ensure_ascii=False).encode())
    write_run(folder, run, run)


def _weights(run: Run, rows: Dataset) -> Floats | None:
    """Weights of the classes in the loss [K]: alike in sum where classes are to count alike, else None."""
    if run.objective == "balanced_accuracy" or (run.objective is None and rows.deployment is not None):
        return np.asarray(1 / (rows.profile.num_classes * np.maximum(rows.profile.priors, 1e-12)))
    return None


def _study(search: Search, folder: Path, storage: str | None) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kept: Any = storage or JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    return optuna.create_study(
        study_name=f"{folder.resolve()}: {search.name}",
        storage=kept,
        sampler=optuna.samplers.TPESampler(seed=search.start.seed, multivariate=True, n_startup_trials=5),
        pruner=optuna.pruners.HyperbandPruner(min_resource=3),
        load_if_exists=True,
    )


def _search(
    listed: tuple[Search, ...],
    studies: Mapping[str, optuna.Study],
    rows: Dataset,
    weights: Floats | None,
    limits: Limits,
    folder: Path,
    say: Callable[[str], object],
) -> None:
    """Make trials, of the model that has had the least time so far, until time or number is up."""
    import optuna

    assert rows.val is not None
    targets = rows.val.targets.numpy()
    complete = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.FAIL)

    def spent(search: Search) -> tuple[bool, float]:
        ended = studies[search.name].get_trials(deepcopy=False, states=complete)
        return bool(ended), sum(trial.duration.total_seconds() for trial in ended if trial.duration)

    span = None if limits.until is None else LONGEST * (limits.until - time.monotonic())
    lowest: dict[str, float] = {}
    while not limits.over(sum(len(study.get_trials(deepcopy=False, states=complete)) for study in studies.values())):
        search = min(listed, key=spent)
        study = studies[search.name]
        default = not study.get_trials(deepcopy=False)
        trial = study.ask() if default else study.ask(distributions(search.space))
        settings = dict(trial.params)
        until = None if span is None else min(time.monotonic() + span, limits.until or np.inf)
        try:
            made = attempt(search.run(settings), rows, trial, until)
        except optuna.TrialPruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            continue
        except TailtuneError as error:
            trial.set_user_attr("why", str(error))
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            if default:
                say(f"{search.name} cannot be trained: {error}")
            continue
        loss = float(losses(made.choose, targets, weights).mean())
        made.write(_place(folder, search.name, trial.number))
        study.tell(trial, loss)
        if loss < lowest.get(search.name, np.inf):
            lowest[search.name] = loss
            say(f"{search.name}, trial {trial.number}: loss {loss:.4f}, the lowest of it so far" + _of(settings))


def _of(settings: Mapping[str, Any]) -> str:
    if not settings:
        return " (the default)"
    shown = (
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in settings.items()
    )
    return f" ({', '.join(shown)})"


def _place(folder: Path, name: str, number: int) -> Path:
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)[:60]
    return folder / TRIALS / f"{plain}-{number}.npz"


def _trials(name: str, study: optuna.Study) -> list[Trial]:
    import optuna

    states = {
        optuna.trial.TrialState.COMPLETE: "complete",
        optuna.trial.TrialState.PRUNED: "pruned",
        optuna.trial.TrialState.FAIL: "failed",
    }
    return [
        Trial(
            search=name,
            number=trial.number,
            settings=dict(trial.params),
            loss=trial.value if trial.state is optuna.trial.TrialState.COMPLETE else None,
            seconds=0.0 if trial.duration is None else round(trial.duration.total_seconds(), 2),
            state=states[trial.state],  # type: ignore[arg-type]
            why=trial.user_attrs.get("why"),
        )
        for trial in study.get_trials(deepcopy=False, states=tuple(states))
    ]


def _best(study: optuna.Study) -> optuna.trial.FrozenTrial | None:
    import optuna

    done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    return min(done, key=lambda trial: float(trial.value or 0.0), default=None)


def _judge(
    best: Mapping[str, optuna.trial.FrozenTrial],
    studies: Mapping[str, optuna.Study],
    rows: Dataset,
    weights: Floats | None,
    folder: Path,
) -> Judged:
    """Set the blend of the default trials beside that of the best ones, on the rows that judge."""
    assert rows.val is not None
    targets, judges = rows.val.targets.numpy(), rows.test.targets.numpy()
    importance = None if weights is None else weights[targets]

    def blended(numbers: Mapping[str, int]) -> tuple[Floats, float]:
        made = [Made.read(_place(folder, name, number)) for name, number in numbers.items()]
        shares = blend([one.choose for one in made], targets, importance).weights
        choose, judge = (np.tensordot(shares, [getattr(one, part) for one in made], 1) for part in ("choose", "judge"))
        return losses(judge, judges, weights), float(losses(choose, targets, weights).mean())

    defaults = {name: 0 for name in best if _place(folder, name, 0).exists()}
    of_default, _ = blended(defaults or {name: trial.number for name, trial in best.items()})
    of_tuned, promised = blended({name: trial.number for name, trial in best.items()})
    gains = of_default - of_tuned
    gain, error = float(gains.mean()), float(gains.std(ddof=1) / len(gains) ** 0.5)
    return Judged(len(judges), float(of_default.mean()), float(of_tuned.mean()), gain, error, promised, gain > 0)


def _verdict(judged: Judged) -> str:
    on = f"on {judged.rows} rows that chose nothing"
    found = f"{judged.gain:+.4f} \u00b1 {judged.error:.4f} of {judged.default:.4f}, {on}"
    if not judged.better:
        return f"Tuning is no better than the default ({found}); the default is taken."
    sure = "more than noise would explain" if judged.gain > 2 * judged.error else "no more than noise may be"
    return f"The tuned settings lower the loss by {found}: {sure}."


def _final(run: Run, listed: tuple[Search, ...], chosen: Mapping[str, Mapping[str, Any]]) -> Run:
    """The run with the chosen settings; a table's models together in a portfolio."""
    if len(listed) == 1:
        (search,) = listed
        return search.run(chosen.get(search.name, {})) if chosen else run
    if not chosen:
        return run
    runs = [search.run(chosen[search.name]) for search in listed if search.name in chosen]
    members = tuple(str(one.model) for one in runs)
    fields: dict[str, Any] = {}
    for one in runs:
        if one.method != "erm":
            fields = {name: getattr(one, name) for name in (*NETWORK_FIELDS, "method")}
    return replace(run, model=f"portfolio(members={members!r})", **fields)
