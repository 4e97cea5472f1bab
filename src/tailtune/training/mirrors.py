"""Whether mirrored pictures keep their class, where nobody has said so: a small network is shown some.

It is trained without mirroring on small copies, and then asked for the classes of validation pictures and of their
mirror images. Where mirroring makes another class (digits, left and right), or a sight that does not occur, it finds
them far worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy

from tailtune.data import catalog
from tailtune.data.dataset import Dataset, Part, is_tiny
from tailtune.data.stored_pictures import StoredPictures
from tailtune.methods.method import Method
from tailtune.models.cifar_resnet import CifarResNet
from tailtune.settings import Resolved
from tailtune.training.recipe import mirrors_pictures

SIDE = 32  # pixels of the copies
ROWS, HELD_OUT = 1000, 500  # at most so many pictures to train on, and to ask for
FEWEST = 20  # validation pictures, to say anything
STEPS, BATCH, PASSES = 250, 32, 20  # PASSES: over the pictures, where they are few
LOST = 1 / 3  # of what was learnt, from which on mirroring is left out
SURE = 2.0  # standard errors
SHORT = 1.0  # minutes, under which there is no time


@dataclass(frozen=True)
class Mirrors:
    """What is taken to be true of mirrored pictures, and the sentence that says so."""

    keep: bool
    said: str


def undecided(run: Resolved, dataset: Dataset, method: Method) -> bool:
    """Whether `run` would mirror pictures although nobody has said whether that keeps their class."""
    if dataset.kind != "image" or dataset.flip is not None or run.flip is not None or run.flip_averaging:
        return False
    wanted = run.policy is None or mirrors_pictures(run.policy)
    steps = any(stage.share for stage in method.stages)
    return steps and wanted and run.data not in catalog.__all__ and not is_tiny(dataset.preprocessor)


def look_at_mirrors(dataset: Dataset, run: Resolved) -> Mirrors:
    """Find out whether mirrored pictures keep their class, from training and validation rows alone.

    It is measured by the mean probability of the true class, in which classes weigh alike. They are taken to keep it
    unless a third or more of what the network learnt is lost, by more than two standard errors.
    """
    val = dataset.val
    why = None
    if run.minutes is not None and run.minutes < SHORT:
        why = f"--minutes {run.minutes:g} leaves no time for it"
    elif val is None or len(val) < FEWEST:
        why = f"there are fewer than {FEWEST} validation pictures"
    if why is not None or val is None:
        return _assumed(f"which was not tested because {why}")
    with torch.random.fork_rng():
        torch.manual_seed(run.seed)
        classes = len(dataset.names)
        order = torch.randperm(len(dataset.train))[:ROWS]
        x, y = _small(dataset.train, order), dataset.train.targets[order]
        rows = torch.randperm(len(val))[:HELD_OUT]
        seen, truth = _small(val, rows), val.targets[rows]
        mean, std = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True).clamp(min=1e-3)
        model = _trained((x - mean) / std, y, classes)
        found = [_of_truth(model, (some - mean) / std, truth) for some in (seen, seen.flip(-1))]
    weights = 1 / torch.bincount(truth, minlength=classes)[truth].double()
    weights /= weights.sum()
    before, after = (float((weights * some).sum()) for some in found)
    lost = found[0] - found[1]
    error = float((weights.square() * (lost - (before - after)).square()).sum().sqrt())
    chance = 1 / len(np.unique(truth.numpy()))
    spread = float((weights.square() * (found[0] - before).square()).sum().sqrt())
    if before - chance < SURE * spread:
        return _assumed("which could not be tested, because a small network learnt nothing from these pictures")
    numbers = f"(their class gets {after:.2f} instead of {before:.2f} on average, {len(truth)} validation pictures)"
    if before - after > max(LOST * (before - chance), SURE * error):
        return Mirrors(
            False,
            "Pictures are not mirrored in training, because a small network recognises mirrored ones far worse"
            f" {numbers}; if mirroring keeps the class, say --flip True.",
        )
    return _assumed(f"because a small network recognises mirrored ones nearly as well {numbers}")


def _assumed(why: str) -> Mirrors:
    return Mirrors(True, f"Mirrored pictures are taken to keep their class, {why}; if they do not, say --no-flip.")


def _small(part: Part, rows: Tensor) -> Tensor:
    """Return copies float [N, C, h, w] of the pictures at `rows`, of 0 to 1 and at most `SIDE` pixels a side."""
    source = part.inputs[0]
    pixels = source.read(rows.numpy()) if isinstance(source, StoredPictures) else source[rows]
    size = min(SIDE, pixels.shape[2]), min(SIDE, pixels.shape[3])
    return torch.cat([adaptive_avg_pool2d(some.float() / 255, size) for some in torch.split(pixels, 64)])


def _trained(x: Tensor, y: Tensor, classes: int) -> CifarResNet:
    """Train a ResNet-8 with classes drawn alike."""
    model = CifarResNet(8, x.shape[1], classes)
    chances = 1 / torch.bincount(y, minlength=classes)[y].double()
    steps = min(STEPS, max(1, PASSES * len(x) // BATCH))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.05, total_steps=steps)
    model.train()
    for _ in range(steps):
        batch = torch.multinomial(chances, BATCH, replacement=True)
        loss = cross_entropy(model(x[batch]), y[batch])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def _of_truth(model: CifarResNet, x: Tensor, y: Tensor) -> Tensor:
    """Return the probability of the true class [N]."""
    logits = torch.cat([model(some) for some in torch.split(x, 256)])
    return logits.double().softmax(1)[torch.arange(len(y)), y]
