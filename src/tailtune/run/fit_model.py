"""From a data set and a `Run` to a trained model: build, select honestly, train; networks and trees alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tailtune.data.dataset import Dataset, Part
from tailtune.data.stored_pictures import StoredPictures
from tailtune.errors import TailtuneError
from tailtune.methods.method import Method, Stage
from tailtune.methods.resolve import build as build_method
from tailtune.models import trees
from tailtune.models.build import build as build_model
from tailtune.models.build import default_name
from tailtune.models.external_weights import load_weights
from tailtune.models.frequency_scales import frequency_scales
from tailtune.models.network import Network, count_parameters
from tailtune.run.environment import peak_memory_mb
from tailtune.run.folder import read_run, write_run
from tailtune.run.predictor import Predictor
from tailtune.settings import Run, check
from tailtune.training.augmentation import augmentation
from tailtune.training.budget import fit_to_budget
from tailtune.training.device import choose_precision, choose_threads, closing, make_fabric, processor_threads
from tailtune.training.observer import Observer
from tailtune.training.randomness import initialisation, isolated
from tailtune.training.recipe import resolve
from tailtune.training.stages import Outcome, train_stages

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_OF_TREES = ("class_weights", "sampler", "enlarge")  # the parts of a stage that trees can take
_A = {"table": "a table", "image": "images"}
Watch = Callable[[], AbstractContextManager[Observer | None]]


@dataclass(frozen=True)
class Fitted:
    """A trained model and how it came about.

    Attributes:
        predictor: the model, ready for new rows.
        run: the configuration with everything resolved.
        training: the "training" part of result.json.
    """

    predictor: Predictor
    run: Run
    training: dict[str, Any]


def fit_model(
    run: Run, dataset: Dataset, *, folder: Path | None = None, resume: bool = False, watch: Watch = nullcontext
) -> Fitted | None:
    """Train the model of `run` on `dataset`.

    Args:
        run: what to do; its fields about reading data are not looked at.
        dataset: the data.
        folder: for run.yaml, checkpoints and metrics; nothing is written when None.
        resume: go on from the checkpoint in `folder`, if there is one.
        watch: opens an observer of the training.

    Returns:
        The fitted model, or None in the processes of a data-parallel run that are not the first.

    Raises:
        TailtuneError: unknown names, or settings that do not fit together.
    """
    check(run)
    check_flip_averaging(run, dataset)
    name = run.model or default_name(dataset.kind, dataset.preprocessor.shape(), len(dataset.train), run.weights)
    if name in trees.NAMES:
        return _fit_trees(run, dataset, name, folder)
    named = replace(run, model=name, method=run.method or "tuned")
    precision = choose_precision(named, dataset.kind)
    fabric = make_fabric(named, precision)
    job = _Job(run, fabric, folder, resume, watch)
    with closing(fabric), isolated(fabric.device), processor_threads(choose_threads(named, dataset)):
        if run.selection == "refit" and dataset.val is not None:
            half = replace(named, minutes=None if run.minutes is None else run.minutes / 2)
            within = job if folder is None else replace(job, folder=_made(folder / "selection"))
            chosen, first = _train(within, half, dataset)
            whole = replace(dataset, train=_joined(dataset.train, dataset.val), val=None)
            again = replace(chosen, minutes=None, selection="last")
            resolved, outcome = _train(job, again, whole, first.lengths)
            resolved = replace(resolved, selection="refit")
            seconds = outcome.trained.seconds + first.trained.seconds
            trained = replace(outcome.trained, seconds=seconds, best_epoch=first.trained.best_epoch)
            again_for = " and ".join(str(length) for length in first.lengths)
            note = f"{first.note} Then trained anew on training and validation rows for {again_for} epochs."
            outcome = replace(outcome, trained=trained, note=note)
        else:
            resolved, outcome = _train(job, named, dataset)
    if fabric.global_rank > 0:
        return None
    trained = outcome.trained
    training = {
        "epochs": trained.epochs,
        "planned_epochs": resolved.epochs,
        "steps": trained.steps,
        "seconds": round(trained.seconds, 3),
        "seconds_per_step": trained.seconds_per_step,
        "best_epoch": trained.best_epoch,
        "stopped": trained.stopped,
        "selection": run.selection,
        "selection_note": outcome.note,
        "warnings": list(trained.warnings),
        "peak_memory_mb": peak_memory_mb(),
        "parameters": count_parameters(outcome.model),
        "members": 1 if outcome.posterior is None else len(outcome.posterior),
        "precision": precision,
        "device": str(fabric.device),
    }
    predictor = Predictor(
        kind=dataset.kind,
        names=dataset.names,
        preprocessor=dataset.preprocessor,
        model_name=name,
        precision=precision,
        model=outcome.model.cpu(),
        offsets=_method(resolved, dataset).decision,
        posterior=outcome.posterior,
        published=run.pretrained or run.weights is not None,
        flip_averaging=run.flip_averaging,
    )
    return Fitted(predictor, resolved, training)


def check_flip_averaging(run: Run, dataset: Dataset) -> None:
    """Refuse to average over mirror images where there are none, or where they belong to another class.

    Raises:
        TailtuneError: `run.flip_averaging` for a table, or for images that must not be mirrored.
    """
    if not run.flip_averaging:
        return
    if dataset.kind != "image":
        raise TailtuneError("--flip-averaging mirrors images, and the data is a table; leave it out")
    if (dataset.flip if run.flip is None else run.flip) is False:
        raise TailtuneError(
            f"--flip-averaging needs mirror images that keep their class, and in {dataset.source} they do not; leave "
            "it out"
        )


@dataclass(frozen=True)
class _Job:
    """What stays the same over the trainings of one run."""

    asked: Run
    fabric: Fabric
    folder: Path | None
    resume: bool
    watch: Watch


def _method(run: Run, dataset: Dataset) -> Method:
    return build_method(str(run.method), dataset.profile, run)


def _train(job: _Job, run: Run, dataset: Dataset, lengths: tuple[int, ...] | None = None) -> tuple[Run, Outcome]:
    """Train one method, each stage for so many epochs (by default its share); return the resolved run as well.

    Raises:
        TailtuneError: a method for another kind of data.
    """
    fabric, folder = job.fabric, job.folder
    method = _method(run, dataset)
    if dataset.kind not in method.kinds:
        given = _A[dataset.kind]
        raise TailtuneError(
            f"method {run.method!r} is for {method.kinds[0]}s, and the data is {given}; choose another --method"
        )
    run = resolve(run, method, dataset)
    if method.ema is not None:
        run = replace(run, ema=method.ema)
    build = _builder(run, method, dataset)
    augment = augmentation(dataset.preprocessor, run)
    if run.minutes is not None:
        started = job.resume and folder is not None and any(folder.glob("*.ckpt"))
        if started and folder is not None:  # the epochs that were fitted to the budget when it started
            run = replace(run, epochs=read_run(folder).epochs)
        else:
            run = fit_to_budget(run, dataset, method, build, fabric, augment)
    if folder and fabric.global_rank == 0:
        write_run(folder, job.asked, run)
    with job.watch() as observer:
        outcome = train_stages(
            dataset,
            method,
            run,
            build,
            fabric,
            augment,
            lengths=lengths,
            folder=folder,
            resume=job.resume,
            observer=observer,
        )
    return run, outcome


def _builder(run: Run, method: Method, dataset: Dataset) -> Callable[[int], Network]:
    """Return what makes the freshly initialised network of a stage.

    Raises:
        TailtuneError: weights from elsewhere for a table, or beside timm's.
    """
    if run.weights is not None and (run.pretrained or dataset.kind == "table"):
        why = "--pretrained takes timm's own" if run.pretrained else "the data is a table"
        raise TailtuneError(f"--weights {run.weights} loads weights of an image network, but {why}; leave one out")
    shape, k, scales = dataset.preprocessor.shape(), len(dataset.names), None
    if str(run.model).endswith("-plr") and dataset.train.inputs[0].shape[1]:
        scales = frequency_scales(dataset.train.tensors(str(run.model))[0], dataset.train.targets, k, seed=run.seed)

    def build(stage: int) -> Network:
        with initialisation(run.seed, stage):
            head = method.stages[stage].head or "linear"
            published = run.weights is not None
            model = build_model(str(run.model), shape, k, head, run.pretrained, scales=scales, published=published)
        if run.weights is not None:
            load_weights(run.weights, model)
        return model

    return build


def _fit_trees(run: Run, dataset: Dataset, name: str, folder: Path | None) -> Fitted:
    if dataset.kind != "table":
        raise TailtuneError(f"{name} takes tables, not images; leave out --model or choose an image model")
    run = replace(run, model=name, method=run.method or "erm")
    method = _method(run, dataset)
    stage = method.stages[0]
    for part in (field.name for field in fields(Stage)):
        if part not in _OF_TREES and getattr(stage, part) != getattr(Stage(), part):
            raise TailtuneError(
                f"method {run.method!r} sets the {part.replace('_', ' ')} of a network, which {name} does not have; "
                "use --method erm"
            )
    if len(method.stages) > 1 or method.posterior is not None:
        raise TailtuneError(
            f"method {run.method!r} trains a network more than once, and {name} is none; use --method erm"
        )
    if folder:
        write_run(folder, run, run)
    weights = None if stage.class_weights is None else stage.class_weights(1.0)
    if stage.sampler is not None:  # trees see every row, so that drawing a class more often is weighing it more
        drawn = stage.sampler.probabilities(dataset.profile.counts, 1.0)
        weights = drawn / np.maximum(dataset.profile.priors, 1 / dataset.profile.total)
    began = time.perf_counter()
    shape, k = dataset.preprocessor.shape(), len(dataset.names)

    def enlarged(part: Part) -> Part:
        return part if stage.enlarge is None else stage.enlarge(part, shape, run.seed)

    fitted = trees.fit_xgboost(enlarged(dataset.train), dataset.val, shape, k, run.seed, weights)
    note = "A fixed number of boosting rounds." if dataset.val is None else "Boosting rounds by log loss on validation."
    if run.selection == "refit" and dataset.val is not None:
        again = replace(trees.DEFAULT, rounds_without_validation=fitted.rounds)
        whole = enlarged(_joined(dataset.train, dataset.val))
        fitted = trees.fit_xgboost(whole, None, shape, k, run.seed, weights, again)
        note += " Then fitted anew on training and validation rows with as many rounds."
    seconds = time.perf_counter() - began
    training: dict[str, Any] = {
        "epochs": fitted.rounds,
        "planned_epochs": fitted.rounds,
        "steps": fitted.rounds,
        "seconds": round(seconds, 3),
        "seconds_per_step": seconds / max(1, fitted.rounds),
        "best_epoch": fitted.rounds if dataset.val is not None else None,
        "stopped": "finished",
        "selection": run.selection,
        "selection_note": note,
        "warnings": [],
        "peak_memory_mb": peak_memory_mb(),
        "parameters": None,
        "members": 1,
        "precision": "32",
        "device": "cpu",
    }
    predictor = Predictor("table", dataset.names, dataset.preprocessor, name, "32", fitted, method.decision)
    return Fitted(predictor, run, training)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _concatenated(a: Any, b: Any) -> Any:
    return a.joined(b) if isinstance(a, StoredPictures) else torch.cat([a, b])


def _joined(a: Part, b: Part) -> Part:
    weights = None
    if a.weights is not None and b.weights is not None:
        weights = torch.cat([a.weights, b.weights])
    inputs = tuple(_concatenated(*pair) for pair in zip(a.inputs, b.inputs, strict=True))
    return Part(inputs, torch.cat([a.targets, b.targets]), np.concatenate([a.ids, b.ids]), weights)
