"""`--refit all`: the model for use, trained by the same procedure on all rows when the figures are known."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tailtune.data.dataset import Dataset
from tailtune.data.resplit import all_rows, resplit
from tailtune.files import write_whole
from tailtune.run.folder import RESULT, Basis, Predictions, write_predictions
from tailtune.run.learner import Job
from tailtune.run.learners import fit_model
from tailtune.run.result import Deployed, Result, class_counts, to_json
from tailtune.run.trained_rows import write_trained_rows
from tailtune.settings import Run

WITHIN = "all_rows"  # the training's own folder, as long as it lasts


def refit_on_all_rows(
    run: Run, dataset: Dataset, job: Job, result: Result, made: Predictions, say: Callable[[str], object]
) -> tuple[Result, Predictions]:
    """Train the model for use, and put it into the folder in place of the one that was scored.

    Its own validation rows are split from all rows where the procedure needs some, so that decisions for other
    objectives or balances rest on rows that it did not see.

    Args:
        run: what was asked for.
        dataset: as it was opened.
        job: `folder` is that of the run, which holds the figures already.
        result: these figures; they stay.
        made: the predictions that they are of.
        say: is told what was noticed.

    Returns:
        Both with what is now known of the model for use.
    """
    assert job.folder is not None
    rows = all_rows(dataset)
    everything, last = np.arange(len(rows)), np.arange(len(rows) - len(dataset.test), len(rows))
    whole = resplit(run, dataset, rows, everything, last).for_training()
    within = job.folder / WITHIN
    within.mkdir(exist_ok=True)
    if job.forecast is not None:
        job.forecast(f"Now the model for use, on all {len(rows)} rows.")
    fitted = fit_model(run, whole, replace(job, folder=within, forecast=None))
    assert fitted is not None
    assert fitted.decided is not None
    for sentence in fitted.training.warnings:
        say(sentence)
    k = len(whole.names)
    val = None if whole.val is None else class_counts(whole.val.targets.numpy(), k)
    deployed = Deployed(
        class_counts(whole.train.targets.numpy(), k),
        val,
        fitted.training,
        fitted.decided,
        whole.train.mass(k),
        None if whole.val is None else whole.val.mass(k),
    )
    result, made = replace(result, deployed=deployed), replace(made, deployed=Basis(fitted.implied, fitted.held_out))
    fitted.predictor.save(job.folder)
    write_trained_rows(job.folder, whole)
    write_predictions(job.folder, made)
    write_whole(job.folder / RESULT, to_json(result))
    shutil.rmtree(within)
    return result, made
