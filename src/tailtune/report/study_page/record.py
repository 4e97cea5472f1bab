"""What a study's page says of how it was made: settings asked for, searches, failures and splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailtune.report.repeating import Lines
from tailtune.study.results import Failure, Row, Search, StudyResult
from tailtune.study.statistics import Group, name_of
from tailtune.words import NONE, counted, setting

HASHES = 12  # split hashes that the page lists for a data set


@dataclass(frozen=True)
class Searched:
    """A search for settings: the trials that had a score, the best one and its settings."""

    arm: str
    dataset: str
    trials: str
    score: str
    best: str


@dataclass(frozen=True)
class Failed:
    """A training that ended in an error."""

    arm: str
    dataset: str
    seed: str
    error: str


def searched(search: Search) -> Searched:
    """Return what is shown of a search."""
    scores = [trial.score for trial in search.trials if trial.score is not None]
    return Searched(
        arm=search.arm,
        dataset=search.dataset,
        trials=f"{len(scores)} of {len(search.trials)}",
        score=f"{max(scores):.4g}" if scores else NONE,
        best=setting(search.best) if search.best else "the defaults",
    )


def asked(result: StudyResult) -> Lines:
    """What was asked for; settings that a data set's own list states in full are left to that list."""
    elsewhere = {key for each in result.shared for key in each} - {"data", "ratio"}
    return _stated({key: value for key, value in result.asked.items() if key not in elsewhere})


def shared(result: StudyResult) -> list[tuple[str, Lines]]:
    """What all arms start from, on each data set."""
    return [(name_of({"dataset": each["data"], "ratio": each["ratio"]}), _stated(each)) for each in result.shared]


def _stated(settings: Mapping[str, object]) -> Lines:
    return [(key.replace("_", " "), setting(value)) for key, value in settings.items() if value is not None]


def failed(failure: Failure) -> Failed:
    """Return what is shown of a training that ended in an error."""
    where = name_of({"dataset": failure.dataset, "ratio": failure.ratio})
    return Failed(failure.arm, where, str(failure.seed), failure.error)


def missing(result: StudyResult) -> tuple[str, ...]:
    """What is not trained yet, a sentence each: how much of all, then the seeds that arms lack on each data set."""
    if not result.missing:
        return ()
    there = f"{len(result.rows)} of {counted(result.planned, 'training is', 'trainings are')} finished."
    places: dict[str, list[str]] = {}
    for each in result.missing:
        where = name_of({"dataset": each.dataset, "ratio": each.ratio})
        seeds = "seed" if len(each.seeds) == 1 else "seeds"
        places.setdefault(where, []).append(f"{each.arm} {seeds} {', '.join(map(str, each.seeds))}")
    return (there, *(f"Missing on {where}: {'; '.join(arms)}." for where, arms in places.items()))


def varied(result: StudyResult) -> str:
    """What a seed changes ("init", "subset" or "both"): as asked, or as the trainings say; empty if neither does."""
    return str(result.asked.get("vary") or next((row["vary"] for row in result.rows if row.get("vary")), ""))


def splits(group: Group, rows: Sequence[Row]) -> tuple[str, str]:
    """A data set and the hashes of its splits, by seed where they differ."""
    found: dict[str, set[int]] = {}
    for row in rows:
        seed = row["seed"]
        if (row["dataset"], row["ratio"]) == (group.dataset, group.ratio) and row.get("split_hash"):
            assert isinstance(seed, int)
            found.setdefault(str(row["split_hash"]), set()).add(seed)
    if len(found) <= 1:
        return group.name, next(iter(found), NONE)
    told = [f"{split} (seed {setting(sorted(seeds))})" for split, seeds in list(found.items())[:HASHES]]
    if len(found) > HASHES:
        told.append(f"{len(found) - HASHES} more in results.json")
    return group.name, ", ".join(told)
