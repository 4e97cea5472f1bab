"""What is asked (`Reading`, `Settings`, `Run`) and what was decided (`Resolved`): flat configurations, from which the
command line, run.yaml and the training loop are derived.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args, get_origin, get_type_hints

from tailtune.errors import TailtuneError, nearest

Mode = Literal["none", "prior", "fitted"]  # of a decision
Monitor = Literal["log_loss", "balanced_log_loss", "balanced_accuracy", "accuracy", "average_precision"]


@dataclass(frozen=True, kw_only=True)
class HowToRead:
    """How data are read and split, whichever they are: what the data sets of one study share."""

    target: str | None = None
    """Column to predict; needed for tables, unless the named dataset knows it."""
    manifest: str | None = None
    """CSV or Parquet file that lists the pictures of the folder DATA: path and label, and if wanted group, time, weight
    and split (train, val, test); further columns are kept for reports."""
    group: str | None = None
    """Column whose equal values must stay in one split (patients, lesions, customers)."""
    group_pattern: str | None = None
    """The same for pictures: a regular expression whose first group in the path is what stays together, or parent for
    the folder that a picture lies in."""
    time: str | None = None
    """Column of times (dates or numbers): the earliest rows train, the latest test."""
    weight: str | None = None
    """Column of weights, 0 or more, that rows have in the loss, the measures and the baselines."""
    positive: str | None = None
    """Which of two classes is the one to find; by default the rarer one."""
    class_names: str | None = None
    """CSV file of label and name: what reports and predictions call the classes."""
    ignore: tuple[str, ...] = ()
    """Columns to leave out, such as identifiers."""
    text: Literal["leave", "hash"] = "leave"
    """Columns of sentences: leave them out, or make numbers of their hashed words and characters."""
    amounts: tuple[str, ...] = ()
    """Columns that costs depend on, such as the sum of a payment; those that --objective cost=FILE names are known."""
    data_root: str | None = None
    """Folder of the named datasets; by default $TAILTUNE_DATA."""
    classes: tuple[str, ...] = ()
    """The two classes of binary_cifar10, the one that a ratio leaves frequent first; by default cat and dog."""
    download: bool = False
    """Allow a named dataset to be downloaded by the official library."""
    profile: Literal["exponential", "step", "pareto"] | None = None
    """How class sizes fall at a ratio (`tailtune list profiles`); by default exponentially."""
    total: int | None = None
    """Training samples of all classes together at a ratio, instead of as many as the data allow."""
    minority: int | None = None
    """Training samples of the rarest class at a ratio, so that a smaller ratio adds to the other classes."""
    test_ratio: float | None = None
    """Make the test part of a named image dataset imbalanced too, by the same profile and class order."""
    test_total: int | None = None
    """Test samples of all classes together at a test ratio, instead of as many as the data allow."""
    class_order: Literal["given", "shuffled"] | None = None
    """Which classes become rare at a ratio: the last of the data's own order (given), or some drawn by split_seed."""
    flip: bool | None = None
    """Whether a mirrored picture keeps its class; False for digits, letters and the like."""
    image_size: int | None = None
    """Side in pixels to which folder images are resized; by default that of most, or the median, at most 224."""
    resize: Literal["pad", "crop", "stretch"] | None = None
    """How images of other proportions get there: scaled to fit in, with black beside (pad, the default), scaled to fill
    all, with two sides cut off (crop), or distorted (stretch, the default of named datasets)."""
    skip_bad_images: bool = False
    """Leave out images that cannot be read (counted in the report) and train on the rest."""
    storage: Literal["auto", "memory", "disk"] = "auto"
    """Where decoded pictures are kept: in memory as long as they fit (auto), or in a file on disk, from which batches
    are read ahead."""
    selection: Literal["last", "validation", "refit", "test-oracle"] = "validation"
    """How the reported weights are chosen: the last ones after training on all training rows, the best on validation,
    the best length on validation and then a second training on all rows, or (never for a headline) the best on test."""
    val_fraction: float = 0.15
    """Share of the training rows kept for validation where the data brings no validation part."""
    test_fraction: float = 0.2
    """Share of all rows kept for the final test where the data brings no test part."""


@dataclass(frozen=True, kw_only=True)
class Reading(HowToRead):
    """Data, and how they are read and split: what `tailtune.data.open.open_dataset` takes."""

    data: str = field(kw_only=False)
    """CSV (gzipped, too) or Parquet table, image folder, .npz of arrays, or a named dataset (`tailtune list
    datasets`)."""
    ratio: float | None = None
    """Make a named image dataset long-tailed: samples of the rarest over the most frequent class."""
    keep: tuple[str, ...] = ()
    """Columns to use as categories although they look like identifiers, whether numbers or text."""
    class_rows: tuple[int, ...] = ()
    """Training rows to keep of each class, in class order, drawn by split_seed; by default all."""
    split_seed: int = 0
    """Seed of the split, and of the rows that a ratio keeps; apart from `seed`, so that several seeds share them."""


@dataclass(frozen=True, kw_only=True)
class Settings(HowToRead):
    """How data are read and a model is trained: what one run says, and what all runs of a study share."""

    model: str | None = None
    """Model name (`tailtune list models`). By default a portfolio of several for a table, or mlp-plr where a method or
    another setting of networks is given, and where methods are compared; for your own images of 64 pixels or more a
    pretrained mobilenetv4_conv_small; for others, and where images are compared, a ResNet by their size."""
    pretrained: bool | None = None
    """Start from timm's pretrained weights (image models of timm only). By default where neither model nor weights are
    named, for your own images of 64 pixels or more, if the weights are in the hub's cache or can be had."""
    weights: str | None = None
    """Start from other weights: timm/EXACT.NAME, simclr or vicreg (ResNet-50 of ImageNet), or a file (images only)."""
    epochs: int | None = None
    """Passes over the training set."""
    batch_size: int | None = None
    """Samples per step (of each process, where there are several)."""
    optimizer: Literal["sgd", "adamw"] | None = None
    """Base optimiser, also the one that SAM and SAM-A wrap."""
    lr: float | None = None
    """Peak learning rate: linear warm-up, then cosine annealing to zero."""
    momentum: float = 0.9
    """SGD momentum (AdamW: beta1)."""
    weight_decay: float | None = None
    """Weight decay."""
    warmup: float = 0.05
    """Share of all steps spent on linear warm-up."""
    clip: float | None = None
    """Largest gradient norm; longer gradients are scaled down."""
    ema: float | None = None
    """Decay of the weight average per step; 0 switches it off."""
    policy: str | None = None
    """Image augmentation: parts joined by +, such as flip+crop+trivialaugment, or none (`tailtune list policies`)."""
    flip_averaging: bool | None = None
    """Predict the mean of the class probabilities of an image and of its mirror image, at twice the time. By default
    where your own images are trained by the tuned recipe, which mirrors them; not in studies."""
    test_curve: bool = False
    """Score the test part after every epoch, for the curve alone: it decides nothing (with --selection last)."""
    track: Literal["collapse"] | None = None
    """collapse: log after every epoch how far the features of each class have shrunk to a point, on a few training
    rows and, where some are scored, validation rows; it changes nothing that is trained."""
    monitor: Literal["log_loss", "balanced_log_loss", "balanced_accuracy", "accuracy", "average_precision"] | None = (
        None
    )
    """What decides on validation: by default log loss, with classes weighing alike for methods that make up for unequal
    class frequencies; for the objective accuracy that, for auprc the average precision of the rarest classes. Ties are
    broken by log loss."""
    measures: tuple[str, ...] = ()
    """Measures of your own beside tailtune's (`tailtune list measures`): package.module:function or
    path/to/file.py:function."""
    patience: int | None = None
    """Epochs without a better validation score before training stops; 0 switches early stopping off."""
    objective: str | None = None
    """What answers are chosen for: balanced_accuracy, macro_f1, auprc, log_loss, accuracy, recall@precision=P,
    precision@budget=K, cost=FILE, or a measure of your own (file.py:function). By default macro_f1; balanced_accuracy
    where the protocol of a named data set tests on another class balance than that of training."""
    deploy_prior: str | None = None
    """How frequent the classes are in use, which probabilities are meant for: uniform, train, shares such as
    a=0.01,b=0.99, or a file that holds them. By default that of the training rows, or what the protocol tests on."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """auto takes bf16 on a GPU, and on a processor with native bf16 for convolutional nets; else 32."""
    compile: bool = False
    """Compile the network with torch.compile, on a GPU as CUDA graphs; pays off in long trainings on one device."""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train."""
    threads: int | None = None
    """Processor threads, from which figures follow to the bit: by default 1 for networks on tables and pictures of up
    to 12 pixels, 2 for larger ones (1 where there is 1 processor); trees take 1, or 2 from 100,000 training rows on."""
    checkpoint_minutes: float = 5.0
    """Minutes between writes of last.ckpt, which Ctrl-C writes too."""


@dataclass(frozen=True, kw_only=True)
class Run(Settings, Reading):
    """Everything that defines one training run, as it is asked for. ``None`` means "chosen from the data and the
    method"; the choice makes it `Resolved`. Settings of one method stand in its own parentheses: ``sama(rho=0.1)``.
    """

    method: str | None = None
    """Method name, package.module:function or path/to/file.py:function, with settings as in "sama(rho=0.1)"; by default
    tuned (trees: erm)."""
    decision: Mode = "fitted"
    """What is made of the model's probabilities: nothing (none), the balance in use and the answers that follow from it
    (prior), or also calibration and answers that are fitted on validation rows (fitted)."""
    out: str = "runs/latest"
    """Run folder to write; it must not hold a finished run."""
    minutes: float | None = None
    """Time budget for everything, from reading to the report: epochs, or rows of one epoch, are fitted to what is left
    of it after a few timed steps, baselines are stopped, and intervals take fewer resamples."""
    slice: tuple[str, ...] = ()
    """Columns by whose values the test rows are also scored apart, such as site, device or sex; also columns that are
    no input."""
    budget: int | None = None
    """How many cases can be looked at: the report also says what the rows that are likeliest of the rarest class, as
    many as these of the test rows, find."""
    baselines: tuple[str, ...] | None = None
    """Reported beside the model on the same split: majority, xgboost (tables), erm (the same network, trained
    plainly). By default those that are fast."""
    seed: int = 0
    """One seed for initialisation, order, augmentation and dropout. It does not change the split."""
    folds: int | None = None
    """Score every row by a model that was trained without it: so many trainings, each tested on its share of the rows,
    in place of the one test part of --test-fraction. The model of the folder is then trained on all rows."""
    refit: Literal["all"] | None = None
    """all: when the test rows are scored, train the model of the folder anew on all rows, those of the test among them;
    the figures stay those of the first. (--selection refit never trains on test rows.)"""
    init_from: str | None = None
    """Finished run whose network training goes on from, on new rows of the same classes and columns."""
    devices: int = 1
    """Number of GPUs (or CPU processes) for data-parallel training."""
    logger: str | None = None
    """A Fabric logger beside metrics.jsonl: csv, tensorboard, or package.module:Class (called with root_dir)."""


@dataclass(frozen=True, kw_only=True)
class Resolved(Run):
    """A run of which it is decided what is trained, and how: what was asked for, with nothing open that matters.

    A learner that has further settings to decide takes a subclass that says so, as networks do.
    """

    model: str = field()
    method: str = field()


@dataclass(frozen=True, kw_only=True)
class ResolvedTraining(Resolved):
    """A run of a network with everything that training reads decided."""

    epochs: int = field()
    batch_size: int = field()
    optimizer: Literal["sgd", "adamw"] = field()
    lr: float = field()
    weight_decay: float = field()
    ema: float = field()
    policy: str = field()
    flip_averaging: bool = field()
    patience: int = field()


_RANGES: tuple[tuple[str, Callable[[float], bool], tuple[str, ...]], ...] = (
    (
        "1 or more",
        lambda x: 1 <= x < float("inf"),
        (
            *("epochs", "batch_size", "devices", "threads", "image_size"),
            *("total", "minority", "test_total", "budget"),
        ),
    ),
    ("2 or more", lambda x: 2 <= x < float("inf"), ("folds",)),
    (
        "0 or more",
        lambda x: 0 <= x < float("inf"),
        ("patience", "weight_decay", "checkpoint_minutes"),
    ),
    ("0 or more and under 2^32", lambda x: 0 <= x < 2**32, ("seed", "split_seed")),  # what every library takes
    ("more than 0", lambda x: 0 < x < float("inf"), ("lr", "minutes", "clip")),
    ("0 or more and under 1", lambda x: 0 <= x < 1, ("momentum", "ema", "val_fraction", "test_fraction")),
    ("between 0 and 1", lambda x: 0 <= x <= 1, ("warmup",)),
    ("more than 0 and at most 1", lambda x: 0 < x <= 1, ("ratio", "test_ratio")),
)


def check(asked: Reading) -> None:
    """Refuse values that no data and no method could make sense of. Names of models and methods are not looked at.

    (Not in ``__post_init__``, because the command-line parser would turn the one line into a page.)

    Args:
        asked: a reading or a run.

    Raises:
        TailtuneError: a number out of its range, or a choice that does not exist.

    >>> check(Run("digits", epochs=0))
    Traceback (most recent call last):
    tailtune.errors.TailtuneError: --epochs must be 1 or more, however: 0
    """
    for words, within, names in _RANGES:
        for name in names:
            value = getattr(asked, name, None)
            if value is not None and not within(value):
                raise TailtuneError(f"--{name.replace('_', '-')} must be {words}, however: {value:g}")
    for name, hint in get_type_hints(type(asked)).items():
        kinds = [hint, *get_args(hint)]
        choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
        value = getattr(asked, name)
        if choices and value is not None and value not in choices:
            listed = ", ".join(choices)
            raise TailtuneError(
                f"--{name.replace('_', '-')} must be one of {listed}, however: {value!r}.{nearest(str(value), choices)}"
            )
