"""A method's stages one after the other: prepare, train, finish, and last the weights to predict with."""

from __future__ import annotations

import copy
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from tailtune.bayes.posterior import Posterior
from tailtune.data.dataset import Dataset
from tailtune.errors import TailtuneError
from tailtune.methods.method import Context, Method, Stage
from tailtune.models.network import Network
from tailtune.profile import Floats
from tailtune.settings import ResolvedTraining
from tailtune.training.assignment import UNSEEN, Ground, Place, Trail, Trainee
from tailtune.training.batches import Batches
from tailtune.training.inputs import Inputs
from tailtune.training.loop import Trained, train
from tailtune.training.modes import freezing
from tailtune.training.randomness import derived_seed, initialisation
from tailtune.training.running_statistics import RunningStatistics
from tailtune.training.selection import Selection, select

LOOKS = 1000  # at what a method does in the course of its epochs; between two of them it changes once at most
_PREPARATION, _FINISH, _POSTERIOR = range(100, 103)  # streams of the seed, beside those of training


@dataclass(frozen=True)
class Outcome:
    """What the stages of a method leave behind.

    Attributes:
        model: the final network, in evaluation mode.
        posterior: the weights to average predictions over, or None to predict with the network alone.
        trained: of all stages together.
        lengths: the epochs of each stage whose weights were kept: what a second training of fixed length needs.
        note: a sentence on selection.
    """

    model: Network
    posterior: Posterior | None
    trained: Trained
    lengths: tuple[int, ...]
    note: str


def train_stages(
    method: Method,
    build: Callable[[int], Network],
    ground: Ground,
    trail: Trail = UNSEEN,
    lengths: Sequence[int] | None = None,
) -> Outcome:
    """Train by `method`; call within `randomness.isolated`.

    Args:
        method: what to train with.
        build: makes the freshly initialised network of the stage with this index.
        ground: on what; the epochs of its run are those of the whole training.
        trail: what is kept; with `resume`, a finished stage is not trained again.
        lengths: epochs of each stage; each stage's share of the run's epochs when None.

    Raises:
        TailtuneError: what `loop.train` refuses, or no validation rows to select on.
        Interrupted: stopped by a signal.
    """
    dataset, run, fabric, augment = ground.dataset, ground.run, ground.fabric, ground.augment
    lengths = lengths or epochs_of_stages(method, run)
    k, device = len(dataset.names), fabric.device
    kept = {stage.reference for stage in method.stages}
    model = build(0)
    references: dict[int, Network] = {}
    finals: list[dict[str, torch.Tensor]] = []
    done: list[Trained] = []
    note = ""

    def renew_statistics() -> None:
        index = min(len(done), len(method.stages) - 1)
        stage, part = method.stages[index], dataset.train
        if stage.enlarge is not None:
            part = stage.enlarge(part, dataset.preprocessor.shape(), run.seed)
        rows = Inputs.of(part, k, augment, device)
        batches = Batches(rows, stage, augment, model, None, flip=run.flip is not False)
        last = 1 - 0.5 / lengths[index]  # progress of the last epoch
        RunningStatistics(batches, len(dataset.train), run.seed, index, fabric.autocast).renew(last)

    def context(stream: int, collected: Sequence[dict[str, torch.Tensor]] = ()) -> Context:
        seed = derived_seed(run.seed, stream, len(done))
        rows = Inputs.of(dataset.train, k, augment, device)
        held_out = None if dataset.val is None else Inputs.of(dataset.val, k, augment, device)
        model.to(device).eval()
        return Context(
            model, dataset.profile, rows, held_out, collected, seed, renew_statistics, autocast=fabric.autocast
        )

    for i, (stage, epochs) in enumerate(zip(method.stages, lengths, strict=True)):
        if i and stage.init == "fresh":
            model = build(i)
        if stage.prepare is not None:
            with initialisation(run.seed, _PREPARATION + i):
                stage.prepare(context(_PREPARATION))
        if not epochs:
            _refuse_weights(method.name, stage, dataset)
            began = time.perf_counter()
            if stage.finish is not None:
                with initialisation(run.seed, _FINISH + i):
                    stage.finish(context(_FINISH))
            done.append(Trained(0, 0, None, "finished", time.perf_counter() - began, 0.0))
            note = "No step was trained: the head was fitted to features that stayed as they were."
            continue
        selection, said = _selection(run, dataset, stage, epochs, method.balances)
        note = said or note
        place = Place(
            i,
            len(method.stages),
            sum(trained.epochs for trained in done),
            sum(trained.steps for trained in done),
            done[-1].log_bytes if done else 0,
        )
        with freezing(model, stage):
            reference = None if stage.reference is None else references[stage.reference]
            trainee = Trainee(model, stage, selection, method.decision, reference)
            trained = train(trainee, replace(ground, run=replace(run, epochs=epochs)), place, trail)
        if stage.finish is not None:
            with initialisation(run.seed, _FINISH + i):
                stage.finish(context(_FINISH, trained.collected))
        done.append(replace(trained, warnings=trained.warnings + _unreached(stage, dataset, epochs)))
        if i in kept:
            references[i] = copy.deepcopy(model).eval().requires_grad_(False)
        if method.members == "stages":
            finals.append(copy.deepcopy(model.state_dict()))
    posterior = None
    if method.posterior is not None:
        with initialisation(run.seed, _POSTERIOR):
            posterior = method.posterior(
                context(_POSTERIOR, finals if method.members == "stages" else done[-1].collected)
            )
    model.eval()
    return Outcome(model, posterior, _together(done), tuple(t.best_epoch or t.epochs for t in done), note)


def epochs_of_stages(method: Method, run: ResolvedTraining) -> tuple[int, ...]:
    """Epochs of each stage: its share of the run's, at least one, but for stages without any step."""
    return tuple(max(1, round(stage.share * run.epochs)) if stage.share else 0 for stage in method.stages)


def _refuse_weights(name: str, stage: Stage, dataset: Dataset) -> None:
    """Refuse weights of rows and classes where no loss takes them.

    Raises:
        TailtuneError: there are some.
    """
    if stage.class_weights is not None or dataset.train.weights is not None:
        raise TailtuneError(f"method {name} trains no step, so it takes no weights of rows or classes; leave them out")


def _selection(
    run: ResolvedTraining, dataset: Dataset, stage: Stage, epochs: int, balances: bool
) -> tuple[Selection, str]:
    """What `stage` selects its weights by; where a schedule must run to its end, or nothing can be scored, nothing."""
    if stage.auxiliary is not None and not stage.auxiliary.supervised:
        return Selection(None, "accuracy", 0, choose=False), ""
    selection, note = select(run, dataset, balances)
    if stage.collect is not None or stage.schedule is not None:
        kept = replace(selection, patience=0, choose=False)
        return kept, "The last weights, because the method's schedule has to run to its end."
    selection.settled = _settled(stage, dataset, epochs) if selection.choose else 0
    if selection.settled:
        selection.patience = 0
        note += f" Only epochs after {selection.settled} could be chosen, because the method changes until then."
    return selection, note


def _settled(stage: Stage, dataset: Dataset, epochs: int) -> int:
    """The epochs after which `stage` no longer changes what it does; those before are not what it stands for."""
    last = _state(stage, dataset, 1 - 0.5 / epochs)

    def changes(epoch: int) -> bool:
        return not np.allclose(_state(stage, dataset, (epoch + 0.5) / epochs), last)

    looked_at = np.unique(np.linspace(0, epochs - 1, min(epochs, LOOKS)).astype(int)).tolist()
    changing = [i for i, epoch in enumerate(looked_at) if changes(epoch)]
    if not changing:
        return 0
    between = range(looked_at[changing[-1]], looked_at[changing[-1] + 1])
    return between.start + bisect_left(between, True, key=lambda epoch: not changes(epoch))


def _state(stage: Stage, dataset: Dataset, progress: float) -> Floats:
    """What `stage` does to the classes at `progress`."""
    parts = [np.zeros(0)]
    if stage.class_weights is not None:
        parts.append(np.asarray(stage.class_weights(progress)))
    if stage.sampler is not None:
        parts.append(stage.sampler.probabilities(dataset.profile.counts, progress))
    return np.concatenate(parts)


def _unreached(stage: Stage, dataset: Dataset, epochs: int) -> tuple[str, ...]:
    first, last, end = (_state(stage, dataset, progress) for progress in (0.0, 1 - 0.5 / epochs, 1.0))
    if not np.allclose(first, last) or np.allclose(last, end):
        return ()
    return (f"The method's change late in training was never reached in {epochs} epochs: train for more.",)


def _together(done: Sequence[Trained]) -> Trained:
    if len(done) == 1:
        return done[0]
    steps, seconds = sum(t.steps for t in done), sum(t.seconds for t in done)
    return Trained(
        epochs=sum(t.epochs for t in done),
        steps=steps,
        best_epoch=None if done[-1].best_epoch is None else sum(t.epochs for t in done[:-1]) + done[-1].best_epoch,
        stopped=next((t.stopped for t in done if t.stopped != "finished"), "finished"),
        seconds=seconds,
        seconds_per_step=sum(t.seconds_per_step * t.steps for t in done) / max(1, steps),
        collected=done[-1].collected,
        log_bytes=done[-1].log_bytes,
        warnings=tuple(warning for t in done for warning in t.warnings),
    )
