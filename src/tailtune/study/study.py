"""`Study`: many runs that differ in what its arms change, on the same data sets, ratios and seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tailtune.errors import TailtuneError, nearest
from tailtune.files import check_format
from tailtune.jobs.task import On
from tailtune.settings import Mode, Run, Settings, check
from tailtune.yaml_file import read_yaml

if TYPE_CHECKING:
    from tailtune.methods.search import Range

Keep = Literal["predictions", "model", "all"]

STUDY = "study.yaml"
FORMAT = 1  # of study.yaml
OF_RUN = ("lr", "weight_decay", "batch_size", "ema")  # what a search may vary of the routine
# what a study says of all its runs, so that no arm can
FIXED = ("data", "ratio", "seed", "split_seed", "out", "measures", "logger", "checkpoint_minutes")


@dataclass(frozen=True)
class Arm:
    """One thing that is compared with others: a name, and the fields of `Run` that make it what it is.

    Attributes:
        name: in tables.
        changes: fields of `Run`.
        search: where ``tune_trials`` search for it, instead of what its model and method declare: ranges by name, which
            is lr, weight_decay, batch_size or ema, or behind "model." and "method." what stands in parentheses.

    >>> Arm("small batches", {"batch_size": 16}).changes
    {'batch_size': 16}
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    search: Mapping[str, Range] = field(default_factory=dict)


def axis(name: str, values: Iterable[Any]) -> tuple[Arm, ...]:
    """Return an arm for each value of a field of `Run`.

    >>> [arm.name for arm in axis("batch_size", [16, 64])]
    ['batch_size=16', 'batch_size=64']
    """
    return tuple(Arm(f"{name}={value}", {name: value}) for value in values)


def crossed(*axes: Sequence[Arm]) -> tuple[Arm, ...]:
    """Return an arm for each combination of one arm of each axis.

    >>> [arm.name for arm in crossed(axis("batch_size", [16, 64]), [Arm("plain"), Arm("sama", {"method": "sama"})])]
    ['batch_size=16, plain', 'batch_size=16, sama', 'batch_size=64, plain', 'batch_size=64, sama']
    """
    return tuple(
        Arm(", ".join(arm.name for arm in arms), {key: value for arm in arms for key, value in arm.changes.items()})
        for arms in product(*axes)
    )


@dataclass(frozen=True, kw_only=True)
class StudySettings(Settings):
    """Data sets and seeds of a study, what every run shares, and how it is carried out."""

    data: tuple[str, ...]
    """Tables, image folders, .npz files or named datasets (`tailtune list datasets`), one or several."""
    ratios: tuple[float, ...] = ()
    """Make the named image datasets long-tailed, once at each ratio: samples of the rarest over the most frequent
    class."""
    seeds: int = 5
    """Trainings of each arm on each dataset, with the seeds 0, 1, 2 and so on."""
    vary: Literal["init", "subset", "both"] = "init"
    """What a seed changes: the training (initialisation, order, augmentation), the rows (the split, and which ones a
    ratio keeps), or both."""
    selection: Literal["last", "validation", "refit", "test-oracle"] = "last"
    """How the reported weights are chosen: the last ones after training on all training rows, the best on validation,
    or the best length on validation and then a second training on all rows."""
    flip_averaging: bool | None = False
    """Predict the mean of the class probabilities of an image and of its mirror image, at twice the time."""
    tune_trials: int = 0
    """Trials that every arm has, on validation rows, to choose its learning rate, weight decay and own settings."""
    collect: tuple[str, ...] = ()
    """Figures of tailtune analyse as columns, computed once a training: an analysis and the way to a figure in its
    JSON, such as collapse.table4.cdnv (networks only)."""
    out: str = "runs/study"
    """Folder to write; what it holds already is not trained again."""
    keep: Keep = "predictions"
    """What stays of each training beside its figures: the predictions, the model as well, or all (checkpoints too)."""
    jobs: int | None = None
    """Trainings at a time; by default as many as processors (or GPUs) and memory allow, or as a cluster has room."""
    on: On = "local"
    """Where trainings run: in processes of this machine (local), as jobs of Slurm, or on a Ray cluster."""
    shard: str | None = None
    """I/N does every N-th training, beginning with the I-th; by default what Slurm's array variables say."""
    claim_minutes: float = 10.0
    """A training whose process has not been heard of for so long is taken up by another process."""


@dataclass(frozen=True, kw_only=True)
class Study(StudySettings):
    """A study; every field that any arm changes is a column of its table.

    Attributes:
        arms: what is compared.
        method: of the arms that do not change it; by default the recipe.
        decision: what is made of the probabilities, in the arms that do not change it.
        baseline: name of the arm that the others are compared with; by default the first.
        routine: how what is left open is settled: "shared" settles it once for all arms, by the tuned recipe, so that
            they differ in what they change and in nothing else; "own" lets each arm's method choose its routine.

    >>> Study(arms=axis("batch_size", [16, 64]), data=["digits"], ratios=[0.05], seeds=2, epochs=3).varied
    ('batch_size',)
    """

    arms: tuple[Arm, ...]
    method: str | None = None
    decision: Mode = "none"
    baseline: str | None = None
    routine: Literal["shared", "own"] = "shared"

    def __post_init__(self) -> None:
        for name in ("arms", "data", "ratios", "collect"):  # lists are as good
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))

    @property
    def reference(self) -> str:
        """Name of the arm that the others are compared with."""
        return self.arms[0].name if self.baseline is None else self.baseline

    @property
    def noun(self) -> str:
        """What an arm is called in sentences."""
        return "method" if self.varied == ("method",) else "arm"

    @property
    def varied(self) -> tuple[str, ...]:
        """The fields that arms change, in the order in which they first do."""
        return tuple(dict.fromkeys(name for arm in self.arms for name in arm.changes))


def check_study(study: Study) -> None:
    """Refuse what makes no sense whatever the data are.

    Raises:
        TailtuneError: no data or arms, a name given twice, a field that there is not or that no arm can change, a
            number out of range, an unknown choice, or a selection on the test rows.
    """
    if not study.data:
        raise TailtuneError(
            "there is nothing to compare on; name a table, a folder or a dataset: tailtune compare digits"
        )
    for name, least in (("seeds", 1), ("tune_trials", 0), ("jobs", 1)):
        value = getattr(study, name)
        if value is not None and value < least:
            raise TailtuneError(f"--{name.replace('_', '-')} must be {least} or more, however: {value}")
    if not 0 < study.claim_minutes < float("inf"):
        raise TailtuneError(f"--claim-minutes must be more than 0, however: {study.claim_minutes:g}")
    for name, choices in (
        ("vary", ("init", "subset", "both")),
        ("keep", ("predictions", "model", "all")),
        ("on", ("local", "slurm", "ray")),
        ("routine", ("shared", "own")),
    ):
        value = getattr(study, name)
        if value not in choices:
            raise TailtuneError(
                f"--{name} must be one of {', '.join(choices)}, however: {value!r}.{nearest(value, choices)}"
            )
    selections = (study.selection, *(arm.changes.get("selection") for arm in study.arms))
    if "test-oracle" in selections:
        raise TailtuneError("arms are not compared by a selection on test rows; use --selection last or validation")
    names = [arm.name for arm in study.arms]
    for what, values in (("dataset", study.data), ("ratio", study.ratios), ("arm", names)):
        doubled = next((value for value in values if list(values).count(value) > 1), None)
        if doubled is not None:
            raise TailtuneError(f"the {what} {doubled} is given twice; leave one of them out")
    _check_arms(study, names)
    _check_columns(study)
    check(run_on(study, study.data[0], None))


def _check_arms(study: Study, names: Sequence[str]) -> None:
    """Refuse arms that are none.

    Raises:
        TailtuneError: no arm, a baseline that is none of them, or a field that there is not or that no arm can change.
    """
    if not study.arms:
        raise TailtuneError("a study needs an arm or more; give it arms, such as Arm('small', {'batch_size': 16})")
    if study.reference not in names:
        hint = nearest(study.reference, names)
        raise TailtuneError(f"the baseline {study.reference!r} is none of the arms.{hint} Arms: {', '.join(names)}")
    known = [each.name for each in fields(Run) if each.name not in FIXED]
    for arm in study.arms:
        for name in arm.search:
            if name not in OF_RUN and not name.startswith(("model.", "method.")):
                raise TailtuneError(
                    f"arm {arm.name!r} cannot search {name!r}; what can be is {', '.join(OF_RUN)}, and what stands in "
                    "parentheses: model.NAME, method.NAME"
                )
        for name in arm.changes:
            if name in FIXED:
                raise TailtuneError(f"arm {arm.name!r} cannot change {name}, which the study says for all of them")
            if name not in known:
                raise TailtuneError(
                    f"arm {arm.name!r} changes {name!r}, which a run does not have.{nearest(name, known)}"
                )


def _check_columns(study: Study) -> None:
    """Refuse columns of analyses that no training of the study can have.

    Raises:
        TailtuneError: a name that is none, or arms that are trained on their test rows.
    """
    if not study.collect:
        return
    from tailtune.analysis.study_columns import quantities

    quantities(study.collect)
    for arm in study.arms:
        if arm.changes.get("folds") is not None or arm.changes.get("refit") is not None:
            raise TailtuneError(
                f"--collect looks at networks that have not seen the test rows, and arm {arm.name!r} trains on them, "
                "too (folds or refit); leave one of them out"
            )


def run_on(study: Study, data: str, ratio: float | None) -> Run:
    """Return the run that all arms start from on one data set; what it leaves open is settled by the plan."""
    from tailtune.data.imbalance import NEEDS  # loads NumPy, which the command line's help can do without
    from tailtune.data.long_tailed import takes_ratio
    from tailtune.run.decide import amount_columns

    shared = {each.name: getattr(study, each.name) for each in fields(Settings)}
    if not takes_ratio(data) and any(takes_ratio(other) for other in study.data):  # the others are as they are
        shared |= dict.fromkeys(("test_ratio", *NEEDS))
    named = amount_columns(study.objective, *(arm.changes.get("objective") for arm in study.arms))
    shared["amounts"] = tuple(dict.fromkeys((*study.amounts, *named)))  # all arms read the same rows
    return Run(data=data, ratio=ratio, baselines=(), method=study.method, decision=study.decision, **shared)


def plain(study: Study) -> dict[str, object]:
    """Return the study ready for YAML and JSON, what matters most first."""
    arms = {arm.name: {name: _listed(value) for name, value in arm.changes.items()} for arm in study.arms}
    first: dict[str, object] = {
        "data": [],
        "arms": arms,
        "baseline": study.reference,
        "ratios": [],
        "seeds": 0,
        "vary": "",
    }
    rest = {name: _listed(value) for name, value in asdict(study).items()}
    said = first | rest | {"arms": arms, "baseline": study.reference}
    searched = {arm.name: {name: repr(range_) for name, range_ in arm.search.items()} for arm in study.arms}
    return said | {"search": searched} if any(searched.values()) else said


def _listed(value: Any) -> Any:
    """A tuple as a list of its own, so that YAML writes it out where two arms share it."""
    return list(value) if isinstance(value, tuple) else value


def check_study_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than a study.

    Raises:
        TailtuneError: `folder` is a file, or holds other things, or a study.yaml that is broken or of another version.
    """
    if folder.exists() and not folder.is_dir():
        raise TailtuneError(f"--out {folder} is a file; name a folder")
    if (folder / STUDY).exists():
        _check_study_file(folder / STUDY)
    elif folder.exists() and any(folder.iterdir()):
        raise TailtuneError(f"{folder} is not empty and holds no comparison of tailtune; choose another --out")


def _check_study_file(path: Path) -> None:
    content, mend = read_yaml(path), "restore it, or choose another folder"
    if not isinstance(content, dict) or not {"data", "arms", "seeds"} <= content.keys():
        raise TailtuneError(f"{path} is not of tailtune: it lacks data, arms and seeds; {mend}")
    check_format(path, content.get("format", 1), FORMAT, mend)
