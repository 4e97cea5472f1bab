"""Fills what a `Run` leaves open from the data and the method: the plain routine, the tuned one or the paper's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tailtune.data import catalog
from tailtune.data.dataset import TINY_SIDE, Dataset, longer_side
from tailtune.methods.method import Method
from tailtune.named_settings import home
from tailtune.settings import Resolved, ResolvedTraining
from tailtune.training.fine_tuning import LEAST_SIDE, fine_tunes

FEWEST_STEPS = 600  # in fewer, the tuned routine has nothing to average and its schedule no time to settle
SEEN = 1_536_000  # pictures, each as often as it is shown: the length of a training, see benchmarks/paper/recipe
SEEN_FEW = 51_200  # where there are few
FEW_ROWS = 2000
MANY_COLUMNS = 128  # of numbers that are not embedded, from which on the rate of SGD falls; at 750 it had diverged
FEW_EPOCHS = 240  # of so few small pictures, at least: an eighth of it left them unlearnt, see benchmarks/paper/recipe
SMALL_SIDE = 64  # pixels, up to which that takes minutes on a processor
FINE_STEPS = 400  # of fine-tuning, where they make 8 to 20 epochs


def resolve(run: Resolved, method: Method, dataset: Dataset) -> ResolvedTraining:
    """Decide every training field that `run` leaves open.

    "plain" holds the field's conventional settings. "tuned" follows the paper's prescriptions (small batches, weight
    averaging, stronger augmentation where training is long enough to profit); docs/recipe.md says how each constant
    was chosen. "paper" is the paper's appendix B for pictures, and "tuned" for tables.
    """
    rows = len(dataset.train)
    if run.selection == "refit" and dataset.val is not None:
        rows += len(dataset.val)  # the model that is kept trains on these too
    if dataset.kind == "table":
        settings = table_routine(run, method, rows, int(dataset.train.tensors("a routine")[0].shape[1]))
    else:
        flip = dataset.flip if run.flip is None else run.flip
        if fine_tunes(run, dataset):
            settings = fine_tuning_routine(run, method, rows, flip=flip)
        else:
            settings = image_routine(run, method, rows, side=longer_side(dataset.preprocessor), flip=flip)
    settings["flip_averaging"] = _averages(run, method, dataset, run.policy or settings["policy"])
    chosen = {name: value for name, value in settings.items() if getattr(run, name) is None}
    return ResolvedTraining(**(vars(run) | chosen))


def _averages(run: Resolved, method: Method, dataset: Dataset, policy: str) -> bool:
    """Whether predictions are averaged over mirror images: where the tuned routine mirrors in training, and the figures
    are not those of a named data set, which are compared with figures that were published without.
    """
    keeps = (dataset.flip if run.flip is None else run.flip) is not False
    own = dataset.kind == "image" and run.data not in catalog.__all__
    return own and keeps and method.recipe == "tuned" and mirrors_pictures(policy)


def mirrors_pictures(policy: str) -> bool:
    """Whether an augmentation policy mirrors pictures.

    >>> mirrors_pictures("flip+crop"), mirrors_pictures("crop+altflip"), mirrors_pictures("crop")
    (True, True, False)
    """
    return not {"flip", "altflip"}.isdisjoint(policy.split("+"))


def table_routine(run: Resolved, method: Method, rows: int, numeric: int) -> dict[str, Any]:
    """Return the training fields of a table of so many training rows and numeric columns."""
    if home(run.model) == "tabm":  # whatever the method, as its authors train it
        batch, lr, optimizer, weight_decay, ema = min(256, max(32, rows // 20)), 2e-3, "adamw", 3e-4, 0.0
    elif method.recipe == "plain":
        batch, lr, optimizer, weight_decay, ema = (256 if rows >= 10_000 else 64), 1e-3, "adamw", 1e-5, 0.0
    else:
        batch, lr, optimizer, weight_decay, ema = min(128, max(16, rows // 10)), 0.1, "sgd", 1e-4, 0.99
        if home(run.model) == "mlp":  # what a step changes grows with the squared norm of a row
            lr *= min(1.0, MANY_COLUMNS / max(1, numeric))
    longer = 2 if optimizer == "sgd" else 1  # unless patience ends it before, see benchmarks/tuned_parts.json
    steps, batch_size = longer * FEWEST_STEPS, min(run.batch_size or batch, rows)
    epochs = _epochs(steps, rows, batch_size, fewest=30 * longer, most=200 * longer)
    return {
        "batch_size": batch,
        "optimizer": optimizer,
        "lr": lr,
        "weight_decay": weight_decay,
        "ema": ema,
        "epochs": epochs,
        "patience": 16,
        "policy": "none",
    }


def image_routine(run: Resolved, method: Method, rows: int, *, side: int, flip: bool | None) -> dict[str, Any]:
    """Return the training fields of so many training images of a side, whose mirror images keep the class or not."""
    if method.recipe == "paper":
        return paper_routine(run, rows, flip=flip)
    few, tiny = rows < FEW_ROWS, side <= TINY_SIDE
    tuned = method.recipe == "tuned"
    batch = (16 if few else 32) if tuned else (32 if few else 128)
    many_times = few and not tiny and side <= SMALL_SIDE
    often = many_times or not few
    fewest, most = FEW_EPOCHS if many_times else 60, 400 if often else 200
    epochs = run.epochs or min(most, max(fewest, math.ceil((SEEN_FEW if few else SEEN) / rows)))
    policy, long = "crop" if flip is False else "flip+crop", epochs >= strong_from(rows)
    if tuned and tiny and not long:  # a shift by one of 8 pixels is strong augmentation, see benchmarks/tiny_pictures
        policy = "none"
    elif tuned and long and often and not tiny:
        policy += "+trivialaugment"
    return {
        "batch_size": min(batch, rows),
        "optimizer": "sgd",
        "lr": 0.1,
        "weight_decay": (5e-3 if tiny else 1e-3) if tuned and few else 2e-4,
        "ema": (0.98 if few else 0.999) if tuned else 0.0,
        "epochs": epochs,
        "policy": policy,
        "flip": flip,
        "patience": 0,
    }


def strong_from(rows: int) -> int:
    """Return the epochs of so many pictures from which on strong augmentation repays, see benchmarks/paper/recipe.

    >>> strong_from(1200), strong_from(12_000)
    (120, 60)
    """
    return 120 if rows < FEW_ROWS else 60


def paper_model(shape: Mapping[str, Any]) -> str:
    """Return the network of the paper's procedure for pictures: that of the CIFAR sets, or of the real-world sets.

    >>> paper_model({"channels": 3, "height": 32, "width": 32})
    'wrn-28-10'
    """
    return "wrn-28-10" if max(shape["height"], shape["width"]) < LEAST_SIDE else "resnext50_32x4d"


def paper_routine(run: Resolved, rows: int, *, flip: bool | None) -> dict[str, Any]:
    """Return the training fields of the paper's procedure for pictures, with our batch size and weight average.

    The paper states neither of these two.

    Source: sections 4.1.1 and B; the network is that of `paper_model`.
    """
    policy = "crop" if flip is False else "flip+crop"
    return {
        "batch_size": min(run.batch_size or 64, rows),
        "optimizer": "sgd",
        "lr": 0.1,
        "weight_decay": 2e-4,
        "ema": 0.999,
        "epochs": 300,
        "policy": f"{policy}+trivialaugment+cutmix",
        "flip": flip,
        "patience": 0,
    }


def fine_tuning_routine(run: Resolved, method: Method, rows: int, *, flip: bool | None) -> dict[str, Any]:
    """Return the training fields of so many training images for a network that begins with published weights.

    Features that are there already need far fewer steps, and AdamW, whose steps do not grow with a network's own scale
    of gradients, suits the weights of whatever network.
    """
    few = rows < FEW_ROWS
    batch = min(run.batch_size or (32 if few else 64), rows)
    return {
        "batch_size": batch,
        "optimizer": "adamw",
        "lr": 1e-2 if run.optimizer == "sgd" else 1e-3,
        "weight_decay": 1e-4 if run.optimizer == "sgd" else 0.05,
        "ema": 0.0 if method.recipe == "plain" else 0.98 if few else 0.999,
        "epochs": run.epochs or _epochs(FINE_STEPS, rows, batch, fewest=8, most=20),
        "policy": "crop" if flip is False else "flip+crop",
        "flip": flip,
        "patience": 0,
    }


def _epochs(steps: int, rows: int, batch: int, fewest: int, most: int) -> int:
    """Epochs that make about `steps` steps, within bounds."""
    return min(most, max(fewest, math.ceil(steps / max(1, rows // batch))))
