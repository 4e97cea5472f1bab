"""One run from data to result.json: split, train, evaluate once on the test part, set beside the baselines."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.augment.policies import build as build_policy
from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.decision.objective import read_objective
from tailtune.errors import TailtuneError, nearest
from tailtune.evaluation.alarms import recall_at_alarms
from tailtune.evaluation.bill import bill
from tailtune.evaluation.bootstrap import intervals, paired_difference, with_intervals
from tailtune.evaluation.measure import Measure, quantity_of
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.metrics import summarise
from tailtune.evaluation.own_measures import own_measures, try_out
from tailtune.evaluation.scored import scored
from tailtune.files import write_whole
from tailtune.interrupt import Interrupted
from tailtune.methods.resolve import find
from tailtune.profile import ClassProfile, Indices
from tailtune.run.balances import at_balances
from tailtune.run.clock import Clock
from tailtune.run.decide import amount_columns
from tailtune.run.environment import command, first_process, machine, versions
from tailtune.run.finished import RESULT, Finished
from tailtune.run.folder import Answered, Predictions, begun, check_folder, write_predictions, write_run
from tailtune.run.learner import Fitted, Job, Watch
from tailtune.run.learners import CLASSICAL, fit_model, learner_of, with_model
from tailtune.run.learners.networks import check_flip_averaging
from tailtune.run.points import operating_points
from tailtune.run.predictor import Predictor
from tailtune.run.promises import ScoredBy, promises
from tailtune.run.result import (
    SCHEMA,
    Counts,
    DataRecord,
    Result,
    SameAlarms,
    SystemResult,
    to_json,
)
from tailtune.run.trained_rows import write_trained_rows
from tailtune.settings import Resolved, Run, check
from tailtune.training.device import processor_threads
from tailtune.version import __version__

BASELINES = ("majority", "erm", *CLASSICAL)
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class System:
    """The model or a baseline, with its test probabilities [N, K] and answers [N]."""

    name: str
    label: str
    role: Literal["model", "baseline"]
    seconds: float
    test: Answered


def execute(
    run: Run,
    *,
    resume: bool = False,
    watch: Watch = nullcontext,
    say: Callable[[str], object] = print,
    dataset: Dataset | None = None,
    resamples: int = 1000,
    forecast: Callable[[str], object] | None = None,
    mirrors: bool = False,
) -> Finished | None:
    """Carry out `run` in the folder ``run.out``, all but the report and DONE; see that no other process writes there.

    Args:
        run: what to do.
        resume: go on with an unfinished run of the same settings.
        watch: opens an observer of the training, such as a progress bar.
        say: is told, in a sentence each, what was noticed about the data.
        dataset: that of `run`, where it has been opened already.
        resamples: of the bootstrap intervals; 0 states none, which saves seconds where many trainings are compared.
        forecast: is told before training, a sentence each, what was chosen and how long it takes; None times nothing.
        mirrors: whether to find out if mirrored pictures keep their class, where nobody has said so.

    Returns:
        The run, or None in the processes of a data-parallel run that are not the first.

    Raises:
        TailtuneError: anything wrong with the input.
        Interrupted: stopped by a signal; the folder holds a checkpoint.
    """
    began = time.monotonic()
    check_run(run)
    run = replace(run, amounts=tuple(dict.fromkeys((*run.amounts, *amount_columns(run.objective)))))
    first = first_process(run.devices)
    folder = check_folder(run, resume) if first else Path(run.out)
    dataset = (dataset or open_dataset(run)).for_training()
    baselines, own = baselines_for(run, dataset), own_measures_for(run, dataset)
    chosen = learner_of(with_model(run, dataset).model)
    clock = Clock.started(run.minutes or chosen.minutes(dataset), began, baselines)
    if resamples:
        guess = np.tile(dataset.profile.priors, (len(dataset.test), 1))
        clock = clock.keeping(1 + len(baselines), _bootstrap(dataset, guess))
    job = Job(folder, resume, until=clock.until(), mirrors=mirrors)
    if not first:
        with suppress(TailtuneError, Interrupted):  # the first process stops at the same place, and says why
            fit_model(run, dataset, job)
        return None
    for sentence in dataset.notes:
        say(sentence)
    told: list[str] = []

    def before(sentence: str) -> None:
        told.append(sentence)
        assert forecast is not None
        forecast(sentence)

    with begun(folder, run, dataset):
        fitted = fit_model(run, dataset, replace(job, watch=watch, forecast=before if forecast else None))
        assert fitted is not None
        for sentence in fitted.training.warnings:
            if sentence not in told:
                say(sentence)
        fitted.predictor.save(folder)
        if fitted.leftovers is not None:
            shutil.rmtree(fitted.leftovers, ignore_errors=True)
        write_run(folder, run, fitted.run)
        scores = _scores(fitted, dataset)
        model, *others = _systems(run, fitted, dataset, scores, clock.after(), say)
        predictions = Predictions(
            ids=dataset.test.ids,
            targets=dataset.test.targets.numpy(),
            model=model.test,
            scores=scores,
            implied=fitted.implied,
            held_out=fitted.held_out,
            baselines={system.name: system.test for system in others},
            amounts=dataset.test.amounts,
        )
        write_predictions(folder, predictions)
        write_trained_rows(folder, dataset)
        resamples = _affordable(resamples, clock, dataset, [model, *others], say)
        result = _result(fitted, dataset, predictions, [model, *others], own, resamples)
        write_whole(folder / RESULT, to_json(result))
    return Finished.made(folder, result, predictions)


def check_run(run: Run) -> None:
    """Refuse, before data are read, what makes no sense whatever the data are: numbers, names, settings of no use.

    Raises:
        TailtuneError: naming the first of them.
    """
    check(run)
    _check_names(run)
    _check_use(run)


def _check_names(run: Run) -> None:
    """Refuse, before data are read, names that mean nothing whatever the data.

    Raises:
        TailtuneError: an unknown baseline, method, augmentation policy, measure or objective.
    """
    for name in run.baselines or ():
        if name not in BASELINES:
            known = ", ".join(BASELINES)
            raise TailtuneError(f"there is no baseline {name!r}.{nearest(name, BASELINES)} Known: {known}")
    if run.method is not None:
        find(run.method)
    if run.policy is not None:
        build_policy(run.policy, (), ())
    own_measures(run.measures)
    if run.objective is not None:
        read_objective(run.objective)


def _check_use(run: Run) -> None:
    """Refuse settings that the learner does not have rather than pass over them.

    Raises:
        TailtuneError: naming the first of them, or a curve of test rows beside a selection that chooses an epoch.
    """
    if run.test_curve and run.selection != "last":
        raise TailtuneError(f"--test-curve needs --selection last, however: {run.selection}; leave one of them out")
    for name in learner_of(run.model).lacks:
        value = getattr(run, name)
        if value is not None and value is not False:  # 0 is a setting
            option = name.replace("_", "-")
            raise TailtuneError(f"--{option} is a setting of networks, and {run.model} has none; leave it out")


def baselines_for(run: Run, dataset: Dataset) -> tuple[str, ...]:
    """The baselines to report, checked before training starts.

    Raises:
        TailtuneError: a baseline, an augmentation policy or an averaging that does not take this kind of data.
    """
    check_flip_averaging(run, dataset)
    if dataset.kind == "table" and run.policy not in (None, "none"):
        raise TailtuneError(f"--policy {run.policy} augments images, and the data is a table; leave it out")
    wanted = run.baselines
    if wanted is None:
        wanted = ("majority", "xgboost") if dataset.kind == "table" else ("majority",)
        wanted = tuple(name for name in wanted if name != run.model)
    for name in wanted:
        if name in CLASSICAL and dataset.kind != "table":
            raise TailtuneError(f"the baseline {name} takes tables, not images; use majority or erm")
    return wanted


def own_measures_for(run: Run, dataset: Dataset) -> list[Measure]:
    """The own measures to report beside tailtune's, tried before training starts.

    Raises:
        TailtuneError: an own measure that cannot be had, or that fails.
    """
    own = own_measures(run.measures)
    try_out(own, dataset.train.targets.numpy(), dataset.profile)
    return own


def _systems(
    asked: Run,
    fitted: Fitted,
    dataset: Dataset,
    scores: Probabilities,
    clock: Clock,
    say: Callable[[str], object],
) -> Iterator[System]:
    """The model, then each baseline of `clock`, with their predictions on the test part.

    The baseline erm is the same network trained for the same epochs by the plain routine, but for what was asked for
    (beside a model that is no network, the network that suits the data); where there is a limit of time, for as much of
    it. A baseline's probabilities and answers are made of its scores as
    the model's are, so that decisions are alike.
    """
    run = fitted.run
    learner = learner_of(run.model)
    answered = _answered(fitted.predictor, scores, dataset)
    yield System(run.method, learner.title(run), "model", fitted.training.seconds, answered)
    for name in clock.ahead:
        began = time.perf_counter()
        if name == "majority":
            assert fitted.decided is not None
            rows = len(dataset.test)
            balance = np.asarray(fitted.decided.deployment)  # all that is known of a row without looking at it
            certain = Answered(np.tile(balance, (rows, 1)), np.full(rows, dataset.profile.priors.argmax()))
            yield System(name, "majority class", "baseline", time.perf_counter() - began, certain)
            clock = clock.after()
            continue
        model = name if name in CLASSICAL else run.model if learner.network else None
        alone = replace(asked, method="erm", model=model, epochs=run.epochs, devices=1, logger=None)
        if name not in CLASSICAL and learner.network:
            alone = replace(alone, pretrained=run.pretrained, flip=run.flip)
        baseline = fit_model(alone, dataset, Job(until=clock.until()))
        assert baseline is not None
        clock = clock.after()
        label = CLASSICAL[name].label if name in CLASSICAL else f"erm ({baseline.run.model})"
        for sentence in baseline.training.warnings:
            say(f"Baseline {label}: {sentence}")
        answered = _answered(baseline.predictor, _scores(baseline, dataset), dataset)
        yield System(name, label, "baseline", baseline.training.seconds, answered)


def _scores(fitted: Fitted, dataset: Dataset) -> Probabilities:
    """The scores [N, K] of the test rows, with as many threads as the model was trained with."""
    with processor_threads(fitted.run.threads):
        return fitted.predictor.scores(dataset.test.inputs)


def _affordable(
    resamples: int, clock: Clock, dataset: Dataset, systems: list[System], say: Callable[[str], object]
) -> int:
    """Return as many of `resamples` as there is time for, and say so where they are fewer."""
    found = clock.resamples(resamples, len(systems), _bootstrap(dataset, systems[0].test.probabilities))
    if found < resamples:
        say(f"Intervals are of {found} resamples instead of {resamples}, to end in time; their ends are rougher.")
    return found


def _bootstrap(dataset: Dataset, probabilities: Probabilities) -> Callable[[int], object]:
    """What resamples the figures of one system so many times, to see how long that takes."""
    targets, profile, sure = dataset.test.targets.numpy(), dataset.profile, with_intervals()
    return lambda times: intervals(targets, probabilities, profile, sure, times)


def _answered(predictor: Predictor, scores: Probabilities, dataset: Dataset) -> Answered:
    """What a system makes of its scores of the test rows."""
    probabilities = predictor.in_use(scores)
    return Answered(probabilities, predictor.answers(probabilities, dataset.test.amounts))


def _result(
    fitted: Fitted, dataset: Dataset, made: Predictions, systems: list[System], own: list[Measure], resamples: int
) -> Result:
    model = systems[0]
    asked, decided, recalibration = fitted.asked, fitted.decided, fitted.predictor.recalibration
    assert asked is not None
    assert decided is not None
    assert recalibration is not None
    as_it_is = Answered(made.scores, made.scores.argmax(axis=1))
    before = replace(model, label=f"{model.label}, before its decision", test=as_it_is)
    use = asked, recalibration, dataset.profile, made
    costs = None if asked.costs is None else asked.costs.of(made.targets, made.amounts)
    scored_by: ScoredBy = "first" if fitted.run.selection == "refit" and dataset.val is not None else "model"
    if fitted.training.folded:
        scored_by = "folds"
    return Result(
        schema=SCHEMA,
        tailtune=__version__,
        command=command(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=dataset.kind,
        headline=dataset.headline,
        measures=tuple(quantity_of(measure) for measure in own),
        versions=versions(),
        machine=machine(),
        data=data_record(dataset),
        systems=tuple(_system_result(system, model, dataset, own, resamples) for system in systems),
        undecided=_system_result(before, model, dataset, own, resamples),
        decision=decided,
        points=operating_points(*use) if resamples else (),
        balances=at_balances(*use, resamples) if resamples else (),
        training=fitted.training,
        run=Resolved(**vars(fitted.run)),
        bill=None if costs is None else bill(costs, made.model.answers, made.scores, dataset.names),
        promises=promises(fitted.predictor, dataset.profile, made, scored_by) if resamples else None,
    )


def data_record(dataset: Dataset) -> DataRecord:
    """Return what a result says about its data."""
    k = len(dataset.names)

    def counts(targets: Any) -> tuple[int, ...]:
        return tuple(np.bincount(targets.numpy(), minlength=k).tolist())

    val = dataset.val
    shape: dict[str, Any] = dict(dataset.preprocessor.shape())
    return DataRecord(
        source=dataset.source,
        split=dataset.split,
        split_hash=dataset.split_hash,
        names=tuple(dataset.names),
        counts=Counts(
            counts(dataset.train.targets), None if val is None else counts(val.targets), counts(dataset.test.targets)
        ),
        features={name: tuple(size) if isinstance(size, list) else size for name, size in shape.items()},
        left_out=tuple(dataset.left_out),
        warnings=tuple(dataset.warnings),
        deployment=dataset.deployment,
    )


def _system_result(system: System, model: System, dataset: Dataset, own: list[Measure], resamples: int) -> SystemResult:
    profile, difference, same_alarms, measures = dataset.profile, {}, None, [*MEASURES, *own]
    targets, sure = dataset.test.targets.numpy(), with_intervals(measures)
    ours, test = model.test, system.test
    found = summarise(targets, test.probabilities, profile, measures, test.answers)
    if resamples and system is not model:
        pair = ours.probabilities, test.probabilities
        difference = paired_difference(targets, *pair, profile, sure, resamples, answers=(ours.answers, test.answers))
        same_alarms = at_same_alarms(targets, pair, ours.answers, profile, resamples)
    ends = {}
    if resamples:
        ends = intervals(targets, test.probabilities, profile, sure, resamples, answers=test.answers)
    return SystemResult(
        name=system.name,
        label=system.label,
        role=system.role,
        seconds=round(system.seconds, 3),
        **vars(found),
        intervals=ends,
        difference=difference,
        same_alarms=same_alarms,
    )


def at_same_alarms(
    targets: Indices, pair: tuple[Probabilities, Probabilities], answers: Indices, profile: ClassProfile, resamples: int
) -> SameAlarms | None:
    """Recall of both systems at the number of alarms in the `answers` of the first."""
    measure = recall_at_alarms
    first, second = (measure.value(scored(targets, probabilities, profile, answers)) for probabilities in pair)
    found = paired_difference(targets, *pair, profile, [measure], resamples, answers=(answers, answers))
    if first is None or second is None or measure.key not in found:
        return None
    return SameAlarms(int(np.isin(answers, profile.tail).sum()), first, second, found[measure.key])
