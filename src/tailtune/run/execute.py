"""One run from data to result.json: split, train, evaluate once on the test part, set beside the baselines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailtune import __version__
from tailtune.augment.policies import build as build_policy
from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError, nearest
from tailtune.evaluation.bootstrap import intervals, paired_difference, with_intervals
from tailtune.evaluation.measure import Measure, describe
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.metrics import summarise
from tailtune.evaluation.own_measures import own_measures, try_out
from tailtune.interrupt import Interrupted
from tailtune.methods.resolve import find
from tailtune.models import trees
from tailtune.run.environment import command, first_process, machine, versions
from tailtune.run.fit_model import Fitted, Watch, check_flip_averaging, fit_model
from tailtune.run.folder import begun, check_folder, write_predictions, write_result, write_run
from tailtune.settings import Run, check

BASELINES = ("majority", "xgboost", "erm")
_OF_NETWORKS = (
    "epochs",
    "minutes",
    "batch_size",
    "optimizer",
    "lr",
    "weight_decay",
    "clip",
    "ema",
    "policy",
    "patience",
    "test_curve",
    "compile",
)
_DETAILS = ("per_class", "confusion", "reliability", "absent")
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class System:
    """One row of the comparison: the model or a baseline, with its test probabilities [N, K]."""

    name: str
    label: str
    role: str
    seconds: float
    probabilities: Probabilities


def execute(
    run: Run,
    *,
    resume: bool = False,
    watch: Watch = nullcontext,
    say: Callable[[str], object] = print,
    dataset: Dataset | None = None,
    resamples: int = 1000,
) -> Path | None:
    """Carry out `run` in the folder ``run.out``, all but the report and DONE.

    Args:
        run: what to do.
        resume: go on with an unfinished run of the same settings.
        watch: opens an observer of the training, such as a progress bar.
        say: is told, in a sentence each, what was noticed about the data.
        dataset: that of `run`, where it has been opened already.
        resamples: of the bootstrap intervals; 0 states none, which saves seconds where many trainings are compared.

    Returns:
        The run folder, or None in the processes of a data-parallel run that are not the first.

    Raises:
        TailtuneError: anything wrong with the input.
        Interrupted: stopped by a signal; the folder holds a checkpoint.
    """
    check_run(run)
    first = first_process(run.devices)
    folder = check_folder(run, resume) if first else Path(run.out)
    dataset = dataset or open_dataset(run)
    baselines, own = baselines_for(run, dataset), own_measures_for(run, dataset)
    if not first:
        with suppress(TailtuneError, Interrupted):  # the first process stops at the same place, and says why
            fit_model(run, dataset, folder=folder, resume=resume)
        return None
    for sentence in dataset.notes:
        say(sentence)
    with begun(folder, run):
        fitted = fit_model(run, dataset, folder=folder, resume=resume, watch=watch)
        assert fitted is not None
        for sentence in fitted.training["warnings"]:
            say(sentence)
        fitted.predictor.save(folder)
        write_run(folder, run, fitted.run)
        systems = list(_systems(run, fitted, dataset, baselines))
        targets = dataset.test.targets.numpy()
        probabilities = {
            f"baseline_{s.name}" if s.role == "baseline" else "probabilities": s.probabilities for s in systems
        }
        write_predictions(folder, dataset.test.ids, targets, probabilities)
        write_result(folder, _result(fitted, dataset, systems, own, resamples))
    return folder


def check_run(run: Run) -> None:
    """Refuse, before data are read, what makes no sense whatever the data are: numbers, names, settings of no use.

    Raises:
        TailtuneError: naming the first of them.
    """
    check(run)
    _check_names(run)
    _check_use(run)


def _check_names(run: Run) -> None:
    """Refuse, before data are read, names that mean nothing whatever the data.

    Raises:
        TailtuneError: an unknown baseline, method, augmentation policy or measure.
    """
    for name in run.baselines or ():
        if name not in BASELINES:
            known = ", ".join(BASELINES)
            raise TailtuneError(f"there is no baseline {name!r}.{nearest(name, BASELINES)} Known: {known}")
    if run.method is not None:
        find(run.method)
    if run.policy is not None:
        build_policy(run.policy, (), ())
    own_measures(run.measures)


def _check_use(run: Run) -> None:
    """Refuse settings of networks for trees rather than pass over them.

    Raises:
        TailtuneError: naming the first of them, or a curve of test rows beside a selection that chooses an epoch.
    """
    if run.test_curve and run.selection != "last":
        raise TailtuneError(f"--test-curve needs --selection last, however: {run.selection}; leave one of them out")
    if run.model in trees.NAMES:
        for name in _OF_NETWORKS:
            value = getattr(run, name)
            if value is not None and value is not False:  # 0 is a setting
                option = name.replace("_", "-")
                raise TailtuneError(f"--{option} is a setting of networks, and {run.model} has none; leave it out")


def baselines_for(run: Run, dataset: Dataset) -> tuple[str, ...]:
    """The baselines to report, checked before training starts.

    Raises:
        TailtuneError: a baseline, an augmentation policy or an averaging that does not take this kind of data.
    """
    check_flip_averaging(run, dataset)
    if dataset.kind == "table" and run.policy not in (None, "none"):
        raise TailtuneError(f"--policy {run.policy} augments images, and the data is a table; leave it out")
    wanted = run.baselines
    if wanted is None:
        wanted = ("majority", "xgboost") if dataset.kind == "table" else ("majority",)
        wanted = tuple(name for name in wanted if name != run.model)
    if "xgboost" in wanted and dataset.kind != "table":
        raise TailtuneError("the baseline xgboost takes tables, not images; use majority or erm")
    return wanted


def own_measures_for(run: Run, dataset: Dataset) -> list[Measure]:
    """The own measures to report beside tailtune's, tried before training starts.

    Raises:
        TailtuneError: an own measure that cannot be had, or that fails.
    """
    own = own_measures(run.measures)
    try_out(own, dataset.train.targets.numpy(), dataset.profile)
    return own


def _systems(asked: Run, fitted: Fitted, dataset: Dataset, baselines: tuple[str, ...]) -> Iterator[System]:
    """The model, then each baseline, with their predictions on the test part.

    The baseline erm is the same network trained for the same epochs by the plain routine, but for what was asked for.
    """
    run, inputs = fitted.run, dataset.test.inputs
    label = f"{run.method} ({run.model})"
    seconds = fitted.training["seconds"]
    yield System(str(run.method), label, "model", seconds, fitted.predictor.probabilities(inputs))
    for name in baselines:
        began = time.perf_counter()
        if name == "majority":
            priors = dataset.profile.priors
            probabilities = np.tile(priors, (len(dataset.test), 1))
            yield System(name, "majority class", "baseline", time.perf_counter() - began, probabilities)
            continue
        model = "xgboost" if name == "xgboost" else run.model
        plain = replace(asked, method="erm", rho=None, smoothing=None, rule="inverse", kappa=1.0, cap=5.0)
        alone = replace(plain, model=model, epochs=run.epochs, minutes=None, devices=1, logger=None)
        baseline = fit_model(alone, dataset)
        assert baseline is not None
        label = "XGBoost" if name == "xgboost" else f"erm ({run.model})"
        seconds = baseline.training["seconds"]
        yield System(name, label, "baseline", seconds, baseline.predictor.probabilities(inputs))


def _result(
    fitted: Fitted, dataset: Dataset, systems: list[System], own: list[Measure], resamples: int
) -> dict[str, Any]:
    profile, targets = dataset.profile, dataset.test.targets.numpy()
    k, measures = len(dataset.names), [*MEASURES, *own]
    sure = with_intervals(measures)

    def counts(part_targets: Any) -> list[int]:
        return np.bincount(part_targets.numpy(), minlength=k).tolist()  # type: ignore[no-any-return]

    rows: list[dict[str, Any]] = []
    for system in systems:
        summary = summarise(targets, system.probabilities, profile, measures)
        details = {name: summary.pop(name) for name in _DETAILS}
        row: dict[str, Any] = {"name": system.name, "label": system.label, "role": system.role}
        row |= {"seconds": round(system.seconds, 3), "metrics": summary}
        row["intervals"] = intervals(targets, system.probabilities, profile, sure, resamples) if resamples else {}
        if system.role == "baseline":
            pair = systems[0].probabilities, system.probabilities
            row["difference"] = paired_difference(targets, *pair, profile, sure, resamples) if resamples else {}
        rows.append(row | details)
    val = dataset.val
    data = {
        "source": dataset.source,
        "split": dataset.split,
        "split_hash": dataset.split_hash,
        "names": list(dataset.names),
        "counts": {
            "train": counts(dataset.train.targets),
            "val": None if val is None else counts(val.targets),
            "test": counts(dataset.test.targets),
        },
        "features": dataset.preprocessor.shape(),
        "left_out": [asdict(item) for item in dataset.left_out],
        "warnings": list(dataset.warnings),
    }
    return {
        "tailtune": __version__,
        "command": command(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "kind": dataset.kind,
        "headline": dataset.headline,
        "measures": [describe(measure) for measure in own],
        "versions": versions(),
        "machine": machine(),
        "data": data,
        "systems": rows,
        "training": fitted.training,
        "run": asdict(fitted.run),
    }
