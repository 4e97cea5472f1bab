"""Networks as a learner: build, select honestly, train."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tailtune.data.dataset import Dataset
from tailtune.decision.decision import Decision
from tailtune.decision.use import HeldOut
from tailtune.errors import TailtuneError
from tailtune.methods.implied_balance import implied_balance
from tailtune.methods.method import Method
from tailtune.methods.resolve import build as build_method
from tailtune.methods.search import Log, Space
from tailtune.methods.weighted_classes import weighted_classes
from tailtune.models.build import build as build_model
from tailtune.models.external_weights import load_weights
from tailtune.models.frequency_scales import frequency_scales
from tailtune.models.network import Network, count_parameters
from tailtune.models.tabular import edges_for
from tailtune.named_settings import parse
from tailtune.run.continued import start, start_of
from tailtune.run.decide import fit_method_decision
from tailtune.run.environment import peak_memory_mb
from tailtune.run.folder import write_run
from tailtune.run.forecast import forecast, part_of_an_epoch, read_plan, too_short, write_share
from tailtune.run.learner import Fitted, Job, Learner, Price
from tailtune.run.learners.picture_default import without_weights
from tailtune.run.predictor import Predictor
from tailtune.run.result import TrainingRecord
from tailtune.settings import Resolved, ResolvedTraining, Run
from tailtune.training.assignment import Ground, Trail
from tailtune.training.augmentation import augmentation
from tailtune.training.budget import PROBE, fit_to_budget, pace, thinned
from tailtune.training.device import choose_precision, choose_threads, closing, make_fabric
from tailtune.training.fine_tuning import fine_tunes, normalised_as_published, with_slower_body
from tailtune.training.mirrors import look_at_mirrors, undecided
from tailtune.training.observer import Silent
from tailtune.training.randomness import initialisation, isolated
from tailtune.training.recipe import resolve
from tailtune.training.stages import Outcome, epochs_of_stages, train_stages
from tailtune.words import counted

if TYPE_CHECKING:
    from lightning_fabric import Fabric

TIMED_STEPS = 20
CHECKPOINT_COPIES = 4  # of the parameters: network, momentum, weight average, best weights


def fit(run: Run, dataset: Dataset, job: Job) -> Fitted | None:
    """Train the network of `run`, see `Learner.fit`.

    Raises:
        TailtuneError: unknown names, or settings that do not fit together.
    """
    check_flip_averaging(run, dataset)
    named = _named(run)
    if fine_tunes(run, dataset):
        dataset = normalised_as_published(run, dataset, named.model)
    precision = choose_precision(named, dataset.kind)
    fabric = make_fabric(named, precision)
    if run.minutes is not None and job.until is None:
        job = replace(job, until=time.monotonic() + 60 * run.minutes)
    place, val = _Place(job.asked or run, fabric, job), dataset.val
    if job.mirrors and undecided(named, dataset, _method(named, dataset)):
        mirrors = look_at_mirrors(dataset, named)
        named, place = replace(named, flip=mirrors.keep), replace(place, notes=(mirrors.said,))

    def predictor(trained: _Trained, decision: Decision | None) -> Predictor:
        return Predictor(
            kind=dataset.kind,
            names=dataset.names,
            preprocessor=dataset.preprocessor,
            model_name=named.model,
            precision=precision,
            model=trained.outcome.model.cpu(),
            decision=decision,
            posterior=trained.outcome.posterior,
            published=_published(run),
            flip_averaging=trained.run.flip_averaging,
        )

    with closing(fabric), isolated(fabric.device):
        if run.selection == "refit" and dataset.val is not None:
            half = replace(job, until=None if job.until is None else _halfway(job.until))
            within = half if job.folder is None else replace(half, folder=_made(job.folder))
            first = _train(replace(place, job=within), named, dataset)
            dataset = first.dataset
            assert dataset.val is not None
            whole = replace(dataset, train=dataset.train.joined(dataset.val), val=None)
            alone = replace(place, job=replace(job, forecast=None))
            final = _train(alone, replace(first.run, minutes=None, selection="last"), whole, first.outcome.lengths)
            final = _refitted(first, final)
        else:
            first = _train(place, named, dataset)
            final, dataset = first, first.dataset
            whole = dataset
    if fabric.global_rank > 0:
        return None
    held_out = None
    if val is not None:  # all of it, even where training looked at a part
        held_out = HeldOut.of(predictor(first, None).scores(val.inputs), val)
    decision, held_out = fit_method_decision(first.method.decision, dataset.profile, held_out)
    if decision is not None and whole is not dataset:
        decision = decision.trained_on(whole.profile)
    made = predictor(final, decision)
    trained = final.outcome.trained
    training = TrainingRecord(
        epochs=trained.epochs,
        planned_epochs=final.run.epochs if trained.steps else trained.epochs,
        steps=trained.steps,
        seconds=round(trained.seconds, 3),
        seconds_per_step=trained.seconds_per_step,
        best_epoch=trained.best_epoch,
        stopped=trained.stopped,
        selection=run.selection,
        selection_note=final.outcome.note,
        warnings=trained.warnings + first.notes,
        peak_memory_mb=peak_memory_mb(),
        parameters=count_parameters(final.outcome.model),
        members=1 if final.outcome.posterior is None else len(final.outcome.posterior),
        precision=precision,
        device=str(fabric.device),
    )
    return Fitted(made, final.run, training, implied_balance(first.method, dataset.profile), held_out)


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
class _Place:
    """Where a training takes place: what was asked for, the devices, the folder, and what is to be said already."""

    asked: Run
    fabric: Fabric
    job: Job
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Trained:
    """A training that was carried out.

    Attributes:
        run: resolved.
        method, outcome: of what, and what it left behind.
        dataset: the rows that it took.
        notes: what a user should hear, a sentence each.
    """

    run: ResolvedTraining
    method: Method
    outcome: Outcome
    dataset: Dataset
    notes: tuple[str, ...] = ()


def _named(run: Run) -> Resolved:
    return Resolved(**(vars(run) | {"method": run.method or LEARNER.method}))


def _method(run: Resolved, dataset: Dataset) -> Method:
    method = build_method(run.method, dataset.profile)
    return weighted_classes(method, dataset.class_weights, dataset.profile)


def _refitted(first: _Trained, final: _Trained) -> _Trained:
    """Say of the second training what the first one chose."""
    outcome, chosen = final.outcome, first.outcome
    seconds = outcome.trained.seconds + chosen.trained.seconds
    trained = replace(outcome.trained, seconds=seconds, best_epoch=chosen.trained.best_epoch)
    again_for = " and ".join(str(length) for length in chosen.lengths)
    note = f"{chosen.note} Then trained anew on training and validation rows for {again_for} epochs."
    return replace(
        final, run=replace(final.run, selection="refit"), outcome=replace(outcome, trained=trained, note=note)
    )


def _train(place: _Place, run: Resolved, dataset: Dataset, lengths: tuple[int, ...] | None = None) -> _Trained:
    """Train one method, each stage for so many epochs (by default its share).

    Raises:
        TailtuneError: a method for another kind of data.
    """
    fabric, job = place.fabric, place.job
    method = _method(run, dataset)
    if dataset.kind not in method.kinds:
        given = "a table" if dataset.kind == "table" else "images"
        raise TailtuneError(
            f"method {run.method!r} is for {method.kinds[0]}s, and the data is {given}; choose another --method"
        )
    if fine_tunes(run, dataset):
        method = with_slower_body(method)
    resolved = resolve(run, method, dataset)
    if method.ema is not None:
        resolved = replace(resolved, ema=method.ema)
    build = _builder(resolved, method, dataset)
    if resolved.pretrained or resolved.weights:
        build(0)  # so that what is wrong with the weights is heard before anything else
    ground = Ground(dataset, resolved, fabric, augmentation(dataset.preprocessor, resolved))
    started = job.folder is not None and job.resume and any(job.folder.glob("*.ckpt"))
    notes = (*without_weights(place.asked, dataset), *place.notes)
    found = None
    stepless = not any(epochs_of_stages(method, resolved))
    if stepless:
        notes += _worth(resolved)
    elif resolved.minutes is not None:
        if started and job.folder is not None:
            resolved, share = read_plan(job.folder, resolved)
        else:
            assert job.until is not None
            plan = fit_to_budget(method, build, ground, place.asked, job.until - time.monotonic())
            resolved, share, found = plan.run, plan.share, plan.pace
            left = job.until - time.monotonic()
            if plan.seconds > 1.05 * left:
                notes += (too_short(resolved, left, plan.seconds),)
        if share < 1:
            dataset = thinned(ground.dataset, share, resolved.seed)
            method = _method(run, dataset)
            method = with_slower_body(method) if fine_tunes(run, dataset) else method
            notes += (part_of_an_epoch(resolved, len(dataset.train), len(ground.dataset.train)),)
        if job.folder and fabric.global_rank == 0:
            write_share(job.folder, share)
        fewer = resolve(replace(run, epochs=resolved.epochs), method, ground.dataset)  # which want milder augmentation
        resolved = replace(resolved, policy=fewer.policy, flip_averaging=fewer.flip_averaging)
    elif job.forecast is not None and not started and fabric.world_size == 1:
        with suppress(TailtuneError):  # what is wrong is said by the training itself
            found = pace(method, build, ground, PROBE)
    if job.folder and fabric.global_rank == 0:
        write_run(job.folder, place.asked, resolved)
    ground = Ground(dataset, resolved, fabric, augmentation(dataset.preprocessor, resolved))
    if job.forecast is not None and not started:
        words = f"{resolved.model}{_begun(resolved)}, one pass for features" if stepless else _summary(resolved)
        for sentence in (*forecast(resolved, method, dataset, words, found), *notes):
            job.forecast(sentence)
    with job.watch() as observer:
        trail = Trail(job.folder, job.resume, observer or Silent(), job.until)
        outcome = train_stages(method, build, ground, trail, lengths)
    return _Trained(resolved, method, outcome, dataset, notes)


def _builder(run: ResolvedTraining, method: Method, dataset: Dataset) -> Callable[[int], Network]:
    """Return what makes the freshly initialised network of a stage.

    Raises:
        TailtuneError: weights from elsewhere for a table, or beside timm's.
    """
    if run.weights is not None and (run.pretrained or dataset.kind == "table"):
        why = "--pretrained takes timm's own" if run.pretrained else "the data is a table"
        raise TailtuneError(f"--weights {run.weights} loads weights of an image network, but {why}; leave one out")
    shape, k, scales = dataset.preprocessor.shape(), len(dataset.names), None
    kind, given = parse(run.model)
    periodic = kind.endswith(("-plr", "-periodic"))
    found = periodic and "frequency_init_scale" not in given  # else they are asked for, and are trained
    if found and dataset.train.inputs[0].shape[1]:
        scales = frequency_scales(dataset.train.tensors(run.model)[0], dataset.train.targets, k, seed=run.seed)

    edges = None
    if dataset.kind == "table":
        edges = edges_for(run.model, dataset.train.tensors(run.model)[0], dataset.train.targets)

    def build(stage: int) -> Network:
        with initialisation(run.seed, stage):
            head = method.stages[stage].head or "linear"
            published = _published(run)
            model = build_model(
                run.model, shape, k, head, bool(run.pretrained), scales=scales, published=published, edges=edges
            )
        if run.weights is not None:
            load_weights(run.weights, model)
        if run.init_from is not None:
            start(run, model)
        return model

    return build


def _published(run: Run) -> bool:
    """Whether the network keeps timm's published kernels although the images are small."""
    if run.init_from is not None:
        return start_of(run).published
    return bool(run.pretrained) or run.weights is not None


def _halfway(until: float) -> float:
    """The time, by `time.monotonic`, by which the first of two trainings should be done; the second has more rows."""
    return time.monotonic() + 0.45 * (until - time.monotonic())


def _made(folder: Path) -> Path:
    """The folder of the training that chooses, within that of the run."""
    within = folder / "selection"
    within.mkdir(exist_ok=True)
    return within


def _share(run: Run, dataset: Dataset) -> Run:
    """Settle the routine of the tuned recipe; what the network cannot take is a TailtuneError."""
    with initialisation(0):
        build_model(str(run.model), dataset.preprocessor.shape(), len(dataset.names), pretrained=bool(run.pretrained))
    return resolve(_named(run), Method("shared", recipe="tuned"), dataset)


def _price(run: Run, dataset: Dataset) -> Price:
    """Train for one epoch of about 20 steps, twice, and extend what the second took to all epochs."""
    named = _named(run)
    settled = resolve(named, _method(named, dataset), dataset)  # an arm with a routine of its own leaves it open
    part = dataset.train
    rows = min(len(part), TIMED_STEPS * settled.batch_size)
    few = replace(dataset, train=part.take(np.linspace(0, len(part) - 1, rows).astype(np.int64)))
    fitted = [fit(replace(settled, epochs=1), few, Job()) for _ in range(2)][1]  # the first one pays for warming up
    assert fitted is not None
    steps = settled.epochs * (len(part) // min(settled.batch_size, len(part)))
    size = 4 * (fitted.training.parameters or 0)
    return Price(steps * fitted.training.seconds_per_step, size, CHECKPOINT_COPIES * size)


def _space(run: Run) -> Space:
    """The rate and the weight decay around those of `run`."""
    assert run.lr is not None
    assert run.weight_decay is not None
    decay = Log(run.weight_decay / 10, run.weight_decay * 10) if run.weight_decay else Log(1e-6, 1e-2)
    return {"lr": Log(run.lr / 10, run.lr * 5), "weight_decay": decay}


def _begun(run: Run) -> str:
    return " with published weights" if run.pretrained else f" with weights {run.weights}" if run.weights else ""


def _worth(run: Run) -> tuple[str, ...]:
    """Return the sentence on features that nothing was learnt for."""
    if run.pretrained or run.weights:
        return ()
    return (
        "Only the head is fitted, and to features of random weights, which know nothing of pictures: no more than a "
        "lower bound. Take published weights (--pretrained, --weights FILE), or train with --method tuned.",
    )


def _summary(run: Run) -> str:
    assert run.epochs is not None
    averaged = ", predictions averaged over mirror images" if run.flip_averaging else ""
    return (
        f"{run.model}{_begun(run)}, {counted(run.epochs, 'epoch', 'epochs')}, batches of {run.batch_size}, "
        f"{run.optimizer} at {run.lr:g}, weight decay {run.weight_decay:g}, weight average {run.ema:g}, augmentation "
        f"{run.policy}{averaged}, selection {run.selection}"
    )


LEARNER = Learner("network", "tuned", fit, _share, choose_threads, _price, _space, _summary, network=True)
