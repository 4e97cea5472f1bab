"""Classical models of tables as learners, whichever the library: boosted trees, forests, linear models."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from functools import partial

import numpy as np

from tailtune.data.dataset import Dataset, Part
from tailtune.decision.use import HeldOut
from tailtune.errors import TailtuneError
from tailtune.methods.implied_balance import implied_balance
from tailtune.methods.method import Method, Stage
from tailtune.methods.resolve import build as build_method
from tailtune.methods.search import Space
from tailtune.methods.weighted_classes import weighted_classes
from tailtune.models.classical import LIBRARIES
from tailtune.models.classical.library import Boosting, Classical, Library
from tailtune.named_settings import home, settled
from tailtune.profile import ClassProfile, Floats
from tailtune.run.decide import fit_method_decision
from tailtune.run.environment import peak_memory_mb
from tailtune.run.folder import write_run
from tailtune.run.learner import Fitted, Job, Learner, Price
from tailtune.run.predictor import Predictor
from tailtune.run.result import TrainingRecord
from tailtune.settings import Resolved, Run
from tailtune.words import OUT_OF_TIME, counted

MANY_ROWS = 100_000  # with fewer, growing a tree takes too little time for sharing it out to pay
LACKS = (
    *("epochs", "batch_size", "optimizer", "lr", "weight_decay", "clip", "ema", "policy", "patience"),
    *("test_curve", "compile", "track"),
)


def learner(library: Library) -> Learner:
    """Return the learner of the models of `library`."""
    return Learner(
        label=library.LABEL,
        method="erm",
        fit=partial(_fit, library),
        share=_share,
        threads=lambda dataset: 1 if len(dataset.train) < MANY_ROWS else 2,
        price=partial(_price, library),
        space=_space,
        summary=lambda run: f"{run.model}, selection {run.selection}",
        lacks=LACKS,
    )


def _fit(library: Library, run: Run, dataset: Dataset, job: Job) -> Fitted:
    resolved = _resolved(run, dataset)
    if dataset.class_weights is not None and not library.WEIGHS_CLASSES:
        raise TailtuneError(f"class_weight {_without_effect(library, resolved)}; leave it out, or take model xgboost")
    method = weighted_classes(build_method(resolved.method, dataset.profile), dataset.class_weights, dataset.profile)
    stage, settings = _only_stage(method, resolved, library), settled(resolved.model, library.SETTINGS)
    if job.folder:
        write_run(job.folder, job.asked or run, resolved)
    began = time.perf_counter()
    shape, k, threads = dataset.preprocessor.shape(), len(dataset.names), resolved.threads

    def enlarged(part: Part) -> Part:
        return part if stage.enlarge is None else stage.enlarge(part, shape, resolved.seed)

    def trained(train: Part, val: Part | None, profile: ClassProfile, boosting: Boosting) -> Classical:
        weights = _class_weights(stage, profile)
        return library.fit(train, val, shape, k, resolved.seed, _row_weights(train, val, weights), boosting, settings)

    until = job.until
    if until is not None and resolved.selection == "refit":
        until = time.monotonic() + (until - time.monotonic()) / 2
    boosting = Boosting(threads=threads, until=until)
    model = trained(enlarged(dataset.train), dataset.val, dataset.profile, boosting)
    late = library.LOOKS_AT_CLOCK and boosting.over
    note = "A fixed number of rounds." if dataset.val is None else "Rounds by log loss on validation."
    held_out = None
    if dataset.val is not None:
        scores = model.predict_proba(dataset.val.tensors(library.LABEL))
        held_out = HeldOut.of(scores, dataset.val)
    decision, held_out = fit_method_decision(method.decision, dataset.profile, held_out)
    if resolved.selection == "refit" and dataset.val is not None:
        again = Boosting(rounds_without_validation=model.rounds, threads=threads)
        whole = replace(dataset, train=dataset.train.joined(dataset.val), val=None)
        model = trained(enlarged(whole.train), None, whole.profile, again)
        decision = None if decision is None else decision.trained_on(whole.profile)
        note += " Then fitted anew on training and validation rows with as many rounds."
    seconds = time.perf_counter() - began
    training = TrainingRecord(
        epochs=model.rounds,
        planned_epochs=model.rounds,
        steps=model.rounds,
        seconds=round(seconds, 3),
        seconds_per_step=seconds / max(1, model.rounds),
        best_epoch=model.rounds if dataset.val is not None else None,
        stopped=OUT_OF_TIME if late else "finished",
        selection=resolved.selection,
        selection_note=note,
        warnings=(f"{library.LABEL} was stopped after {counted(model.rounds, 'round', 'rounds')}, to end in time.",)
        if late
        else (),
        peak_memory_mb=peak_memory_mb(),
        parameters=None,
        members=1,
        precision="32",
        device="cpu",
    )
    predictor = Predictor("table", dataset.names, dataset.preprocessor, resolved.model, "32", model, decision)
    return Fitted(predictor, resolved, training, implied_balance(method, dataset.profile), held_out)


def _resolved(run: Run, dataset: Dataset) -> Resolved:
    """Decide the method.

    Raises:
        TailtuneError: the data is no table.
    """
    if dataset.kind != "table":
        raise TailtuneError(f"{run.model} takes tables, not images; leave out --model or choose an image model")
    return Resolved(**(vars(run) | {"method": run.method or "erm"}))


def _only_stage(method: Method, run: Resolved, library: Library) -> Stage:
    """Return what the model takes of a method.

    Raises:
        TailtuneError: the method sets what the model does not have, or changes what it does in the course of training.
    """
    if len(method.stages) > 1 or method.posterior is not None:
        raise TailtuneError(
            f"method {run.method!r} trains a network more than once, and {run.model} is none; use --method erm"
        )
    stage, plain = method.stages[0], Stage()
    for part in (field.name for field in fields(Stage)):
        if part not in library.TAKES and getattr(stage, part) != getattr(plain, part):
            raise TailtuneError(
                f"method {run.method!r} sets the {part.replace('_', ' ')} of training, which {run.model} does not "
                "have; use --method erm"
            )
    sizes = ClassProfile((3, 1))
    first, last = (_class_weights(stage, sizes, progress) for progress in (0.0, 1.0))
    if first is not None and not library.WEIGHS_CLASSES:
        raise TailtuneError(
            f"method {run.method!r} weighs or draws the classes, which {_without_effect(library, run)}; use "
            "--method erm, or --model xgboost"
        )
    if first is not None and last is not None and not np.allclose(first, last):
        raise TailtuneError(
            f"method {run.method!r} weighs or draws the classes differently late in training, and {run.model} has one "
            "set of weights for all rounds; use --method class_balanced or balanced_sampling"
        )
    return stage


def _without_effect(library: Library, run: Resolved) -> str:
    return f"changes nothing in {'the pure leaves of ' if library.TAKES else ''}{run.model}"


def _class_weights(stage: Stage, profile: ClassProfile, progress: float = 1.0) -> Floats | None:
    """The weight of each class [K], up to a factor; None for equal ones.

    Every row is seen, so that drawing a class more often is weighing it more.
    """
    if stage.sampler is not None:
        drawn = stage.sampler.probabilities(profile.counts, progress)
        return np.asarray(drawn / np.maximum(profile.priors, 1 / profile.total))
    return None if stage.class_weights is None else np.asarray(stage.class_weights(progress), dtype=np.float64)


def _row_weights(train: Part, val: Part | None, class_weights: Floats | None) -> tuple[Floats, Floats] | None:
    """The weight of each row of both parts: its own times its class's, scaled to mean 1 over the training rows.

    Boosting adds weights up: with another mean, the same ratio between the classes would be another regularisation.
    """
    if class_weights is None and train.weights is None:
        return None

    def raw(part: Part) -> Floats:
        rows = np.ones(len(part)) if class_weights is None else class_weights[part.targets.numpy()]
        return rows if part.weights is None else rows * part.weights.numpy()

    scale = raw(train).mean()
    return raw(train) / scale, np.zeros(0) if val is None else raw(val) / scale


def _share(run: Run, dataset: Dataset) -> Run:
    settled(str(run.model), LIBRARIES[home(str(run.model))].SETTINGS)
    return replace(run, model=_resolved(run, dataset).model)


def _price(library: Library, run: Run, dataset: Dataset) -> Price:
    fitted = [_fit(library, run, dataset, Job()) for _ in range(2)][1]  # the first one pays for warming up
    return Price(fitted.training.seconds)


def _space(run: Run) -> Space:
    return {}
