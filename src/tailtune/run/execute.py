"""One run from data to result.json: split, train, evaluate once on the test part, set beside the baselines."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tailtune.augment.policies import build as build_policy
from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.decision.objective import read_objective
from tailtune.errors import TailtuneError, nearest
from tailtune.evaluation.bootstrap import intervals, with_intervals
from tailtune.evaluation.measure import Measure
from tailtune.evaluation.own_measures import own_measures, try_out
from tailtune.files import write_whole
from tailtune.interrupt import Interrupted
from tailtune.leaks.check import check_leaks
from tailtune.methods.resolve import find
from tailtune.run.clock import Clock, late
from tailtune.run.continued import continued, earlier_test_rows, with_start
from tailtune.run.decide import amount_columns
from tailtune.run.deployed import refit_on_all_rows
from tailtune.run.environment import first_process
from tailtune.run.evidence.gather import gather_evidence, seconds_left
from tailtune.run.finished import Finished
from tailtune.run.folder import (
    RESULT,
    Predictions,
    begun,
    check_folder,
    read_predictions,
    write_predictions,
    write_run,
)
from tailtune.run.learner import Job, Together, Watch
from tailtune.run.learners import CLASSICAL, fit_model, learner_of, with_model
from tailtune.run.learners.networks import check_flip_averaging
from tailtune.run.measured import beside_rows, result_of, weights_of
from tailtune.run.out_of_fold import notes_of, out_of_fold, planned, remove
from tailtune.run.result import (
    read_result,
    to_json,
)
from tailtune.run.slice_columns import slice_columns
from tailtune.run.systems import System, scores_of, systems_of
from tailtune.run.trained_pictures import write_trained_pictures
from tailtune.run.trained_rows import write_trained_rows
from tailtune.settings import Run, check
from tailtune.training.device import processor_threads

BASELINES = ("majority", "erm", *CLASSICAL)
Probabilities = NDArray[np.float64]


def execute(
    run: Run,
    *,
    resume: bool = False,
    watch: Watch = nullcontext,
    say: Callable[[str], object] = print,
    dataset: Dataset | None = None,
    resamples: int = 1000,
    forecast: Callable[[str], object] | None = None,
    together: Together | None = None,
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
        together: carries out several trainings at a time, see `tailtune.run.learner.Together`.
        mirrors: whether to find out if mirrored pictures keep their class, where nobody has said so.

    Returns:
        The run, or None in the processes of a data-parallel run that are not the first.

    Raises:
        TailtuneError: anything wrong with the input.
        Interrupted: stopped by a signal; the folder holds a checkpoint.
    """
    began = time.monotonic()
    check_run(run)
    run = with_start(run)
    run = replace(run, amounts=tuple(dict.fromkeys((*run.amounts, *amount_columns(run.objective)))))
    first = first_process(run.devices)
    folder = check_folder(run, resume) if first else Path(run.out)
    opened = whole = dataset or open_dataset(run)
    read = time.monotonic()
    dataset = continued(run, opened).for_training()
    split = None if run.folds is None else planned(run, opened)
    if run.folds is None and run.refit is None:
        opened = opened.for_training()
    baselines, own = baselines_for(run, dataset), own_measures_for(run, dataset)
    slice_columns(run.slice, dataset.test.frame, dataset.source)  # refuses before anything is trained
    chosen = learner_of(with_model(run, dataset).model)
    clock = Clock.started(run.minutes or chosen.minutes(dataset), began, _after_first(run, baselines))
    if resamples:
        guess = np.tile(dataset.profile.priors, (len(dataset.test), 1))
        clock = clock.keeping(1 + len(baselines), _bootstrap(dataset, guess))
    job = Job(folder, resume, until=clock.until(), together=together, mirrors=mirrors)
    if not first:
        with suppress(TailtuneError, Interrupted):  # the first process stops at the same place, and says why
            fit_model(run, dataset, job)
        return None
    if split is not None:
        dataset = replace(dataset, warnings=notes_of(run, opened, *split))
    leaks = check_leaks(whole) if resamples else None  # once for data, not for each training of a study
    del whole  # with the rows as they were read
    for sentence in (*dataset.notes, *(leaks.notes if leaks else ()), *late(run.minutes, read - began)):
        say(sentence)
    told: list[str] = []

    def before(sentence: str) -> None:
        told.append(sentence)
        assert forecast is not None
        forecast(sentence)

    def once(sentence: str) -> None:
        if sentence not in told:
            told.append(sentence)
            say(sentence)

    job = replace(job, watch=watch, forecast=before if forecast else None)
    with begun(folder, run, opened):
        if run.refit is not None and resume and (folder / RESULT).exists():
            scored = read_result(folder / RESULT), read_predictions(folder)
            return Finished.made(folder, *refit_on_all_rows(run, opened, job, *scored, once))
        pooled = by_fold = None
        if split is not None:
            pooled, clock = out_of_fold(run, opened, *split, job, clock, once)
            dataset, job = pooled.dataset, replace(job, until=clock.until(), forecast=None)
            if forecast is not None:
                before(f"Now the model for use, on all {len(split[0])} rows.")
        fitted = fit_model(run, dataset, job)
        assert fitted is not None
        for sentence in fitted.training.warnings:
            once(sentence)
        fitted.predictor.save(folder)
        if fitted.leftovers is not None:
            shutil.rmtree(fitted.leftovers, ignore_errors=True)
        write_run(folder, run, fitted.run)
        clock = clock.after()
        if pooled is None:
            scores, by_fold = scores_of(fitted, dataset)
            model, *others = systems_of(run, fitted, dataset, scores, baselines, clock, say)
        else:
            scores, (model, *others) = pooled.scores, pooled.systems
        predictions = Predictions(
            ids=dataset.test.ids,
            targets=dataset.test.targets.numpy(),
            model=model.test,
            scores=scores,
            implied=fitted.implied,
            held_out=fitted.held_out,
            baselines={system.name: system.test for system in others},
            amounts=dataset.test.amounts,
            groups=dataset.test.groups,
            weights=weights_of(dataset.test),
            folds=None if pooled is None else pooled.folds,
        )
        write_predictions(folder, predictions)
        write_trained_rows(folder, dataset)
        if leaks is not None and leaks.pictures is not None:
            write_trained_pictures(folder, leaks.pictures)
        if resamples:
            with processor_threads(fitted.run.threads):
                predictor = fitted.predictor if pooled is None else None
                gather_evidence(folder, predictor, dataset, predictions, seconds_left(clock.end))
        columns = slice_columns(run.slice, dataset.test.frame, dataset.source)
        resamples = _affordable(resamples, clock, dataset, [model, *others], len(columns), say)
        of_parts = leaks if pooled is None else None  # folds have other parts than those that were looked at
        result = result_of(fitted, dataset, predictions, by_fold, [model, *others], own, columns, resamples, of_parts)
        result = replace(result, earlier=earlier_test_rows(run, folder, fitted.predictor, resamples, say))
        write_whole(folder / RESULT, to_json(result))
        remove(folder)
        if run.refit is not None:
            job = replace(job, until=clock.until())
            result, predictions = refit_on_all_rows(run, opened, job, result, predictions, once)
    return Finished.made(folder, result, predictions)


def _after_first(run: Run, baselines: tuple[str, ...]) -> tuple[str, ...]:
    """What is to be trained after the first model."""
    again = () if run.folds is None else ("model", *baselines) * (run.folds - 1)
    last = ("model",) if run.folds is not None or run.refit is not None else ()
    return (*baselines, *again, *last)


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
    if run.folds is not None or run.refit is not None:
        option = "--refit all" if run.folds is None else f"--folds {run.folds}"
        if run.folds is not None and run.refit is not None:
            raise TailtuneError(f"{option} trains the model for use on all rows already; leave --refit {run.refit} out")
        if run.devices > 1:
            raise TailtuneError(f"{option} trains several times, which one process does; leave --devices out")
        if run.init_from is not None:
            raise TailtuneError(f"{option} trains on all rows anew, and --init-from goes on; leave one of them out")
        if run.selection == "test-oracle":
            raise TailtuneError(f"{option} keeps test rows for the figures; leave --selection test-oracle out")
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


def _affordable(
    resamples: int, clock: Clock, dataset: Dataset, systems: list[System], columns: int, say: Callable[[str], object]
) -> int:
    """Return as many of `resamples` as there is time for, and say so where they are fewer."""
    found = clock.resamples(resamples, len(systems) + columns, _bootstrap(dataset, systems[0].test.probabilities))
    if found < resamples:
        say(f"Intervals are of {found} resamples instead of {resamples}, to end in time; their ends are rougher.")
    return found


def _bootstrap(dataset: Dataset, probabilities: Probabilities) -> Callable[[int], object]:
    """What resamples the figures of one system so many times, to see how long that takes."""
    targets, profile, sure = dataset.test.targets.numpy(), dataset.profile, with_intervals()
    beside = beside_rows(dataset.test)
    return lambda times: intervals(targets, probabilities, profile, sure, times, **beside)
