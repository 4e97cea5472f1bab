"""The tidy table of a study, one row a finished training, and what is written from it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tailtune.analysis.study_columns import columns, quantities
from tailtune.errors import TailtuneError
from tailtune.evaluation.measure import Measure, quantity_of
from tailtune.evaluation.measures import MEASURES, at
from tailtune.evaluation.metrics import scores
from tailtune.evaluation.own_measures import own_measures
from tailtune.evaluation.scored import scored
from tailtune.files import write_whole
from tailtune.run.environment import machine, versions
from tailtune.run.finished import Finished
from tailtune.run.folder import OF_DECISION
from tailtune.run.redecide import answered_anew
from tailtune.run.result import to_json
from tailtune.study.learning_curve import learning_curve
from tailtune.study.per_class import class_rows
from tailtune.study.planned import PLAN, Planned, read_plan
from tailtune.study.results import RESULTS, SCHEMA, Failure, Missing, Row, Scalar, StudyResult, read_results
from tailtune.study.statistics import SECONDS, compare
from tailtune.study.study import FORMAT, STUDY, Study, check_study_folder, plain
from tailtune.study.training_task import TrainingTask
from tailtune.version import __version__

if TYPE_CHECKING:
    import polars as pl

PARQUET, CSV = "results.parquet", "results.csv"
CLASS_PARQUET, CLASS_CSV = "per_class.parquet", "per_class.csv"


def read_study(folder: str | Path) -> pl.DataFrame:
    """Return the tidy table of a study: a row a finished training, a column a varied field and a figure.

    Args:
        folder: of a study or comparison.

    Raises:
        TailtuneError: there is no results.json, or it is broken or of another version.
    """
    return _frame(read_results(Path(folder)).rows)


def _read(training: TrainingTask, varied: Sequence[str], own: Sequence[Measure]) -> tuple[Row, list[Row]]:
    """The row of a finished training, and those of its classes.

    Own measures are computed here, from the predictions that every training leaves, so that a measure may be added or
    changed without training anew.
    """
    finished, run = Finished(training.folder), training.run
    result, trained = finished.result, finished.run
    anew = any(getattr(run, name) != getattr(trained, name) for name in OF_DECISION)
    test = answered_anew(finished, run) if anew else finished.predictions.model
    known = {} if anew else result.model.metrics
    wanted = [*MEASURES, *own] if anew else own
    metrics = dict(known)
    if wanted:
        made = finished.predictions
        rows = scored(made.targets, test.probabilities, result.data.profile, test.answers, made.weights)
        metrics |= scores(rows, wanted)
    changed = {name: _scalar(getattr(run if name in OF_DECISION else result.run, name)) for name in varied}
    row: Row = {
        "dataset": run.data,
        "ratio": run.ratio,
        "arm": training.arm,
        **changed,
        "method": result.run.method,
        "model": result.run.model,
        "threads": result.run.threads,
        "seed": training.seed,
        "vary": training.vary,
        "status": "done",
        **{measure.key: metrics.get(measure.key) for measure in at("study", [*MEASURES, *own])},
        **columns(training.folder, training.collect),
        "headline": result.headline,
        "seconds": result.training.seconds,
        "epochs": result.training.epochs,
        "steps": result.training.steps,
        "split_hash": result.data.split_hash,
        "config_hash": training.key,
        "folder": f"{training.folder.parent.name}/{training.folder.name}",
    }
    return row, class_rows(training, finished, test)


def _scalar(value: Any) -> Scalar:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def write_study(study: Study) -> None:
    """Write study.yaml, creating the folder.

    Raises:
        TailtuneError: the folder cannot be created or written to.
    """
    import yaml

    folder = Path(study.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TailtuneError(f"cannot create {folder}: {error.strerror or error}; choose another --out") from error
    content = {"format": FORMAT} | plain(study)
    write_whole(folder / STUDY, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())


def write_results(folder: Path, planned: Planned, failures: Mapping[str, str]) -> StudyResult:
    """Write the result files from all trainings that are finished, whoever did them.

    They are results.json, results.csv and results.parquet, and per_class.csv and per_class.parquet.

    Args:
        folder: of the study.
        planned: its trainings.
        failures: one line for the key of each training that failed.

    Returns:
        The content of results.json.

    Raises:
        TailtuneError: a file of a training that cannot be read, an own measure that fails, or no space left.
    """
    own = own_measures(planned.measures)
    beside = *(quantity_of(measure) for measure in own), *quantities(planned.collect)
    compared = [*at("study", [*MEASURES, *beside]), SECONDS]
    while True:
        finished = [training for training in planned.trainings if training.done()]
        done = {training.key for training in finished}
        found = [_read(training, planned.varied, own) for training in finished]
        rows = tuple(row for row, _ in found)
        curves = (learning_curve(t.folder, t.run.data, t.run.ratio, t.arm, t.seed) for t in finished)
        result = StudyResult(
            schema=SCHEMA,
            tailtune=__version__,
            command=planned.command,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(),
            machine=machine(),
            asked=planned.asked,
            varied=planned.varied,
            planned=len(planned.trainings),
            shared=planned.shared,
            searches=planned.searches,
            failed=tuple(
                Failure(t.run.data, t.run.ratio, t.arm, t.seed, failures[t.key])
                for t in planned.trainings
                if t.key in failures and t.key not in done
            ),
            missing=_missing([training for training in planned.trainings if training.key not in done]),
            rows=rows,
            curves=tuple(curve for curve in curves if curve is not None),
            measures=beside,
            statistics=compare(rows, planned.baseline, compared, noun=planned.noun),
        )
        write_whole(folder / RESULTS, to_json(result))
        _write_table(folder / CSV, folder / PARQUET, rows)
        _write_table(folder / CLASS_CSV, folder / CLASS_PARQUET, [row for _, classes in found for row in classes])
        # another process may have finished meanwhile, and written its table before this one
        if sum(training.done() for training in planned.trainings) == len(finished):
            return result


def collect(folder: Path) -> StudyResult:
    """Return what a study has found by now, and write the result files anew where trainings have come to an end.

    Nothing is trained and no data are read, so this works beside processes that train. Where trainings were taken
    away, what results.json says of them stands.

    Args:
        folder: of the study.

    Raises:
        TailtuneError: as for `write_results`, or files of the study that cannot be read.
    """
    check_study_folder(folder)
    known = read_results(folder) if (folder / RESULTS).exists() else None
    if known is not None and not (folder / PLAN).exists():
        return known
    planned = read_plan(folder)
    if known is not None and sum(training.done() for training in planned.trainings) < len(known.rows):
        return known
    failed = {_place(failure): failure.error for failure in (known.failed if known else ())}
    places = {t.key: (t.run.data, t.run.ratio, t.arm, t.seed) for t in planned.trainings}
    return write_results(folder, planned, {key: failed[place] for key, place in places.items() if place in failed})


def _place(failure: Failure) -> tuple[str, float | None, str, int]:
    return failure.dataset, failure.ratio, failure.arm, failure.seed


def _missing(trainings: Sequence[TrainingTask]) -> tuple[Missing, ...]:
    """The seeds that arms lack."""
    seeds: dict[tuple[str, float | None, str], list[int]] = {}
    for training in trainings:
        seeds.setdefault((training.run.data, training.run.ratio, training.arm), []).append(training.seed)
    return tuple(Missing(*place, tuple(lacking)) for place, lacking in seeds.items())


def _write_table(csv: Path, parquet: Path, rows: Sequence[Row]) -> None:
    frame, text, binary = _frame(rows), io.BytesIO(), io.BytesIO()
    if rows:
        frame.write_csv(text)
    frame.write_parquet(binary)
    write_whole(csv, text.getvalue())
    write_whole(parquet, binary.getvalue())


def _frame(rows: Sequence[Row]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame([dict(row) for row in rows], infer_schema_length=None, strict=False)
