"""Predictions of a finished run for new rows: classes, probabilities, and where asked for sets and abstention."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailtune.data.decode import UnreadableImageError
from tailtune.data.open import open_for_prediction
from tailtune.decision.use import HeldOut
from tailtune.errors import TailtuneError
from tailtune.files import check_output, refuse_unwritable, write_whole
from tailtune.profile import Floats
from tailtune.run.finished import Finished
from tailtune.run.predictor import Predictor
from tailtune.run.promises import sets_of
from tailtune.run.redecide import redecided
from tailtune.words import percent

if TYPE_CHECKING:
    import polars as pl

ESTIMATE = "estimate"  # of a deployment balance: from the rows themselves
SETS = "--sets"
SEPARATOR = "|"  # between the classes of a set
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


@dataclass(frozen=True)
class Wanted:
    """What predictions are to hold beside what the run itself decided; nothing is trained for any of it.

    Attributes:
        objective: another one to answer for, see `tailtune.run.redecide.redecided`.
        deploy_prior: another class balance in use; "estimate" finds it from the rows that are predicted.
        sets: coverage, for each class, of sets of classes (`tailtune.decision.conformal`).
        abstain_error: share of wrong answers to keep by answering fewer rows (`tailtune.decision.abstention`).
        top: how many of the most probable classes to name, with their probabilities, in columns of their own.
    """

    objective: str | None = None
    deploy_prior: str | None = None
    sets: float | None = None
    abstain_error: float | None = None
    top: int | None = None


def write_predictions_table(
    folder: Path,
    data: str,
    out: Path,
    say: Callable[[str], object] = print,
    wanted: Wanted | None = None,
    force: bool = False,
    manifest: str | None = None,
    skip_bad_images: bool = False,
) -> int:
    """Predict every row of `data` with the run in `folder`; write id, predicted class and class probabilities.

    Sets of classes are a column ``set`` with the classes between bars, abstention is a column ``answered``. The most
    probable classes are columns ``top_1``, ``top_1_probability`` and so on. An image that cannot be read keeps its row,
    which says why in the column ``unreadable`` and is empty otherwise.

    Args:
        folder: finished run folder.
        data: table, image folder, image or .npz.
        out: .csv or .parquet file.
        say: is told what was noticed about the data, and what was fitted.
        wanted: what is asked beside what the run decided.
        force: replace a file at `out` that is neither `data` nor of the run.
        manifest: lists the pictures of the folder `data` that are meant.
        skip_bad_images: go on where an image cannot be read.

    Returns:
        Number of rows that were predicted; they keep the order of `data`.

    Raises:
        TailtuneError: anything wrong with the folder, the data or `out`, or no validation scores to fit on.
    """
    import io

    import polars as pl

    if out.suffix not in (".csv", ".parquet"):
        raise TailtuneError(f"--out {out} must end in .csv or .parquet")
    if not out.parent.is_dir():
        raise TailtuneError(f"there is no folder {out.parent} to write {out.name} into; create it first")
    refuse_unwritable(out)
    check_output(out, force, Path(data), folder)
    wanted, run = wanted or Wanted(), Finished(folder)
    trained = run.predictor()
    check_top(wanted.top, trained.names)
    rows = open_for_prediction(
        data, trained.preprocessor, trained.in_data, run.run.target, manifest, skip_bad_images=skip_bad_images
    )
    for sentence in rows.notes:
        say(sentence)
    scores = trained.scores(rows.inputs)
    stated, found = wanted.deploy_prior, None
    if stated == ESTIMATE:
        stated, found = None, _estimated(run, scores, say)
    predictor = redecided(run, wanted.objective, stated, say, found)
    probabilities = predictor.in_use(scores)
    answers = predictor.answers(probabilities, rows.amounts(predictor.amounts))
    columns: dict[str, Any] = {"id": rows.ids, "predicted": np.asarray(predictor.names)[answers]}
    if wanted.abstain_error is not None:
        columns["answered"] = _answered(run, predictor, probabilities, answers, wanted.abstain_error, say)
    if wanted.sets is not None:
        columns["set"] = _sets(run, scores, trained.scores_by_fold(rows.inputs), wanted.sets, say)
    if wanted.top is not None:
        columns |= _top(wanted.top, probabilities, predictor.names)
    columns |= {f"probability_{name}": probabilities[:, k] for k, name in enumerate(predictor.names)}
    frame, buffer = pl.DataFrame(columns), io.BytesIO()
    if skip_bad_images:
        frame = _with_unreadable(frame, rows.unreadable)
    if out.suffix == ".csv":
        without_formulas(frame).write_csv(buffer)
    else:
        frame.write_parquet(buffer)
    write_whole(out, buffer.getvalue())
    return len(answers)


def check_top(top: int | None, names: Sequence[str]) -> None:
    """Refuse to name fewer classes than one, or more than there are.

    Raises:
        TailtuneError: saying how many there are.
    """
    if top is not None and not 1 <= top <= len(names):
        raise TailtuneError(f"--top must be from 1 to {len(names)}, the number of classes, however: {top}")


def _top(count: int, probabilities: Floats, names: tuple[str, ...]) -> dict[str, Any]:
    """Columns with the most probable classes, of equal ones the first by the order of the classes."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    columns: dict[str, Any] = {}
    for place in range(count):
        columns[f"top_{place + 1}"] = np.asarray(names)[order[:, place]]
        chosen = np.take_along_axis(probabilities, order[:, place : place + 1], axis=1)
        columns[f"top_{place + 1}_probability"] = chosen[:, 0]
    return columns


def _with_unreadable(frame: pl.DataFrame, unreadable: Mapping[int, UnreadableImageError]) -> pl.DataFrame:
    """Put in the rows of images that cannot be read, at their places among all."""
    import polars as pl

    places = [place for place in range(len(frame) + len(unreadable)) if place not in unreadable]
    good = frame.with_columns(unreadable=pl.lit(None, pl.String), place=pl.Series(places, dtype=pl.Int64))
    bad = pl.DataFrame(
        {
            "id": [problem.name for problem in unreadable.values()],
            "unreadable": [problem.why for problem in unreadable.values()],
            "place": list(unreadable),
        },
        schema={"id": pl.String, "unreadable": pl.String, "place": pl.Int64},
    )
    return pl.concat([good, bad], how="diagonal").sort("place").drop("place")


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before texts that a spreadsheet would carry out as a formula; numbers stay what they are.

    Class names, paths and identifiers come from data, and so may ``=HYPERLINK(...)``.

    Source: OWASP, "CSV Injection".

    >>> import polars as pl
    >>> without_formulas(pl.DataFrame({"predicted": ["=1+1", "-1", "cat"]}))["predicted"].to_list()
    ["'=1+1", '-1', 'cat']
    """
    import polars as pl

    text = pl.col(pl.String)
    harmful = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    return frame.with_columns(pl.when(harmful).then(text.str.replace("^", "'")).otherwise(text))


def _held_out(run: Finished, option: str, say: Callable[[str], object]) -> HeldOut:
    """The validation scores that a run kept.

    Raises:
        TailtuneError: it had no validation rows.
    """
    held_out = run.predictions.basis_in_use.held_out
    if held_out is None:
        raise TailtuneError(
            f"{option} is fitted on validation rows, and {run.folder} had none; fit again with --selection validation"
        )
    if run.result.training.folded and option == SETS:
        say(f"{option} compares each row with those that each fold's models had not seen.")
    elif run.result.training.folded:
        say(f"{option} rests on scores of models that each saw four fifths of the rows, and answers are of their mean.")
    elif run.run.selection == "refit":
        say(f"{option} rests on the scores of the training before the refit, as far as the last model is like it.")
    return held_out


def _estimated(run: Finished, scores: Floats, say: Callable[[str], object]) -> Floats:
    """The class balance [K] of the rows to predict."""
    from tailtune.decision.deployment_balance import calibrated_expectation_maximisation

    held_out, names = _held_out(run, f"--deploy-prior {ESTIMATE}", say), run.result.data.names
    balance = calibrated_expectation_maximisation(
        held_out.probabilities, held_out.targets, scores, names=names, resamples=100
    )
    found = (
        f"{name} {percent(share)} ({percent(low)} to {percent(high)})"
        for name, share, (low, high) in zip(names, balance.frequencies, balance.interval, strict=True)
    )
    told = f"Estimated balance of these {balance.rows} rows, with 95 % intervals: {', '.join(found)}."
    say(f"{told} {balance.note}".strip())
    return np.maximum(balance.frequencies, 1e-6)


def _answered(
    run: Finished,
    predictor: Predictor,
    probabilities: Floats,
    answers: NDArray[np.int64],
    error: float,
    say: Callable[[str], object],
) -> NDArray[np.bool_]:
    from tailtune.decision.abstention import fit_abstention

    held_out = _held_out(run, "--abstain-error", say)
    known = predictor.in_use(held_out.probabilities)
    abstention = fit_abstention(known, held_out.targets, error, answers=predictor.answers(known, held_out.amounts))
    answered = abstention(probabilities, answers)
    kept = f"{percent(float(answered.mean()))} of the rows are answered, at most {percent(error)} of them wrongly"
    promise = f"{kept}, as far as they are like the {abstention.rows} validation rows."
    say(abstention.note or promise)
    return answered


def _sets(
    run: Finished, scores: Floats, by_fold: Floats | None, coverage: float, say: Callable[[str], object]
) -> list[str]:
    """The set of each row."""
    held_out, names = _held_out(run, SETS, say), run.result.data.names
    held, note = sets_of(held_out, names, coverage, scores, by_fold)
    if note:
        say(note)
    within = np.asarray(names, dtype=object)
    return [SEPARATOR.join(within[row]) for row in held]
