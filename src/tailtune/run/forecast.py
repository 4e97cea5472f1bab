"""What is said before a network trains: what was chosen, how long it will take, and what would be faster."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tailtune.data.dataset import Dataset
from tailtune.errors import TailtuneError
from tailtune.files import write_whole
from tailtune.methods.method import Method
from tailtune.models.build import PRETRAINED, default_for_own_pictures
from tailtune.processors import cores, kept_busy
from tailtune.run.environment import visible_gpus
from tailtune.run.folder import read_resolved
from tailtune.settings import ResolvedTraining
from tailtune.training.budget import WHOLE, Pace
from tailtune.words import NBSP, duration

LONG = 600.0  # seconds, from which on it is said what would be faster
ENOUGH = 0.75  # of a processor is free, for a thread to count on it
MOST_THREADS = 8  # beyond which layers for a batch of pictures gain little
SMALL_SIDE = 64  # pixels, up to which pictures are not worth making smaller
SHARE = "share.json"


def forecast(
    run: ResolvedTraining, method: Method, dataset: Dataset, chosen: str, pace: Pace | None
) -> tuple[str, ...]:
    """Return what to say before training, a sentence each.

    Args:
        run: what is trained.
        method: of it.
        dataset: the rows that are used.
        chosen: the settings in words.
        pace: how long the epochs take over all training rows, or None where that could not be timed.
    """
    said = [f"Training by {run.method}: {chosen}."]
    if pace is not None:
        epoch, whole = sum(pace.epochs) / len(pace.epochs), pace.seconds(method, run)
        early = ", or less if it stops early" if run.patience else ""
        words = [duration(float(f"{seconds:.2g}")).replace(NBSP, " ") for seconds in (epoch, whole)]
        within = "" if run.minutes is None else f" (--minutes {run.minutes:g})"
        every = f", all {run.epochs} about {words[1]}{early}" if run.epochs > 1 else ""
        refits = run.selection == "refit" and dataset.val is not None
        again = "; training anew with the validation rows takes as long again" if refits else ""
        said.append(f"An epoch over all rows takes about {words[0]}{every}{within}{again}.")
        if whole * (1 + refits) > LONG or (run.minutes is not None and run.epochs == 1):
            said.append(f"Faster: {faster(run, dataset)}.")
        said += crowded(run, dataset)
    return tuple(said)


def crowded(run: ResolvedTraining, dataset: Dataset) -> list[str]:
    """Return a sentence where other programs leave no processors to the threads of pictures' networks, else none."""
    if dataset.kind != "image" or (run.threads or 1) == 1 or _on_a_gpu(run):
        return []
    there, busy = cores(), kept_busy()
    if there - busy >= (run.threads or 1) - 1 + ENOUGH:
        return []
    return [
        f"Other programs keep about {max(1, round(busy))} of the {there} processors here busy, and training in "
        f"{run.threads} threads waits for them at every layer, which can make it many times as slow: stop them, or "
        "take --threads 1 (sums come in another order, so the bits differ)."
    ]


def faster(run: ResolvedTraining, dataset: Dataset) -> str:
    """Return options that would make training faster, in words."""
    quick, ways = ["mlp", "xgboost"], []
    if dataset.kind == "image":
        shape = dataset.preprocessor.shape()
        side = max(int(str(shape["height"])), int(str(shape["width"])))
        quick = ["resnet18" if side > SMALL_SIDE else "resnet8"]
        if run.model in (PRETRAINED, default_for_own_pictures(0, pretrained=False)):
            quick = []  # nothing in the list is faster
        if run.pretrained or run.weights:
            ways.append("--method probe")
        if side > SMALL_SIDE and Path(run.data).is_dir():
            ways.append(f"--image-size {side // 2}")
    ways = [f"--model {name}" for name in quick if name != run.model.removeprefix("timm/")] + ways
    more = min(cores(), MOST_THREADS)
    if dataset.kind == "image" and run.threads is not None and more > run.threads and not _on_a_gpu(run):
        ways.append(f"--threads {more}")
    if run.minutes is None:
        ways.append("--minutes 10, which fits the training to that time")
    return f"try {' or '.join(ways)}" if ways else "take fewer rows"


def _on_a_gpu(run: ResolvedTraining) -> bool:
    return run.accelerator != "cpu" and bool(visible_gpus())


def part_of_an_epoch(run: ResolvedTraining, rows: int, of: int) -> str:
    """Return the sentence on a training over a part of the rows."""
    return (
        f"Not even one epoch fits into --minutes {run.minutes:g}: trained on {rows:,} of the {of:,} training rows, of "
        f"which classes with up to {WHOLE} keep all where there is room. With more minutes it would use the rest."
    )


def too_short(run: ResolvedTraining, left: float, seconds: float) -> str:
    """Return the sentence on a budget of which less is left than the shortest training takes."""
    there, wanted = (duration(float(f"{max(0.0, value):.2g}")).replace(NBSP, " ") for value in (left, seconds))
    return (
        f"--minutes {run.minutes:g} cannot be kept: {there} of it are there for training, and the shortest takes about "
        f"{wanted}."
    )


def write_share(folder: Path, share: float) -> None:
    """Keep the share of the rows that fits the budget, so that a resumed run takes the same ones."""
    write_whole(folder / SHARE, json.dumps({"share": share}).encode())


def read_plan(folder: Path, run: ResolvedTraining) -> tuple[ResolvedTraining, float]:
    """Return `run` and the share of the rows as they were fitted to the budget when the run in `folder` started.

    Raises:
        TailtuneError: its share.json is missing or broken.
    """
    before = read_resolved(folder)
    fitted = {name: getattr(before, name) for name in ("epochs", "batch_size", "lr")}
    try:
        share = float(json.loads((folder / SHARE).read_bytes())["share"])
    except (OSError, ValueError, KeyError) as error:
        raise TailtuneError(
            f"{folder / SHARE} cannot be read ({error}); delete the folder and run the fit again"
        ) from error
    return replace(run, **fitted), share
