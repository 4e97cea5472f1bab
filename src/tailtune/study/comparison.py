"""`Comparison`: what `tailtune compare` is asked for, one flat configuration as `Run` is for a single training."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from tailtune.data.catalog import LONG_TAILED
from tailtune.errors import TailtuneError, nearest
from tailtune.jobs.task import On
from tailtune.settings import Run, Settings, check

Keep = Literal["predictions", "model", "all"]


@dataclass(frozen=True, kw_only=True)
class Comparison(Settings):
    """Methods, data sets and seeds to compare, and what every training shares."""

    data: tuple[str, ...]
    """Tables, image folders, .npz files or named datasets (`tailtune list datasets`), one or several."""
    methods: str = "all"
    """Names, package.module:function or file.py:function, with settings as in "sama(rho=0.1)", separated by commas; or
    all. The baseline erm is always among them."""
    ratios: tuple[float, ...] = ()
    """Make the named image datasets long-tailed, once at each ratio: samples of the rarest over the most frequent
    class."""
    seeds: int = 5
    """Trainings of each method on each dataset, with the seeds 0, 1, 2 and so on."""
    vary: Literal["init", "subset", "both"] = "init"
    """What a seed changes: the training (initialisation, order, augmentation), the rows (the split, and which ones a
    ratio keeps), or both."""
    selection: Literal["last", "validation", "refit", "test-oracle"] = "last"
    """How the reported weights are chosen: the last ones after training on all training rows, the best on validation,
    or the best length on validation and then a second training on all rows."""
    tune_trials: int = 0
    """Trials that every method has, on validation rows, to choose its learning rate, weight decay and own settings."""
    out: str = "runs/compare"
    """Folder to write; what it holds already is not trained again."""
    keep: Keep = "predictions"
    """What stays of each training beside its figures: the predictions, the model as well, or all (checkpoints too)."""
    on: On = "local"
    """Where trainings are carried out: by processes of this machine, by jobs of Slurm, or by a Ray cluster."""
    jobs: int | None = None
    """Trainings at a time; by default as many as processors (or GPUs) and memory allow, or as the cluster has room."""
    shard: str | None = None
    """I/N does every N-th training, beginning with the I-th; by default what Slurm's array variables say."""
    claim_minutes: float = 10.0
    """A training whose process has not been heard of for so long is taken up by another process."""


def check_comparison(asked: Comparison) -> None:
    """Refuse what makes no sense whatever the data and methods are.

    Raises:
        TailtuneError: no data, a number out of range, an unknown choice, or a selection on the test rows.
    """
    if not asked.data:
        raise TailtuneError(
            "there is nothing to compare on; name a table, a folder or a dataset: tailtune compare digits"
        )
    for name, least in (("seeds", 1), ("tune_trials", 0), ("jobs", 1)):
        value = getattr(asked, name)
        if value is not None and value < least:
            raise TailtuneError(f"--{name.replace('_', '-')} must be {least} or more, however: {value}")
    if not 0 < asked.claim_minutes < float("inf"):
        raise TailtuneError(f"--claim-minutes must be more than 0, however: {asked.claim_minutes:g}")
    for name, choices in (("vary", ("init", "subset", "both")), ("keep", get_args(Keep)), ("on", get_args(On))):
        value = getattr(asked, name)
        if value not in choices:
            raise TailtuneError(
                f"--{name} must be one of {', '.join(choices)}, however: {value!r}.{nearest(value, choices)}"
            )
    if asked.selection == "test-oracle":
        raise TailtuneError("methods are not compared by a selection on test rows; use --selection last or validation")
    for what, values in (("dataset", asked.data), ("ratio", asked.ratios)):
        doubled = next((value for value in values if values.count(value) > 1), None)
        if doubled is not None:
            raise TailtuneError(f"the {what} {doubled} is given twice; leave one of them out")
    check(run_on(asked, asked.data[0], None))


def run_on(asked: Comparison, data: str, ratio: float | None) -> Run:
    """Return the run that all methods share on one data set; what it leaves open is resolved by `plan`."""
    from tailtune.data.imbalance import NEEDS  # loads NumPy, which the command line's help can do without

    shared = {field.name: getattr(asked, field.name) for field in fields(Settings)}
    if data not in LONG_TAILED and any(other in LONG_TAILED for other in asked.data):  # the others are as they are
        shared |= dict.fromkeys(("test_ratio", *NEEDS))
    return Run(data=data, ratio=ratio, baselines=(), **shared)


def plain(asked: Comparison) -> dict[str, Any]:
    """Return the configuration ready for YAML and JSON, what matters most first."""
    first = {"data": [], "methods": asked.methods, "ratios": [], "seeds": asked.seeds, "vary": asked.vary}
    return first | {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(asked).items()}


def check_study_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than a comparison.

    Raises:
        TailtuneError: `folder` is a file, or holds other things.
    """
    if folder.exists() and not folder.is_dir():
        raise TailtuneError(f"--out {folder} is a file; name a folder")
    if folder.exists() and not (folder / STUDY).exists() and any(folder.iterdir()):
        raise TailtuneError(f"{folder} is not empty and holds no comparison of tailtune; choose another --out")


STUDY = "study.yaml"
