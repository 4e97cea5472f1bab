"""`Result`: what a run found, as frozen dataclasses; JSON only at the file's edge."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.data.dataset import Headline, Kind, LeftOut
from tailtune.errors import TailtuneError
from tailtune.evaluation.bill import Bill
from tailtune.evaluation.bootstrap import Difference, Interval
from tailtune.evaluation.calibration import ReliabilityBin
from tailtune.evaluation.measure import Quantity
from tailtune.evaluation.metrics import ClassResult, Metrics
from tailtune.evaluation.slices import Sliced
from tailtune.files import check_format
from tailtune.profile import ClassProfile
from tailtune.run.balances import AtBalance
from tailtune.run.decide import Decided
from tailtune.run.leak_record import LeakRecord
from tailtune.run.points import OperatingPoint
from tailtune.run.promises import Promises
from tailtune.settings import Resolved

SCHEMA = 3  # of result.json; 1 named no version


@dataclass(frozen=True)
class MemberRecord:
    """A model of a portfolio, judged on rows that it was not trained on.

    Attributes:
        name: as in `tailtune list models`.
        weight: of its probabilities in the mean; 0 for one that is not used.
        seconds: of training, all folds together.
        trainings: once, or once a fold.
        log_loss: of its calibrated probabilities; None where no rows were held out.
        average_precision: of the rarest classes, by its probabilities; likewise, or without such rows.
    """

    name: str
    weight: float
    seconds: float
    trainings: int
    log_loss: float | None
    average_precision: float | None


@dataclass(frozen=True)
class TrainingRecord:
    """How a model was trained.

    Attributes:
        epochs: finished epochs, or boosting rounds.
        planned_epochs: as many as there might have been.
        steps: finished optimiser steps.
        seconds: of training, validation included.
        seconds_per_step: without validation.
        best_epoch: the one whose weights were kept; None if the last ones were kept without looking.
        stopped: "finished", or why training ended early.
        selection: as in `Run`.
        selection_note: a sentence on it.
        warnings: what a user should hear, a sentence each.
        peak_memory_mb: largest memory of the process, in MB (10^6 bytes).
        parameters: numbers that the network's parameters hold; None for trees.
        members: sets of weights that predictions are averaged over.
        portfolio: the models of a portfolio; none of another model.
        precision: "32" or "bf16".
        device: where it was trained.
    """

    epochs: int
    planned_epochs: int
    steps: int
    seconds: float
    seconds_per_step: float
    best_epoch: int | None
    stopped: str
    selection: str
    selection_note: str
    warnings: tuple[str, ...]
    peak_memory_mb: int | None
    parameters: int | None
    members: int
    precision: str
    device: str
    portfolio: tuple[MemberRecord, ...] = ()

    @property
    def folded(self) -> bool:
        """Whether held-out rows were scored fold by fold, each by models that had not seen it."""
        return any(member.trainings > 1 for member in self.portfolio)


@dataclass(frozen=True)
class Counts:
    """Rows of each class [K] in the parts of a data set; `val` is None where there is no such part."""

    train: tuple[int, ...]
    val: tuple[int, ...] | None
    test: tuple[int, ...]


@dataclass(frozen=True)
class DataRecord:
    """What a run was trained and tested on; the fields are those of `tailtune.data.dataset.Dataset`.

    `mass` and `val_mass` are sums of the weights of each class [K] in training and validation, where rows have weights.
    """

    source: str
    split: str
    split_hash: str
    names: tuple[str, ...]
    counts: Counts
    features: dict[str, int | tuple[int, ...]]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]
    deployment: tuple[float, ...] | None = None
    mass: tuple[float, ...] | None = None
    val_mass: tuple[float, ...] | None = None
    positive: int | None = None

    @property
    def profile(self) -> ClassProfile:
        """Class distribution of the training rows."""
        return ClassProfile(self.counts.train, self.names, self.mass, self.positive)

    @property
    def profile_with_val(self) -> ClassProfile:
        """Class distribution of the training and validation rows together."""

        def added(a: tuple[float, ...] | None, b: tuple[float, ...] | None) -> tuple[float, ...] | None:
            return a if a is None or b is None else tuple(x + y for x, y in zip(a, b, strict=True))

        counts = self.counts.train if self.counts.val is None else added(self.counts.train, self.counts.val)
        assert counts is not None
        whole = tuple(int(count) for count in counts)
        return ClassProfile(whole, self.names, added(self.mass, self.val_mass), self.positive)


@dataclass(frozen=True)
class SameAlarms:
    """Recall of the model and of a baseline where both name as many rows as the model raises alarms.

    Each takes the rows that it holds likeliest to belong to the rarest classes, so that no threshold is compared.

    Attributes:
        alarms: rows taken, those that the model gives one of the rarest classes.
        model: recall of the rarest classes by the model's ranking.
        baseline: the same by the baseline's.
        difference: the former minus the latter.
    """

    alarms: int
    model: float
    baseline: float
    difference: Difference


@dataclass(frozen=True)
class SystemResult:
    """The model or a baseline on the test rows.

    Attributes:
        name: of the method or baseline.
        label: for tables and legends.
        role: which of the two; the model before its decision is a model too.
        seconds: of training.
        metrics: figures by key, None where undefined; see `tailtune.evaluation.metrics.summarise`.
        intervals: their 95 % intervals.
        difference: of a baseline: the model's figures minus its own.
        same_alarms: of a baseline: what both find at the model's number of alarms; None where the model raises none,
            the rarest classes have no rows, or intervals were not asked for.
        per_class: a row a class, in class order.
        confusion: counts [K, K], the truth by row.
        reliability: a row a bin.
        absent: names of the classes without test rows.
    """

    name: str
    label: str
    role: Literal["model", "baseline"]
    seconds: float
    metrics: Metrics
    intervals: dict[str, Interval]
    per_class: tuple[ClassResult, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[ReliabilityBin, ...]
    absent: tuple[str, ...]
    difference: dict[str, Difference] = field(default_factory=dict)
    same_alarms: SameAlarms | None = None


@dataclass(frozen=True)
class Machine:
    """What a run was carried out on; `gpu` is None without one."""

    processor: str
    cores: int | None
    memory_gb: float
    gpu: str | None
    system: str


@dataclass(frozen=True)
class Deployed:
    """The model for use, where it was trained on all rows when another one had been scored.

    Attributes:
        train: rows of each class that it was trained on [K].
        val: rows of each class that it was selected and calibrated on [K]; None without such rows.
        mass: sum of their weights in place of `train`; None where all count alike.
        val_mass: likewise in place of `val`.
        training: how it was trained.
        decision: what was made of its scores.
    """

    train: tuple[int, ...]
    val: tuple[int, ...] | None
    training: TrainingRecord
    decision: Decided
    mass: tuple[float, ...] | None = None
    val_mass: tuple[float, ...] | None = None

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(self.train) + sum(self.val or ())


@dataclass(frozen=True)
class Earlier:
    """Test rows of the run that training went on from, scored again.

    Attributes:
        run: its folder.
        rows: test rows of that run which neither model was trained on.
        left_out: test rows of that run which are now among those to train on.
        before: figures of that run on these rows, by key; None where undefined.
        after: those of this run.
        difference: the latter minus the former, with 95 % intervals.
        why: what keeps them from being scored, or nothing.
    """

    run: str
    rows: int
    left_out: int
    before: Metrics
    after: Metrics
    difference: dict[str, Difference]
    why: str = ""


@dataclass(frozen=True)
class Result:
    """Everything that a run found, with what it takes to have it again.

    Attributes:
        schema: version of the file format.
        tailtune: version of tailtune.
        command: as it was typed.
        finished: when, in UTC (ISO 8601).
        kind: of the data.
        headline: the metric by which published results on the data set are compared, where there is one.
        measures: a person's own measures, which stand beside tailtune's.
        versions: of Python and of the packages that results depend on.
        machine: where it ran.
        data: what it was trained and tested on.
        systems: the model first, then the baselines.
        undecided: the model before its decision: its scores as they are, answering the likeliest class.
        decision: what was made of the scores of the model, and likewise of those of trained baselines.
        points: the model with answers taken for several objectives, among them the run's; none where intervals were
            not asked for.
        balances: the model at several class balances; none where intervals were not asked for, or see
            `tailtune.run.balances.at_balances`.
        training: how the model was trained.
        run: the configuration, resolved.
        bill: what the answers cost, where the objective is a cost.
        promises: sets of classes, and answering fewer rows; None without validation rows, or without intervals.
        deployed: the model for use, where it is another than the one that the figures are of (``--refit all``).
        earlier: what training went on from, on its own test rows (``--init-from``).
        slices: the model by the values of the columns that were asked for.
        leaks: what of the test rows training had seen; None where nobody looked, as in the trainings of a study.
    """

    schema: int
    tailtune: str
    command: str
    finished: str
    kind: Kind
    headline: Headline | None
    measures: tuple[Quantity, ...]
    versions: dict[str, str]
    machine: Machine
    data: DataRecord
    systems: tuple[SystemResult, ...]
    undecided: SystemResult
    decision: Decided
    points: tuple[OperatingPoint, ...]
    balances: tuple[AtBalance, ...]
    training: TrainingRecord
    run: Resolved
    bill: Bill | None = None
    promises: Promises | None = None
    deployed: Deployed | None = None
    earlier: Earlier | None = None
    slices: tuple[Sliced, ...] = ()
    leaks: LeakRecord | None = None

    @property
    def out_of_fold(self) -> bool:
        """Whether figures are of several models, each on the rows of its fold, and the model for use saw all rows."""
        return self.run.folds is not None

    @property
    def model(self) -> SystemResult:
        """The model."""
        return self.systems[0]

    @property
    def baselines(self) -> tuple[SystemResult, ...]:
        """The baselines."""
        return self.systems[1:]

    def system(self, name: str) -> SystemResult:
        """Return the system called `name`.

        Raises:
            TailtuneError: there is none.
        """
        for system in self.systems:
            if system.name == name:
                return system
        raise TailtuneError(f"the run has no system {name!r}; it has {', '.join(s.name for s in self.systems)}")


def class_counts(targets: NDArray[np.int64], classes: int) -> tuple[int, ...]:
    """Return the rows of each class [K]."""
    return tuple(np.bincount(targets, minlength=classes).tolist())


def to_json(value: Any) -> bytes:
    """Write a record (or any of its parts) as JSON; NaN and infinity have no place in it."""
    import msgspec

    return json.dumps(msgspec.to_builtins(value), indent=1, ensure_ascii=False, allow_nan=False).encode()


def read_result(path: Path) -> Result:
    """Read a result.json.

    Raises:
        TailtuneError: it is missing, broken, or of another version.
    """
    import msgspec

    try:
        content = path.read_bytes()
        raw: Any = msgspec.json.decode(content)
        version = raw.get("schema", 1) if isinstance(raw, dict) else None
        if isinstance(version, int):
            check_format(path, version, SCHEMA)
        return msgspec.convert(raw, Result)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TailtuneError(f"{path} cannot be read ({error}); name a folder that tailtune fit has finished") from error
