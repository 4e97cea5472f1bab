"""`tune`: a search over the whole pipeline, judged by rows that did not choose, and then the final run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from tailtune.data.dataset import Dataset
from tailtune.data.fingerprint import fingerprint
from tailtune.data.memory import available_memory
from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.files import write_whole
from tailtune.fit import fit
from tailtune.interrupt import Interrupted
from tailtune.jobs.capacity import capacity
from tailtune.processors import cores
from tailtune.profile import Floats
from tailtune.run.environment import command, machine, versions, visible_gpus
from tailtune.run.execute import check_run
from tailtune.run.folder import DATA, check_data, check_folder, is_begun, write_run
from tailtune.run.learner import Together, Watch
from tailtune.run.learners import learner_of
from tailtune.run.manifest import DONE
from tailtune.run.result import to_json
from tailtune.settings import Run
from tailtune.tuning.importance import importances
from tailtune.tuning.judging import best_of_each, defaults_of, judge
from tailtune.tuning.kept_trials import Limits, Sampler
from tailtune.tuning.parts import for_search
from tailtune.tuning.progress import Told
from tailtune.tuning.result import FILE, SCHEMA, TuningResult
from tailtune.tuning.searching import Searching, side_by_side
from tailtune.tuning.spaces import Search, searches

MINUTES = 10.0  # where neither minutes nor trials are asked for
SEARCHING = 0.6  # of the minutes; the rest is for the final run
LONGEST = 0.25  # of the time for searching, that one trial may take
PROCESS, COPIES = 1.2e9, 8  # bytes of a process that makes trials, and how many times over it has the rows
NETWORK_FIELDS = ("lr", "weight_decay", "batch_size", "ema")
HOW = "the same command goes on from there"


def tune(
    run: Run,
    *,
    trials: int | None = None,
    storage: str | None = None,
    sampler: Sampler = "tpe",
    jobs: int | None = 1,
    seeds: int = 1,
    say: Callable[[str], object] = print,
    watch: Watch = nullcontext,
    together: Together | None = None,
) -> TuningResult:
    """Search settings for `run`, judge the best by rows that chose nothing, and make the final runs.

    The test rows are looked at by the final runs alone. Trials that are finished are kept in ``run.out``: the same call
    goes on from there, and several processes may work on one folder or storage at a time.

    Args:
        run: the data, and what is asked; fields that it leaves open are searched. `minutes` is for everything.
        trials: most trials, of all models together; None for as many as there is time for.
        storage: Optuna storage URL; None for a journal in ``run.out``.
        sampler: what proposes settings: a tree-structured Parzen estimator, or a Gaussian process.
        jobs: processes of this machine that make trials; None for as many as processors and memory allow, or one where
            `trials` are asked for, because the order in which trials end decides what is proposed.
        seeds: final runs; 0 makes none.
        say: is told how it goes.
        watch: opens an observer of the final training.
        together: carries out the trainings of a final portfolio several at a time, see `tailtune.fit.fit`.

    Returns:
        What was found; the same is in tuning.json.

    Raises:
        TailtuneError: anything wrong with the input.
        Interrupted: stopped by a signal; the same call goes on from there.
    """
    began = time.monotonic()
    check_run(run)
    for option, given in (("--folds", run.folds is not None), ("--init-from", run.init_from is not None)):
        if given:
            raise TailtuneError(f"tailtune tune has no {option}; leave it out, and fit with it by the settings found")
    minutes = run.minutes or (MINUTES if trials is None else None)
    folder = Path(run.out)
    _check(trials, sampler, jobs, seeds)
    dataset = open_dataset(run)
    _claim(folder, replace(run, minutes=None), dataset)
    rows = for_search(run, dataset)
    weights = _weights(run, rows.dataset)
    limits = Limits(None if minutes is None else began + 60 * SEARCHING * minutes, trials)
    listed = searches(replace(run, minutes=None), rows.dataset)
    longest = None if limits.until is None else LONGEST * (limits.until - time.monotonic())
    searching = Searching(listed, rows, weights, folder, storage, sampler, limits, longest)
    kept = searching.kept()
    told = Told(kept, limits, say, time.monotonic())
    try:
        _search(searching, jobs, told)
    except (KeyboardInterrupt, Interrupted) as stop:
        raise Interrupted(f"stopped with {len(kept.trials())} trials finished", HOW) from stop
    found = kept.trials()
    best = best_of_each(found)
    if not best:
        raise TailtuneError(f"no trial was finished in time; give {run.data} more --minutes")
    judged = judge(defaults_of(found), best, rows, weights, folder)
    chosen = {name: dict(trial.settings) for name, trial in best.items()}
    final = _final(run, listed, chosen if judged.better else {})
    spent = (time.monotonic() - began) / 60
    left = None if minutes is None else round(max(0.5, minutes - spent) / max(1, seeds), 2)
    folders = []
    for seed in range(seeds):
        out = folder / f"final-{seed}"
        folders.append(out.name)
        if not (out / DONE).exists():
            asked = replace(final, seed=seed, minutes=left, out=str(out))
            fit(asked, resume=is_begun(out), say=say, watch=watch, together=together)
    result = TuningResult(
        schema=SCHEMA,
        command=command(),
        sampler=sampler,
        measure="log_loss" if weights is None else "balanced_log_loss",
        trials=tuple(found),
        importances=importances(kept.studies),
        judged=judged,
        chosen=chosen,
        final=tuple(folders),
        seconds=round(time.monotonic() - began, 1),
        versions=versions(),
        machine=machine(),
    )
    write_whole(folder / FILE, to_json(result))
    return result


def _check(trials: int | None, sampler: str, jobs: int | None, seeds: int) -> None:
    for option, value, least in (("--trials", trials, 1), ("--jobs", jobs, 1), ("--final-seeds", seeds, 0)):
        if value is not None and value < least:
            raise TailtuneError(f"{option} must be {least} or more, however: {value}")
    if sampler not in get_args(Sampler):
        raise TailtuneError(f"--sampler must be {' or '.join(get_args(Sampler))}, however: {sampler!r}")


def _search(searching: Searching, jobs: int | None, told: Told) -> None:
    """Search until time or number is up, with as many processes as are asked for, and make what a dead one has left.

    How many there are changes neither the threads of a trial nor its figures.
    """
    runs, dataset = [search.start for search in searching.searches], searching.rows.dataset
    threads = max(run.threads or learner_of(run.model).threads(dataset) for run in runs)
    gpus = visible_gpus() if dataset.kind == "image" and runs[0].accelerator != "cpu" else ()
    if jobs is None and searching.limits.trials is None:
        need = PROCESS + COPIES * sum(getattr(x, "nbytes", 0) for x in dataset.train.inputs)
        room = capacity(None, threads, cores=cores(), gpus=len(gpus), free=available_memory(), need=need, tasks=cores())
        jobs = room.jobs
    if jobs is not None and jobs > 1:
        told.say(f"{jobs} processes search side by side.")
        for failure in side_by_side(searching, jobs - 1, threads, gpus, told.look):
            told.say(f"A process ended early: {failure}. The others went on.")
    searching(told.look)
    told.look()


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
