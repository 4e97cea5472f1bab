"""The page of a search: what was gained, how it went, what mattered, and what every step down cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tailtune.files import write_whole
from tailtune.report.inline_svg import HEIGHT, MARKERS, SERIES, WIDTH, canvas, markup
from tailtune.report.legend import marks
from tailtune.report.rendering import page
from tailtune.report.repeating import machine_facts, version_facts
from tailtune.tuning.result import Trial, TuningResult
from tailtune.tuning.table import best_of, in_words, of_search, verdict
from tailtune.version import __version__
from tailtune.words import number, percent

FILE = "report.html"
PROPOSERS = {"tpe": "an estimator of Parzen trees", "gp": "a Gaussian process"}
MOST = 5  # curves that can be told apart


@dataclass(frozen=True)
class Step:
    """A trial that was better than all before it, of any model."""

    model: str
    origin: str
    settings: str
    loss: str
    seconds: str
    gain: str


def write_page(folder: Path, result: TuningResult) -> Path:
    """Write report.html of a search into `folder` and return its path; it opens offline and needs no script."""
    searches = of_search(result)
    shown = list(searches)[:MOST]
    text = page(
        "tuning_page.html.j2",
        {
            "version": __version__,
            "result": result,
            "verdict": verdict(result),
            "history": _history([searches[name] for name in shown]),
            "marks": marks(shown),
            "best": [(name, len(trials), best_of(trials)) for name, trials in searches.items()],
            "in_words": in_words,
            "tables": any(trial.origin.startswith("published") for trial in result.trials),
            "proposer": PROPOSERS[result.sampler],
            "steps": steps(result.trials),
            "importances": [
                (one.search, one.setting.rpartition(".")[2], percent(one.share, 0), percent(one.deviation, 0))
                for one in result.importances
            ],
            "final": [Path(name, FILE).as_posix() for name in result.final],
            "machine": machine_facts(result.machine) + version_facts(__version__, result.versions),
        },
    )
    write_whole(folder / FILE, text.encode())
    return folder / FILE


def steps(trials: Sequence[Trial]) -> list[Step]:
    """Each trial that was better than all before it, with the seconds of searching up to its end."""
    found: list[Step] = []
    lowest, seconds = float("inf"), 0.0
    for trial in trials:
        seconds += trial.seconds
        if trial.loss is None or trial.loss >= lowest:
            continue
        gain = "" if lowest == float("inf") else percent(1 - trial.loss / lowest)
        found.append(
            Step(trial.search, trial.origin, in_words(trial.settings), number(trial.loss), f"{seconds:.0f}", gain)
        )
        lowest = trial.loss
    return found


def _history(searches: Sequence[Sequence[Trial]]) -> str:
    """The lowest loss so far of each model over the seconds spent on it."""
    with canvas(1.6 * WIDTH, HEIGHT) as figure:
        axes = figure.subplots()
        for i, trials in enumerate(searches):
            spent, lowest, at, values = 0.0, float("inf"), [], []
            for trial in trials:
                spent += trial.seconds
                if trial.loss is not None:
                    lowest = min(lowest, trial.loss)
                    at.append(spent)
                    values.append(lowest)
            axes.plot(at, values, color=SERIES[i], marker=MARKERS[i], markersize=4, drawstyle="steps-post")
        axes.set_xlabel("seconds spent on the model")
        axes.set_ylabel("lowest loss so far")
        return markup(figure, "history", "The lowest loss of each model over the time spent on it")
