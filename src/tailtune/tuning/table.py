"""What `tailtune tune` prints: the best trial of each model beside its default, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tailtune.tuning.result import Scalar, Trial, TuningResult
from tailtune.words import number

if TYPE_CHECKING:
    from rich.console import Group


def in_words(settings: Mapping[str, Scalar]) -> str:
    """Settings as a reader takes them: without the prefix that says where they stand, numbers with three digits."""
    if not settings:
        return "the default"
    shown = (
        f"{name.rpartition('.')[2]} {value:.3g}" if isinstance(value, float) else f"{name.rpartition('.')[2]} {value}"
        for name, value in settings.items()
    )
    return ", ".join(shown)


def of_search(result: TuningResult) -> dict[str, list[Trial]]:
    """The trials of each search, in order."""
    found: dict[str, list[Trial]] = {}
    for trial in result.trials:
        found.setdefault(trial.search, []).append(trial)
    return found


def best_of(trials: list[Trial]) -> Trial | None:
    """The trial of the lowest loss, if one was finished."""
    done = [trial for trial in trials if trial.loss is not None]
    return min(done, key=lambda trial: trial.loss or 0.0, default=None)


def verdict(result: TuningResult) -> str:
    """What tuning gained, in a sentence."""
    judged = result.judged
    low, high = judged.gain - 2 * judged.error, judged.gain + 2 * judged.error
    found = f"{judged.gain:+.4f} of {judged.default:.4f}; two standard errors either way {low:+.4f} to {high:+.4f}"
    where = f"on {judged.rows} rows that neither trained nor chose"
    if not any(result.chosen.values()):
        return "No trial was better than the default on the rows that choose: the default was taken."
    if not judged.better:
        return f"Tuning is no better than the default {where} (log loss {found}): the default was taken."
    if low > 0:
        return f"The tuned settings are better than the default {where}: they lower the log loss by {found}."
    return f"The tuned settings cannot be told from the default {where}: they lower the log loss by {found}."


def trials_table(result: TuningResult) -> Group:
    """A line a model: trials, time, the default's loss, the lowest and its settings; then the verdict."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, caption="log loss on the rows that choose", caption_justify="left")
    table.add_column("model")
    for column in ("trials", "seconds", "default", "lowest"):
        table.add_column(column, justify="right")
    table.add_column("from")
    table.add_column("its settings")
    for name, trials in of_search(result).items():
        best, default = best_of(trials), next((trial.loss for trial in trials if trial.origin == "default"), None)
        seconds = sum(trial.seconds for trial in trials)
        row = (name, str(len(trials)), f"{seconds:.0f}", number(default), number(None if best is None else best.loss))
        table.add_row(*row, *(("", "") if best is None else (best.origin, in_words(best.settings))))
    promised, given = number(result.judged.promised), number(result.judged.tuned)
    told = f"The rows that chose promise {promised}; those that judge give {given}."
    return Group(Text(verdict(result), style="bold"), table, Text(told))
