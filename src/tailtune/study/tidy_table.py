"""The tidy table of a study, one row a finished training, and what is written from it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tailtune.errors import TailtuneError
from tailtune.evaluation.measure import Measure, quantity_of
from tailtune.evaluation.measures import MEASURES, at
from tailtune.evaluation.metrics import scores
from tailtune.evaluation.own_measures import own_measures
from tailtune.evaluation.scored import scored
from tailtune.files import write_whole
from tailtune.run.environment import command, machine, versions
from tailtune.run.finished import Finished
from tailtune.run.folder import OF_DECISION
from tailtune.run.redecide import answered_anew
from tailtune.run.result import to_json
from tailtune.settings import Run, Settings
from tailtune.study.learning_curve import learning_curve
from tailtune.study.plan import Problem
from tailtune.study.results import RESULTS, SCHEMA, Failure, Row, Scalar, StudyResult, read_results
from tailtune.study.statistics import SECONDS, compare
from tailtune.study.study import STUDY, Study, plain
from tailtune.study.training_task import TrainingTask
from tailtune.study.tune import Tuning
from tailtune.version import __version__

if TYPE_CHECKING:
    import polars as pl

PARQUET, CSV = "results.parquet", "results.csv"


def read_study(folder: str | Path) -> pl.DataFrame:
    """Return the tidy table of a study: a row a finished training, a column a varied field and a figure.

    Args:
        folder: of a study or comparison.

    Raises:
        TailtuneError: there is no results.json, or it is broken or of another version.
    """
    return _frame(read_results(Path(folder)).rows)


def row_of(training: TrainingTask, varied: Sequence[str] = (), own: Sequence[Measure] = ()) -> Row:
    """Return the row of a finished training.

    Args:
        training: a finished one.
        varied: fields of `Run` that the arms of the study change.
        own: a person's own measures. They are computed here, from the predictions that every training leaves, so that
            a measure may be added or changed without training anew.

    Raises:
        TailtuneError: a file that cannot be read, or an own measure that fails.
    """
    finished, run = Finished(training.folder), training.run
    result = finished.result
    metrics = _metrics(finished, run, own)
    changed = {name: _scalar(getattr(run if name in OF_DECISION else result.run, name)) for name in varied}
    return {
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
        "headline": result.headline,
        "seconds": result.training.seconds,
        "epochs": result.training.epochs,
        "steps": result.training.steps,
        "split_hash": result.data.split_hash,
        "config_hash": training.key,
        "folder": f"{training.folder.parent.name}/{training.folder.name}",
    }


def _scalar(value: Any) -> Scalar:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _metrics(finished: Finished, run: Run, own: Sequence[Measure]) -> Mapping[str, float | None]:
    """The figures of a training under the decision of `run`, which need not be the one that it was carried out with."""
    made, profile, trained = finished.predictions, finished.result.data.profile, finished.run
    test, known = made.model, finished.result.model.metrics
    if any(getattr(run, name) != getattr(trained, name) for name in OF_DECISION):
        test, known = answered_anew(finished, run), {}
    wanted = own if known else [*MEASURES, *own]
    return known | (scores(scored(made.targets, test.probabilities, profile, test.answers), wanted) if wanted else {})


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
    write_whole(folder / STUDY, yaml.safe_dump(plain(study), sort_keys=False, allow_unicode=True).encode())


def write_results(
    study: Study,
    found: Sequence[Problem],
    trainings: Sequence[TrainingTask],
    tunings: Sequence[Tuning],
    failures: Mapping[str, str],
) -> StudyResult:
    """Write results.json, results.csv and results.parquet from all trainings that are finished, whoever did them.

    Args:
        study: what is compared.
        found: the data sets.
        trainings: all that belong to the study.
        tunings: trials that were made before.
        failures: one line for the key of each training that failed here.

    Returns:
        The content of results.json.
    """
    folder, own = Path(study.out), own_measures(study.measures)
    compared = [*at("study", [*MEASURES, *own]), SECONDS]
    while True:
        finished = [training for training in trainings if training.done()]
        rows = tuple(row_of(training, study.varied, own) for training in finished)
        curves = (learning_curve(t.folder, t.run.data, t.run.ratio, t.arm, t.seed) for t in finished)
        result = StudyResult(
            schema=SCHEMA,
            tailtune=__version__,
            command=command(),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(),
            machine=machine(),
            asked=plain(study),
            varied=study.varied,
            planned=len(trainings),
            shared=tuple(_shared(problem) for problem in found),
            searches=tuple(tuning.summary() for tuning in tunings),
            failed=tuple(
                Failure(t.run.data, t.run.ratio, t.arm, t.seed, failures[t.key]) for t in trainings if t.key in failures
            ),
            rows=rows,
            curves=tuple(curve for curve in curves if curve is not None),
            measures=tuple(quantity_of(measure) for measure in own),
            statistics=compare(rows, study.reference, compared, noun=study.noun),
        )
        write_whole(folder / RESULTS, to_json(result))
        _write_table(folder, rows)
        # another process may have finished meanwhile, and written its table before this one
        if sum(training.done() for training in trainings) == len(finished):
            return result


def _shared(problem: Problem) -> dict[str, object]:
    """What all arms start from on one data set."""
    names = ("data", "ratio", *(field.name for field in fields(Settings)))
    return {name: value for name, value in asdict(problem.run).items() if name in names}


def _write_table(folder: Path, rows: Sequence[Row]) -> None:
    frame, text, binary = _frame(rows), io.BytesIO(), io.BytesIO()
    if rows:
        frame.write_csv(text)
    frame.write_parquet(binary)
    write_whole(folder / CSV, text.getvalue())
    write_whole(folder / PARQUET, binary.getvalue())


def _frame(rows: Sequence[Row]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame([dict(row) for row in rows], infer_schema_length=None, strict=False)
