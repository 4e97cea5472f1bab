"""What a trained model and its baselines come to on the test rows: the `Result` of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from tailtune.data.dataset import Dataset, Part
from tailtune.evaluation.alarms import recall_at_alarms
from tailtune.evaluation.bill import bill
from tailtune.evaluation.bootstrap import intervals, paired_difference, with_intervals
from tailtune.evaluation.levels import Levels
from tailtune.evaluation.measure import Measure, quantity_of
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.metrics import summarise
from tailtune.evaluation.scored import scored
from tailtune.evaluation.slices import sliced
from tailtune.leaks.leak import Leaks
from tailtune.profile import ClassProfile, Floats, Indices
from tailtune.run.balances import at_balances
from tailtune.run.environment import command, machine, versions
from tailtune.run.folder import (
    Answered,
    Predictions,
)
from tailtune.run.leak_record import leak_record
from tailtune.run.learner import Fitted
from tailtune.run.points import operating_points, weights_in_use
from tailtune.run.promises import ScoredBy, promises
from tailtune.run.result import (
    SCHEMA,
    Counts,
    DataRecord,
    Result,
    SameAlarms,
    SystemResult,
    class_counts,
)
from tailtune.run.systems import System
from tailtune.settings import Resolved
from tailtune.version import __version__

Probabilities = NDArray[np.float64]


def result_of(
    fitted: Fitted,
    dataset: Dataset,
    made: Predictions,
    by_fold: Probabilities | None,
    systems: list[System],
    own: list[Measure],
    columns: dict[str, Levels],
    resamples: int,
    leaks: Leaks | None,
) -> Result:
    """Return everything that a run found.

    Args:
        fitted: the model and how it was trained.
        dataset: with its test rows.
        made: predictions for them.
        by_fold: scores of the test rows by the models of each fold [F, N, K], where there are several.
        systems: the model, then its baselines.
        own: measures of the user's own.
        columns: the levels of the test rows, by column to slice by.
        resamples: of the bootstrap intervals; 0 states none.
        leaks: what of the test rows training had seen; None where nobody looked.
    """
    model = systems[0]
    asked, decided, recalibration = fitted.asked, fitted.decided, fitted.predictor.recalibration
    assert asked is not None
    assert decided is not None
    assert recalibration is not None
    one_model = resamples > 0 and made.folds is None  # of which other decisions can be tried
    as_it_is = Answered(made.scores, made.scores.argmax(axis=1))
    before = replace(model, label=f"{model.label}, before its decision", test=as_it_is)
    use = asked, recalibration, dataset.profile, made
    costs = None if asked.costs is None else asked.costs.of(made.targets, made.amounts)
    weights = weights_in_use(asked, made.targets, recalibration.deployment)
    rows = scored(made.targets, model.test.probabilities, dataset.profile, model.test.answers, made.weights)
    scored_by: ScoredBy = "first" if fitted.run.selection == "refit" and dataset.val is not None else "model"
    if fitted.training.folded:
        scored_by = "folds"
    return Result(
        schema=SCHEMA,
        tailtune=__version__,
        command=command(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=dataset.kind,
        headline=dataset.headline,
        measures=tuple(quantity_of(measure) for measure in own),
        versions=versions(),
        machine=machine(),
        data=data_record(dataset),
        systems=tuple(_system_result(system, model, dataset, own, resamples) for system in systems),
        undecided=_system_result(before, model, dataset, own, resamples),
        decision=decided,
        points=operating_points(*use, budget=fitted.run.budget) if one_model else (),
        balances=at_balances(*use, resamples) if one_model else (),
        training=fitted.training,
        run=Resolved(**vars(fitted.run)),
        bill=None if costs is None else bill(costs, made.model.answers, made.scores, dataset.names, weights),
        promises=promises(fitted.predictor, dataset.profile, made, scored_by, by_fold) if one_model else None,
        slices=sliced(rows, columns, resamples, made.groups) if resamples else (),
        leaks=None if leaks is None else leak_record(leaks, made.targets, made.model, dataset.profile),
    )


def data_record(dataset: Dataset) -> DataRecord:
    """Return what a result says about its data."""
    k, val = len(dataset.names), dataset.val
    shape: dict[str, Any] = dict(dataset.preprocessor.shape())
    return DataRecord(
        source=dataset.source,
        split=dataset.split,
        split_hash=dataset.split_hash,
        names=tuple(dataset.names),
        counts=Counts(
            class_counts(dataset.train.targets.numpy(), k),
            None if val is None else class_counts(val.targets.numpy(), k),
            class_counts(dataset.test.targets.numpy(), k),
        ),
        features={name: tuple(size) if isinstance(size, list) else size for name, size in shape.items()},
        left_out=tuple(dataset.left_out),
        warnings=tuple(dataset.warnings),
        deployment=dataset.deployment,
        mass=dataset.train.mass(k),
        val_mass=None if val is None else val.mass(k),
        positive=dataset.positive,
    )


def weights_of(part: Part) -> Floats | None:
    """The weights [N] of the rows in measures; None where all count alike."""
    return None if part.weights is None else part.weights.numpy().astype(np.float64)


class Beside(TypedDict):
    """What measures and intervals take of rows beside their classes."""

    groups: NDArray[np.str_] | None
    weights: Floats | None


def beside_rows(part: Part) -> Beside:
    """Return the groups and weights of the rows."""
    return {"groups": part.groups, "weights": weights_of(part)}


def _system_result(system: System, model: System, dataset: Dataset, own: list[Measure], resamples: int) -> SystemResult:
    profile, difference, same_alarms, measures = dataset.profile, {}, None, [*MEASURES, *own]
    targets, sure, beside = dataset.test.targets.numpy(), with_intervals(measures), beside_rows(dataset.test)
    ours, test = model.test, system.test
    found = summarise(targets, test.probabilities, profile, measures, test.answers, beside["weights"])
    if resamples and system is not model:
        pair = ours.probabilities, test.probabilities
        answers = ours.answers, test.answers
        difference = paired_difference(targets, *pair, profile, sure, resamples, answers=answers, **beside)
        same_alarms = at_same_alarms(targets, pair, ours.answers, profile, resamples, dataset.test.groups)
    ends = {}
    if resamples:
        ends = intervals(targets, test.probabilities, profile, sure, resamples, answers=test.answers, **beside)
    return SystemResult(
        name=system.name,
        label=system.label,
        role=system.role,
        seconds=round(system.seconds, 3),
        **vars(found),
        intervals=ends,
        difference=difference,
        same_alarms=same_alarms,
    )


def at_same_alarms(
    targets: Indices,
    pair: tuple[Probabilities, Probabilities],
    answers: Indices,
    profile: ClassProfile,
    resamples: int,
    groups: NDArray[np.str_] | None = None,
) -> SameAlarms | None:
    """Recall of both systems at the number of alarms in the `answers` of the first; each row counts once."""
    measure = recall_at_alarms
    first, second = (measure.value(scored(targets, probabilities, profile, answers)) for probabilities in pair)
    both = answers, answers
    found = paired_difference(targets, *pair, profile, [measure], resamples, answers=both, groups=groups)
    if first is None or second is None or measure.key not in found:
        return None
    return SameAlarms(int(np.isin(answers, profile.tail).sum()), first, second, found[measure.key])
