"""Scores of a finished run on rows whose target is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.data import catalog
from tailtune.data.amounts import Amounts
from tailtune.data.dataset import NAMED, Headline
from tailtune.data.open import open_for_prediction
from tailtune.data.target import UnknownClassesError
from tailtune.errors import TailtuneError, nearest
from tailtune.evaluation.bill import Bill, bill
from tailtune.evaluation.bootstrap import Interval, intervals, with_intervals
from tailtune.evaluation.calibration import ReliabilityBin
from tailtune.evaluation.measure import Measure, Quantity, quantity_of
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.metrics import ClassResult, Metrics, summarise
from tailtune.evaluation.own_measures import own_measures
from tailtune.evaluation.scored import scored
from tailtune.evaluation.slices import Sliced, sliced
from tailtune.leaks.check import alike_pictures
from tailtune.run.continued import continued
from tailtune.run.finished import Finished
from tailtune.run.leak_record import SHOWN, shown_figures
from tailtune.run.redecide import redecided
from tailtune.run.slice_columns import slice_columns
from tailtune.run.trained_pictures import read_trained_pictures
from tailtune.run.trained_rows import trained_on
from tailtune.words import number, quoted

if TYPE_CHECKING:
    import polars as pl

    from tailtune.data.sources import Sources
    from tailtune.run.predictor import Predictor


@dataclass(frozen=True)
class SeenRows:
    """Rows to score that a run was trained on, by their values: figures on them are too good.

    Attributes:
        rows: how many.
        near: those of them that are pictures nearly the same, not the same.
        metrics: the figures of SHOWN on them.
    """

    rows: int
    metrics: Metrics
    near: int = 0


@dataclass(frozen=True)
class Scores:
    """What a run reaches on rows that it was not tested on, nor trained on as far as there are others.

    Attributes:
        rows: how many the figures are of.
        metrics: figures by key, None where undefined.
        intervals: their 95 % intervals.
        per_class: a row a class, in class order.
        confusion: counts [K, K], the truth by row.
        reliability: a row a bin.
        absent: names of the classes without rows.
        headline: key of the metric by which published results on the data set of the run are compared.
        measures: the run's own measures.
        seen: the rows that it was trained on, which the figures leave out unless there are no others; None without any.
        note: a sentence on those, or nothing.
        bill: what the answers cost, where the objective is a cost.
        slices: the same by the values of the columns that were asked for.
    """

    rows: int
    metrics: Metrics
    intervals: dict[str, Interval]
    per_class: tuple[ClassResult, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[ReliabilityBin, ...]
    absent: tuple[str, ...]
    headline: Headline | None
    measures: tuple[Quantity, ...]
    seen: SeenRows | None = None
    note: str = ""
    bill: Bill | None = None
    slices: tuple[Sliced, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the scores ready for JSON, the figures by their keys beside the other entries."""
        import msgspec

        content: dict[str, object] = msgspec.to_builtins(self)
        del content["metrics"]
        return self.metrics | content


def score(
    folder: Path,
    data: str,
    say: Callable[[str], object] = print,
    objective: str | None = None,
    deploy_prior: str | None = None,
    manifest: str | None = None,
    skip_bad_images: bool = False,
    skip_unknown_classes: bool = False,
    slice_by: Sequence[str] = (),
) -> Scores:
    """Score the run in `folder` on `data`, which must hold the target.

    Args:
        folder: finished run folder.
        data: table, image folder or .npz with targets, or the named data set of the run, for its test part.
        say: is told what was noticed about the data.
        objective: another one to answer for than the run's, see `redecided`.
        deploy_prior: another balance in use, see `redecided`.
        manifest: lists the pictures of the folder `data` that are meant, with their classes.
        skip_bad_images: leave out images that cannot be read.
        skip_unknown_classes: leave out rows of classes that the model does not know.
        slice_by: columns by whose values the rows are also scored apart.

    Returns:
        The figures, with the run's own measures. One whose file is gone is left out, and `say` is told.

    Raises:
        TailtuneError: anything wrong with the folder or the data, or no target in it.
    """
    run = Finished(folder)
    predictor, result = redecided(run, objective, deploy_prior, say), run.result
    profile = result.data.profile
    named = data in catalog.__all__
    if named:
        rows = _test_part(run, data)
    else:
        rows = _rows(data, run, predictor, say, manifest, skip_bad_images, skip_unknown_classes)
    inputs, targets, amounts, groups, weights = rows.inputs, rows.targets, rows.amounts, rows.groups, rows.weights
    columns = slice_columns(slice_by, rows.frame, data)
    scores = predictor.scores(inputs)
    probabilities = predictor.in_use(scores)
    answers = predictor.answers(probabilities, amounts)
    same = np.zeros(len(targets), dtype=bool) if named else trained_on(run.folder, inputs)
    known = same if named else same | _near(run.folder, inputs)
    if (targets < 0).any():
        of_model = targets >= 0
        scores, probabilities, answers = scores[of_model], probabilities[of_model], answers[of_model]
        targets, known, same = targets[of_model], known[of_model], same[of_model]
        amounts = None if amounts is None else amounts.take(of_model)
        groups = None if groups is None else groups[of_model]
        weights = None if weights is None else weights[of_model]
        columns = {name: replace(levels, codes=levels.codes[of_model]) for name, levels in columns.items()}
    seen, note = None, ""
    if known.any():
        near = int((known & ~same).sum())
        seen = SeenRows(int(known.sum()), shown_figures(targets[known], probabilities[known], profile), near)
        if known.all():
            alike = f" ({near} of them pictures nearly the same as those trained on)" if near else ""
            note = (
                f"The run was trained on all {len(known)} rows{alike}, so these figures are too good: quote none of "
                "them."
            )
        else:
            scores, probabilities, answers = scores[~known], probabilities[~known], answers[~known]
            targets, amounts = targets[~known], None if amounts is None else amounts.take(~known)
            groups = None if groups is None else groups[~known]
            weights = None if weights is None else weights[~known]
            columns = {name: replace(levels, codes=levels.codes[~known]) for name, levels in columns.items()}
            note = _left_out(seen, len(known))
    own: list[Measure] = []
    for name in run.run.measures:
        try:
            own += own_measures([name])
        except TailtuneError as error:
            say(f"without measure {name}: {error}")
    measures = [*MEASURES, *own]
    costs = None if predictor.costs is None else predictor.costs.of(targets, amounts)
    found = summarise(targets, probabilities, profile, measures, answers, weights)
    sure = with_intervals(measures)
    ends = intervals(targets, probabilities, profile, sure, answers=answers, groups=groups, weights=weights)
    by_column = sliced(scored(targets, probabilities, profile, answers, weights), columns, groups=groups)
    return Scores(
        rows=len(targets),
        **vars(found),
        intervals=ends,
        headline=result.headline,
        measures=tuple(quantity_of(measure) for measure in own),
        seen=seen,
        note=note,
        bill=None if costs is None else bill(costs, answers, scores, profile.names),
        slices=by_column,
    )


def _near(folder: Path, inputs: Sources) -> NDArray[np.bool_]:
    """Which rows [N] are pictures that are nearly the same as some that the run was trained on; none of a table."""
    known = read_trained_pictures(folder)
    if known is None:
        return np.zeros(inputs[0].shape[0], dtype=bool)
    return alike_pictures(known, inputs[0]).like >= 0


def _left_out(seen: SeenRows, rows: int) -> str:
    figures = ", ".join(f"{key.replace('_', ' ')} {number(seen.metrics[key])}" for key in SHOWN)
    alike = f", or on pictures nearly the same ({seen.near})" if seen.near else ""
    return (
        f"{seen.rows} of the {rows} rows are left out of these figures, because the run was trained on rows of the "
        f"same values{alike}; on those alone it reaches {figures}, which is too good to quote."
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows to score: inputs, classes [N], what is known of them, and all their columns as they were read."""

    inputs: Sources
    targets: NDArray[np.int64]
    amounts: Amounts | None
    groups: NDArray[np.str_] | None
    weights: NDArray[np.float64] | None
    frame: pl.DataFrame | None


def _rows(
    data: str,
    run: Finished,
    predictor: Predictor,
    say: Callable[[str], object],
    manifest: str | None,
    skip_bad_images: bool,
    skip_unknown_classes: bool,
) -> _Rows:
    """Return a person's rows; the class of one that is passed over, because the model does not know it, is -1.

    Raises:
        TailtuneError: anything wrong with them, no targets, or none that the model knows.
    """
    rows = open_for_prediction(
        data, predictor.preprocessor, predictor.in_data, run.run.target, manifest, skip_bad_images=skip_bad_images
    )
    for sentence in rows.notes:
        say(sentence)
    try:
        targets = rows.targets
    except UnknownClassesError as unknown:
        total, count = len(unknown.codes), sum(unknown.rows.values())
        which = "a class" if len(unknown.rows) == 1 else "classes"
        of = f"{count} of {total} rows in {data} are of {which} that the model does not know: {_listed(unknown.rows)}"
        if not skip_unknown_classes:
            hint = nearest(next(iter(unknown.rows)), predictor.in_data)
            raise TailtuneError(f"{of}; score the others with --skip-unknown-classes.{hint}") from unknown
        if count == total:
            raise TailtuneError(f"{of}; none is left to score") from unknown
        say(f"{of}; they are left out.")
        targets = unknown.codes
    if targets is None:
        wanted = "the target column" if predictor.kind == "table" else "a folder for each class, or y"
        wanted = wanted if manifest is None else "a column label"
        raise TailtuneError(
            f"{manifest or data} holds no targets to score against; it needs {wanted} (or use tailtune predict)"
        )
    known = rows.known(run.run)
    if run.result.data.mass is not None and known.weights is None:
        say("The rows have no weights, as the run's had, so that all count alike in these figures.")
    return _Rows(rows.inputs, targets, rows.amounts(predictor.amounts), known.groups, known.weights, rows.frame)


def _listed(rows: Mapping[str, int]) -> str:
    first = sorted(rows.items(), key=lambda each: (-each[1], each[0]))
    named = ", ".join(f"{quoted(name)} ({count})" for name, count in first[:NAMED])
    return named + (f" and {len(first) - NAMED} more" if len(first) > NAMED else "")


def _test_part(run: Finished, name: str) -> _Rows:
    """Return the test part of a named data set, encoded as when it was trained on.

    Raises:
        TailtuneError: the run was trained on other data, on other rows of it, or on all of them.
    """
    trained_on = run.run.data
    if run.result.deployed is not None or run.result.out_of_fold:
        raise TailtuneError(
            f"the model in {run.folder} was trained on all rows of {trained_on}, its test rows among them; their "
            "figures are in its report"
        )
    if name != trained_on:
        raise TailtuneError(
            f"{name} is a named data set, and {run.folder} was trained on {trained_on}; give a file or folder with "
            f"rows, or write ./{name} for one of this name"
        )
    test = continued(run.run, run.dataset()).test
    weights = None if test.weights is None else test.weights.numpy().astype(np.float64)
    return _Rows(test.inputs, test.targets.numpy(), test.amounts, test.groups, weights, test.frame)
