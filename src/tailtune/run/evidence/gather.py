"""Gathers the evidence of a run that has just been trained, into evidence.json and mistakes.csv of its folder."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from tailtune.data.dataset import Dataset, Part
from tailtune.files import write_whole
from tailtune.profile import ClassProfile, Indices
from tailtune.run.evidence.influence import ENOUGH, influences
from tailtune.run.evidence.mistakes import mistakes_of, shown_classes, write_mistakes
from tailtune.run.evidence.record import FILE, FORMAT, Evidence, Examples, Influences, Mistakes, Thumbnail
from tailtune.run.evidence.thumbnails import heat_thumbnail, pixels_of, side_of, thumbnail
from tailtune.run.folder import Predictions
from tailtune.run.predictor import Predictor

if TYPE_CHECKING:
    from tailtune.data.table_preprocessor import TablePreprocessor

SECONDS = 20.0  # for columns or saliency, where there is no limit of time
LEAST_SECONDS = 0.5  # with less nothing is begun
SHARE = 1 / 3  # of what is left of one
EXAMPLES = 2  # of each class
MANY_CLASSES = 100  # above, examples are shown of the classes only whose mistakes are
COLUMNS = 6  # whose values are shown


def seconds_left(end: float | None) -> float:
    """Seconds that evidence may take, where a run is to end at a time by `time.monotonic`, or never."""
    return SECONDS if end is None else min(SECONDS, max(0.0, SHARE * (end - time.monotonic())))


def gather_evidence(
    folder: Path, predictor: Predictor | None, dataset: Dataset, made: Predictions, seconds: float
) -> None:
    """Write evidence.json and mistakes.csv.

    Args:
        folder: of the run.
        predictor: the model; None where several made the predictions, each of the rows of its fold.
        dataset: what it was trained and tested on.
        made: what it makes of the test rows.
        seconds: that may be spent on columns, or on saliency.
    """
    import msgspec
    import polars as pl

    profile, notes = dataset.profile, list[str]()
    if predictor is None:
        of_what = "the influence of columns" if dataset.kind == "table" else "where a network looks"
        notes.append(f"Each fold has a model of its own, so {of_what} is not told.")
    found, columns = None, list[str]()
    if dataset.kind == "table":
        preprocessor = cast("TablePreprocessor", dataset.preprocessor)
        if predictor is not None:
            found = _influences(predictor, dataset, profile, seconds, notes)
        columns = _columns(preprocessor, found)
    frame = dataset.test.frame
    shown = pl.DataFrame() if frame is None else frame.select(columns)
    write_mistakes(folder, made, profile, shown)
    classes, k = shown_classes(made, profile), profile.num_classes
    most = (6 if k <= 4 else 4) if len(classes) * 4 <= 48 and k <= 12 else 3
    chosen = [mistakes_of(made, profile, each, most, shown) for each in classes]
    mistakes, examples = [each for each, _ in chosen], list[Examples]()
    if dataset.kind == "image":
        rows = np.concatenate([rows for _, rows in chosen]) if chosen else np.zeros(0, dtype=np.int64)
        wanted = list(range(k)) if k <= MANY_CLASSES else classes
        side = side_of(EXAMPLES * len(wanted) + 2 * len(rows))
        examples = [_examples(dataset.train, profile, each, side) for each in wanted]
        mistakes = _pictured(mistakes, rows, predictor, dataset.test, made, side, seconds, notes)
    write_whole(
        folder / FILE,
        msgspec.json.encode(
            Evidence(
                format=FORMAT,
                examples=tuple(each for each in examples if each.pictures),
                mistakes=tuple(mistakes),
                unshown=len(np.unique(made.targets[made.targets != made.model.answers])) - len(classes),
                columns=tuple(shown.columns),
                influences=found,
                notes=tuple(notes),
            )
        ),
    )


def _influences(
    predictor: Predictor, dataset: Dataset, profile: ClassProfile, seconds: float, notes: list[str]
) -> Influences | None:
    if seconds < LEAST_SECONDS:
        notes.append("There was no time left to look at the influence of columns.")
        return None
    found = influences(
        predictor.probabilities,
        dataset.test.tensors("the influence of columns"),
        dataset.test.targets.numpy(),
        cast("TablePreprocessor", dataset.preprocessor),
        profile,
        seconds,
    )
    if found is None:
        notes.append(
            f"The influence of columns is not told: it takes {ENOUGH} test rows of the rarest classes, and as many of "
            "the others."
        )
    return found


def _columns(preprocessor: TablePreprocessor, found: Influences | None) -> list[str]:
    """Columns whose values are shown: the most influential ones, or the first."""
    listed = [] if found is None else [name for each in found.listed for name in each.columns]
    return [*listed, *(column.name for column in preprocessor.columns if column.name not in listed)][:COLUMNS]


def _examples(train: Part, profile: ClassProfile, k: int, side: int) -> Examples:
    rows = np.flatnonzero(train.targets.numpy() == k)
    chosen = np.sort(np.random.default_rng(k).permutation(rows)[:EXAMPLES])
    pictures = pixels_of(train, chosen) if len(chosen) else ()
    return Examples(
        profile.names[k],
        tuple(
            Thumbnail(str(name), thumbnail(picture, side))
            for name, picture in zip(train.ids[chosen], pictures, strict=True)
        ),
    )


def _pictured(
    mistakes: list[Mistakes],
    rows: Indices,
    predictor: Predictor | None,
    test: Part,
    made: Predictions,
    side: int,
    seconds: float,
    notes: list[str],
) -> list[Mistakes]:
    """The mistakes with their pictures, and beside these where the network looks; the first of each class first."""
    import torch

    from tailtune.run.evidence.saliency import saliency
    from tailtune.training.augmentation import normalisation

    if not len(rows):
        return mistakes
    pixels = pixels_of(test, rows)
    ranks = np.concatenate([np.arange(len(each.shown)) for each in mistakes])
    order = np.argsort(ranks, kind="stable")
    heats: dict[int, str] = {}
    if predictor is not None and seconds < LEAST_SECONDS:
        notes.append("There was no time left to say where the network looks.")
    elif predictor is not None and isinstance(predictor.model, torch.nn.Module):
        network, normalise = predictor.model, normalisation(predictor.preprocessor)
        assert normalise is not None
        answers, targets = made.model.answers[rows[order]], made.targets[rows[order]]
        found = saliency(network, normalise, pixels[order], answers, targets, seconds)
        heats = {int(at): heat_thumbnail(pixels[at], heat, side) for at, heat in zip(order, found, strict=False)}
        if len(found) < len(rows):
            notes.append(f"There was time to say where the network looks for {len(found)} of {len(rows)} pictures.")
    place, pictured = 0, list[Mistakes]()
    for each in mistakes:
        at = range(place, place + len(each.shown))
        place += len(each.shown)
        shown = (
            replace(mistake, picture=thumbnail(pixels[i], side), saliency=heats.get(i, ""))
            for i, mistake in zip(at, each.shown, strict=True)
        )
        pictured.append(replace(each, shown=tuple(shown)))
    return pictured
