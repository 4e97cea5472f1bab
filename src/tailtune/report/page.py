"""report.html of a run folder: one file that opens offline, needs no script and states what the run found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tailtune.advice.checks import advise
from tailtune.advice.facts import facts_of_result
from tailtune.files import write_whole
from tailtune.report.view import view
from tailtune.report.wording import number, percent, whole
from tailtune.run.finished import Finished


def write_report(run: Finished) -> Path:
    """Write report.html of a finished run from result.json, metrics.jsonl and predictions.npz.

    The file holds its style and figures, asks nothing of the net, forbids scripts, and is the same bytes for the same
    input. metrics.jsonl may be missing, as after a run that has no epochs.

    Args:
        run: the run.

    Returns:
        Path of the report.

    Raises:
        TailtuneError: a file that is missing or cannot be read, or no space for the report.
    """
    import msgspec

    result = msgspec.to_builtins(run.result)
    result["advice"] = [asdict(advice) for advice in advise(facts_of_result(run.result))]
    made = run.predictions
    predictions = {"targets": made.targets, "probabilities": made.model}
    predictions |= {f"baseline_{name}": values for name, values in made.baselines.items()}
    out = run.folder / "report.html"
    write_whole(out, render(result, run.history, predictions).encode())
    return out


def render(result: dict[str, Any], history: Sequence[dict[str, Any]], predictions: Mapping[str, NDArray[Any]]) -> str:
    """Return the report as HTML; everything that came from data is escaped.

    Args:
        result: the content of result.json.
        history: the lines of metrics.jsonl, none for a run without epochs.
        predictions: targets [N], probabilities [N, K] and baseline_<name> [N, K].
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "number": number,
        "whole": whole,
    }
    return environment.get_template("report.html.j2").render(view(result, history, predictions))
