"""The record at the end of a run's page: how it was trained, on what, where, and with which configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tailtune.report.rendering import sentence
from tailtune.report.repeating import Lines, machine_facts, version_facts
from tailtune.run.decide import Decided
from tailtune.run.result import DataRecord, Result, TrainingRecord
from tailtune.words import NBSP, duration, setting, whole


@dataclass(frozen=True)
class Record:
    """Names and values."""

    training: Lines
    decision: Lines
    data: Lines
    machine: Lines
    run: Lines


def record(result: Result) -> Record:
    """Return the record of a run."""
    return Record(
        training=_training(result.training) + _deployed(result),
        decision=_decision(result.decision, result.data.names),
        data=_data(result.data),
        machine=machine_facts(result.machine) + version_facts(result.tailtune, result.versions),
        run=[(name, setting(value)) for name, value in asdict(result.run).items()],
    )


def _training(training: TrainingRecord) -> Lines:
    found = [("time", duration(training.seconds))]
    if training.portfolio:
        return [
            *found,
            ("models", f"{training.epochs} of {training.planned_epochs}"),
            ("ended", setting(training.stopped)),
        ]
    found += [
        ("epochs", f"{training.epochs} of {training.planned_epochs}"),
        ("time a step", f"{1000 * training.seconds_per_step:.3g}{NBSP}ms"),
    ]
    if training.peak_memory_mb is not None:
        found.append(("most memory", f"{whole(training.peak_memory_mb)}{NBSP}MB"))
    found.append(("steps", whole(training.steps)))
    if training.parameters is not None:
        found.append(("parameters", whole(training.parameters)))
    if training.best_epoch is not None:
        found.append(("epoch kept", str(training.best_epoch)))
    return [*found, ("ended", setting(training.stopped)), ("selection", setting(training.selection))]


def _deployed(result: Result) -> Lines:
    """What is to be said of the model for use, where it is another than the one that was scored."""
    if result.deployed is None:
        return []
    seconds = duration(result.deployed.training.seconds)
    return [("model for use", f"of {whole(result.deployed.rows)} rows, in {seconds}")]


def _decision(decision: Decided, names: Sequence[str]) -> Lines:
    found = [("answers taken for", decision.words), ("class balance of", _words("balance", decision, names))]
    if decision.mode == "none":
        return [("answers", "the likeliest class"), ("probabilities", "scores as they come")]
    return [*found, ("calibration", _words("form", decision)), ("validation rows", whole(decision.rows))]


def _words(name: str, decision: Decided, names: Sequence[str] | None = None) -> str:
    return sentence("decision.txt.j2", name, decision=decision, **({} if names is None else {"names": names}))


def _data(data: DataRecord) -> Lines:
    parts = {
        "training rows": data.counts.train,
        "validation rows": data.counts.val,
        "test rows": data.counts.test,
    }
    return [
        ("source", setting(data.source)),
        ("split", setting(data.split)),
        ("split hash", setting(data.split_hash)),
        *((words, whole(sum(counts))) for words, counts in parts.items() if counts),
        *((name, setting(value)) for name, value in data.features.items()),
    ]
