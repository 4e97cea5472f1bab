"""results.json and results.csv: one tidy row for each finished training of a study."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tailtune import __version__
from tailtune.errors import TailtuneError
from tailtune.evaluation.measure import Measure, describe
from tailtune.evaluation.measures import MEASURES, at
from tailtune.evaluation.metrics import scores
from tailtune.evaluation.own_measures import own_measures
from tailtune.evaluation.scored import scored
from tailtune.files import write_whole
from tailtune.profile import ClassProfile
from tailtune.run.environment import command, machine, versions
from tailtune.run.finished import Finished
from tailtune.settings import Settings
from tailtune.study.comparison import STUDY, Comparison, plain
from tailtune.study.curves import learning_curve
from tailtune.study.plan import BASELINE, Problem
from tailtune.study.statistics import SECONDS, compare
from tailtune.study.training_task import Training
from tailtune.study.tune import Tuning

RESULTS = "results.json"


def row(training: Training, own: Sequence[Measure] = ()) -> dict[str, Any]:
    """Return the row of a finished training.

    Args:
        training: a finished one.
        own: a person's own measures. They are computed here, from the predictions that every training leaves, so that
            a measure may be added or changed without training anew.

    Raises:
        TailtuneError: a file that cannot be read, or an own measure that fails.
    """
    finished, run = Finished(training.folder), training.run
    result = finished.result
    metrics = result.model.metrics | (_own_scores(finished, own) if own else {})
    return {
        "dataset": run.data,
        "ratio": run.ratio,
        "method": training.method,
        "model": run.model,
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


def _own_scores(run: Finished, own: Sequence[Measure]) -> dict[str, float | None]:
    data, made = run.result.data, run.predictions
    return scores(scored(made.targets, made.model, ClassProfile(data.counts.train, data.names)), own)


def write_study(asked: Comparison) -> None:
    """Write study.yaml, creating the folder.

    Raises:
        TailtuneError: the folder cannot be created or written to.
    """
    import yaml

    folder = Path(asked.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TailtuneError(f"cannot create {folder}: {error.strerror or error}; choose another --out") from error
    write_whole(folder / STUDY, yaml.safe_dump(plain(asked), sort_keys=False, allow_unicode=True).encode())


def write_results(
    asked: Comparison,
    found: Sequence[Problem],
    trainings: Sequence[Training],
    tunings: Sequence[Tuning],
    failures: Mapping[str, str],
) -> dict[str, Any]:
    """Write results.json and results.csv from all trainings that are finished by now, whoever did them.

    Args:
        asked: what is compared.
        found: the data sets.
        trainings: all that belong to the comparison.
        tunings: trials that were made before.
        failures: one line for the key of each training that failed here.

    Returns:
        The content of results.json.
    """
    folder, own = Path(asked.out), own_measures(asked.measures)
    compared = [*at("study", [*MEASURES, *own]), SECONDS]
    while True:
        finished = [training for training in trainings if training.done()]
        rows = [row(training, own) for training in finished]
        content = {
            "tailtune": __version__,
            "command": command(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
            "machine": asdict(machine()),
            "asked": plain(asked),
            "planned": len(trainings),
            "shared": [_shared(problem) for problem in found],
            "tuning": [tuning.summary() for tuning in tunings],
            "failed": [
                {
                    "dataset": t.run.data,
                    "ratio": t.run.ratio,
                    "method": t.method,
                    "seed": t.seed,
                    "error": failures[t.key],
                }
                for t in trainings
                if t.key in failures
            ],
            "rows": rows,
            "curves": [curve for training in finished if (curve := learning_curve(training))],
            "measures": [describe(measure) for measure in own],
            "comparison": compare(rows, BASELINE, compared),
        }
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(folder / RESULTS, text.encode())
        write_whole(folder / "results.csv", _csv(rows))
        # another process may have finished meanwhile, and written its table before this one
        if sum(training.done() for training in trainings) == len(finished):
            return content


def _shared(problem: Problem) -> dict[str, Any]:
    """What all methods share on one data set."""
    names = ("data", "ratio", *(field.name for field in fields(Settings)))
    values = {name: getattr(problem.run, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue().encode()
