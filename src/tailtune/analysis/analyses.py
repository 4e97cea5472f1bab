"""The analyses by name, and what `tailtune analyse` keeps of them beside a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tailtune.errors import TailtuneError, nearest
from tailtune.files import write_whole
from tailtune.run.manifest import seal_again
from tailtune.words import listed

if TYPE_CHECKING:
    from tailtune.analysis.analysis import Analysis
    from tailtune.analysis.subject import Subject
    from tailtune.run.finished import Finished

FILE = "analysis.json"
FORMAT = 1


def _collapse(subject: Subject, layer: str | None) -> Analysis:
    from tailtune.analysis.neural_collapse import neural_collapse

    return neural_collapse(subject, layer)


def _overfitting(subject: Subject, layer: str | None) -> Analysis:
    from tailtune.analysis.overfitting import overfitting

    return overfitting(subject)


ANALYSES: Mapping[str, Callable[[Subject, str | None], Analysis]] = {
    "collapse": _collapse,
    "overfitting": _overfitting,
}


def check_names(only: Sequence[str], layer: str | None = None) -> tuple[str, ...]:
    """Return the analyses that are meant, in their order; all for none.

    Raises:
        TailtuneError: a name that is none, or a layer where nothing is asked for that looks at one.
    """
    for name in only:
        if name not in ANALYSES:
            raise TailtuneError(
                f"--only {name}: there is no such analysis.{nearest(name, list(ANALYSES))} It takes {listed(ANALYSES)}"
            )
    chosen = tuple(name for name in ANALYSES if name in only or not only)
    if layer is not None and "collapse" not in chosen:
        raise TailtuneError(f"--layer {layer} says where collapse is measured; add collapse to --only, or leave it out")
    return chosen


def analyse(run: Finished, only: Sequence[str] = (), layer: str | None = None) -> list[Analysis]:
    """Carry out analyses of a finished run, on the CPU, and write nothing.

    Args:
        run: of a network.
        only: names of analyses; all for none.
        layer: dotted name of the layer whose collapse is measured; None for the penultimate one.

    Raises:
        TailtuneError: what `check_names` and `tailtune.analysis.subject.subject_of` refuse, or no such layer.
    """
    chosen = check_names(only, layer)

    from tailtune.analysis.subject import subject_of

    subject = subject_of(run)
    return [ANALYSES[name](subject, layer) for name in chosen]


def as_json(found: Sequence[Analysis]) -> dict[str, Any]:
    """Return what was found, by the name of its analysis, ready for JSON."""
    return {
        each.name: {"title": each.title, "reading": each.reading, "finding": each.finding, **each.data}
        for each in found
    }


def json_of(analyses: Mapping[str, Any]) -> bytes:
    """Return the content of analysis.json: what was found, by the name of its analysis."""
    return json.dumps({"format": FORMAT, **analyses}, indent=1, allow_nan=False).encode() + b"\n"


def write_analysis(run: Finished, found: Sequence[Analysis]) -> Path:
    """Write analysis.json into the folder of a run, take it up in DONE, and return its path.

    Raises:
        TailtuneError: no space for it, or no right to write it.
    """
    out = run.folder / FILE
    write_whole(out, json_of(as_json(found)))
    seal_again(run.folder, FILE)
    return out
