"""`--folds`: every row scored by a model that did not see it, one training a fold, and the scores pooled."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tailtune.data.absent_classes import absent_classes
from tailtune.data.dataset import Dataset, Part
from tailtune.data.resplit import all_rows, resplit
from tailtune.data.splits import folds
from tailtune.errors import TailtuneError
from tailtune.files import write_whole
from tailtune.profile import Indices
from tailtune.run.clock import Clock
from tailtune.run.folder import FOLD, Answered, Predictions, read_predictions, write_predictions
from tailtune.run.learner import Job
from tailtune.run.learners import fit_model
from tailtune.run.result import to_json
from tailtune.run.systems import Probabilities, System, scores_of, systems_of
from tailtune.settings import Run
from tailtune.words import quoted

WITHIN = "folds"  # of the run's folder
SPLIT = "folds"  # what the split of such a run is called


@dataclass(frozen=True)
class Named:
    """A system of one fold, but for its predictions."""

    name: str
    label: str
    role: Literal["model", "baseline"]
    seconds: float


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What models made of rows that they did not see.

    Attributes:
        dataset: trains on all rows and is tested on those that a fold has.
        systems: the model and the baselines, fold after fold put together.
        scores: of the model before anything is made of them [N, K].
        folds: which fold each row is in [N].
    """

    dataset: Dataset
    systems: tuple[System, ...]
    scores: Probabilities
    folds: Indices


def planned(run: Run, dataset: Dataset) -> tuple[Part, Indices]:
    """Return all rows of `dataset`, and the fold of each (-1 for rows that are in training always).

    Raises:
        TailtuneError: the data bring a test part, rows are to be grouped of which not all have a group, or there are
            fewer rows (or groups) than folds.
    """
    assert run.folds is not None
    if run.time is not None:
        raise TailtuneError(
            f"--folds {run.folds} scores the past by the future too, and --time {run.time} is to keep that from "
            "happening; leave one of them out"
        )
    if dataset.split != "stratified":
        raise TailtuneError(
            f"--folds {run.folds} scores every row, and {dataset.source} brings test rows of its own; leave --folds "
            "out, or join them with the others into one"
        )
    rows = all_rows(dataset)
    if run.group is not None and rows.groups is None:
        raise TailtuneError(f"--folds {run.folds}: not all rows of {dataset.source} have a {run.group!r}")
    found = folds(rows.targets.numpy(), run.folds, run.split_seed, rows.groups)
    if len(np.unique(found[found >= 0])) < run.folds:
        what = "groups" if rows.groups is not None else "rows"
        raise TailtuneError(f"--folds {run.folds} are more than {dataset.source} has {what} for; ask for fewer")
    return rows, found


def notes_of(run: Run, dataset: Dataset, rows: Part, fold: Indices) -> tuple[str, ...]:
    """Return what is to be said of the data; of small classes what folds can tell, in place of what a test part can."""
    parts = {"training": dataset.train, "validation": dataset.val, "test": dataset.test}
    targets = {name: part.targets.numpy() for name, part in parts.items() if part is not None}
    of_parts = {line for what in ("rows", "images") for line in absent_classes(dataset.names, targets, what)}
    kept = tuple(line for line in dataset.warnings if line not in of_parts)
    return (*kept, *_small_classes(run, dataset.names, rows.targets.numpy(), fold))


def _small_classes(run: Run, names: tuple[str, ...], targets: Indices, fold: Indices) -> list[str]:
    """Say what folds can and cannot tell of classes that have fewer rows than there are folds."""
    said = []
    counts = np.bincount(targets, minlength=len(names))
    scored = np.bincount(targets[fold >= 0], minlength=len(names))
    unknown = [quoted(names[k]) for k in np.flatnonzero(scored == 0)]
    if unknown:
        subject = f"Class {unknown[0]} is" if len(unknown) == 1 else f"Classes {', '.join(unknown)} are"
        them = "it" if len(unknown) == 1 else "them"
        said.append(
            f"{subject} in training always, because without these rows there would be none of {them}: no row of {them} "
            f"is scored, and how well {them} can be recognised stays unknown."
        )
    few = np.flatnonzero((scored > 0) & (counts <= (run.folds or 0))).tolist()
    return said + [
        f"Class {quoted(names[k])} has {counts[k]} rows for {run.folds} folds: each of the {scored[k]} that are scored "
        f"is judged by a model trained on at most {counts[k] - 1} of them, and one row moves the recall by "
        f"{100 / scored[k]:.0f} %."
        for k in few
    ]


def out_of_fold(
    run: Run,
    dataset: Dataset,
    rows: Part,
    fold: Indices,
    job: Job,
    clock: Clock,
    say: Callable[[str], object],
) -> tuple[OutOfFold, Clock]:
    """Train and score fold after fold; one that is finished in the folder is not trained again.

    Args:
        run: what to do; `run.folds` says how many.
        dataset: as it was opened.
        rows: all of its rows.
        fold: of each row.
        job: `folder` is that of the run.
        clock: has a model and the baselines ahead for each fold, then the model that is trained on all rows.
        say: is told what was noticed.

    Returns:
        What came out, and the clock with the last training ahead.
    """
    assert job.folder is not None
    assert run.folds is not None
    made: list[Predictions] = []
    named: list[list[Named]] = []
    for number in range(run.folds):
        folder = job.folder / WITHIN / str(number)
        baselines = clock.ahead[1 : clock.ahead.index("model", 1)]
        if not (job.resume and (folder / FOLD).exists()):
            if job.forecast is not None:
                job.forecast(f"Fold {number + 1} of {run.folds}.")
            one = resplit(run, dataset, rows, np.flatnonzero(fold != number), np.flatnonzero(fold == number))
            within = replace(job, folder=folder, until=clock.until(), forecast=job.forecast if number == 0 else None)
            _score(run, one.for_training(), within, baselines, clock.after(), say)
        made.append(read_predictions(folder))
        named.append([Named(**each) for each in json.loads((folder / FOLD).read_bytes())])
        clock = replace(clock, ahead=clock.ahead[1 + len(baselines) :])
    place = {name: row for row, name in enumerate(rows.ids)}
    order = np.argsort([place[name] for each in made for name in each.ids], kind="stable")
    held_out = np.flatnonzero(fold >= 0)
    whole = resplit(run, dataset, rows, np.arange(len(rows)), held_out).for_training()
    whole = replace(whole, split=SPLIT, split_hash=_hash(rows.ids, fold), warnings=notes_of(run, dataset, rows, fold))
    systems = tuple(_pooled(name, named, made, order) for name in range(len(named[0])))
    scores = np.concatenate([each.scores for each in made])[order]
    return OutOfFold(whole, systems, scores, fold[held_out]), clock


def remove(folder: Path) -> None:
    """Take away what was kept of finished folds, when the run is."""
    shutil.rmtree(folder / WITHIN, ignore_errors=True)


def _score(
    run: Run, dataset: Dataset, job: Job, baselines: Sequence[str], clock: Clock, say: Callable[[str], object]
) -> None:
    """Train the model and the baselines of one fold, and keep what they make of its rows."""
    assert job.folder is not None
    job.folder.mkdir(parents=True, exist_ok=True)
    fitted = fit_model(run, dataset, job)
    assert fitted is not None
    for sentence in fitted.training.warnings:
        say(sentence)
    scores, _ = scores_of(fitted, dataset)
    model, *others = systems_of(run, fitted, dataset, scores, baselines, clock, say)
    predictions = Predictions(
        ids=dataset.test.ids,
        targets=dataset.test.targets.numpy(),
        model=model.test,
        scores=scores,
        implied=fitted.implied,
        baselines={system.name: system.test for system in others},
    )
    write_predictions(job.folder, predictions)
    if fitted.leftovers is not None:
        shutil.rmtree(fitted.leftovers, ignore_errors=True)
    for left in job.folder.rglob("*.ckpt"):
        left.unlink()
    kept = [Named(system.name, system.label, system.role, system.seconds) for system in (model, *others)]
    write_whole(job.folder / FOLD, to_json(kept))


def _pooled(number: int, named: list[list[Named]], made: list[Predictions], order: Indices) -> System:
    """A system with its predictions of all folds, in the order of the rows."""
    each = [of_fold[number] for of_fold in named]
    first = each[0]
    answered = [one.model if number == 0 else one.baselines[first.name] for one in made]
    test = Answered(
        np.concatenate([one.probabilities for one in answered])[order],
        np.concatenate([one.answers for one in answered])[order],
    )
    return System(first.name, first.label, first.role, sum(one.seconds for one in each), test)


def _hash(ids: np.ndarray, fold: Indices) -> str:
    """Return the sha256 over which row is in which fold."""
    pairs = sorted(zip(map(str, ids), fold.tolist(), strict=True))
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()
