"""The model of a person's own pictures where none was named: published weights if there are, else a small network."""

from __future__ import annotations

from dataclasses import replace

from tailtune.data.dataset import Dataset
from tailtune.models.build import PRETRAINED, default_for_own_pictures
from tailtune.models.hub import NoWeightsError, weights_file
from tailtune.settings import Run
from tailtune.training.fine_tuning import own_pictures


def with_picture_model(run: Run, dataset: Dataset) -> Run:
    """Return `run` with its model, and with whether that begins with published weights.

    Weights that were asked for (``pretrained`` or a file) are of `PRETRAINED`, and that they cannot be had is said
    later, as an error. Where nothing was asked for, they are taken if they can be had.
    """
    if run.weights is not None:
        return replace(run, model=PRETRAINED)
    pretrained = _missing() is None if run.pretrained is None else run.pretrained
    return replace(run, model=default_for_own_pictures(len(dataset.train), pretrained), pretrained=pretrained)


def without_weights(asked: Run, dataset: Dataset) -> tuple[str, ...]:
    """Return the sentence on published weights that nobody refused and that could not be had, if that is so."""
    if asked.model is not None or asked.weights is not None or asked.pretrained is not None:
        return ()
    missing = _missing() if own_pictures(asked, dataset) else None
    if missing is None:
        return ()
    return (
        f"Trained from scratch, which is worse on few pictures: {missing}. Fetch {missing.address} elsewhere and give"
        " it by --weights FILE.",
    )


def _missing() -> NoWeightsError | None:
    try:
        weights_file(PRETRAINED)
    except NoWeightsError as error:
        return error
    return None
