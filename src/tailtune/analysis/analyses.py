"""The analyses by name, and what `tailtune analyse` keeps of them beside a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
ROWS = 256


@dataclass(frozen=True)
class Asked:
    """What is asked of analyses beside a run.

    Attributes:
        layer: dotted name of the layer whose collapse is measured; None for the penultimate one.
        beside: another run, which landscape, curvature and regions show beside this one.
        rows: training rows that landscape and curvature look at, about.
        features: the two columns of a table over which regions are drawn; none for the most influential ones.
        ensemble: further runs, which Bayesian inference averages with this one.
    """

    layer: str | None = None
    beside: Subject | None = None
    rows: int = ROWS
    features: tuple[str, ...] = ()
    ensemble: tuple[Finished, ...] = ()


def _collapse(subject: Subject, asked: Asked) -> Analysis:
    from tailtune.analysis.neural_collapse import neural_collapse

    return neural_collapse(subject, asked.layer)


def _overfitting(subject: Subject, asked: Asked) -> Analysis:
    from tailtune.analysis.overfitting import overfitting

    return overfitting(subject)


def _regions(subject: Subject, asked: Asked) -> Analysis:
    from tailtune.analysis.feature_regions import feature_regions
    from tailtune.analysis.picture_regions import picture_regions

    if subject.preprocessor.kind == "table":
        return feature_regions(subject, asked.features, asked.beside)
    if asked.features:
        raise TailtuneError(f"--features names columns, and {subject.run.folder} is of pictures; leave it out")
    return picture_regions(subject, asked.beside)


def _landscape(subject: Subject, asked: Asked) -> Analysis:
    from tailtune.analysis.landscape import landscape

    return landscape(subject, asked.rows, asked.beside)


def _curvature(subject: Subject, asked: Asked) -> Analysis:
    from tailtune.analysis.curvature import curvature

    return curvature(subject, asked.rows, asked.beside)


def _bayes(subject: Subject, asked: Asked) -> Analysis:
    from tailtune.analysis.bayesian_inference import bayesian_inference

    return bayesian_inference(subject, asked.ensemble)


ANALYSES: Mapping[str, Callable[[Subject, Asked], Analysis]] = {
    "collapse": _collapse,
    "overfitting": _overfitting,
    "regions": _regions,
    "landscape": _landscape,
    "curvature": _curvature,
    "bayes": _bayes,
}
SLOW = ("landscape", "curvature", "bayes")  # minutes for a network of pictures: only where they are named


def check_names(
    only: Sequence[str],
    layer: str | None = None,
    beside: Path | None = None,
    rows: int | None = None,
    features: Sequence[str] = (),
    ensemble: Sequence[Path] = (),
) -> tuple[str, ...]:
    """Return the analyses that are meant, in their order; for none all but the slow ones.

    Raises:
        TailtuneError: a name that is none, too few rows, or an option where nothing is asked for that it is for.
    """
    for name in only:
        if name not in ANALYSES:
            raise TailtuneError(
                f"--only {name}: there is no such analysis.{nearest(name, list(ANALYSES))} It takes "
                f"{listed(ANALYSES, most=len(ANALYSES))}"
            )
    chosen = tuple(name for name in ANALYSES if name in only or (not only and name not in SLOW))
    if layer is not None and "collapse" not in chosen:
        raise TailtuneError(f"--layer {layer} says where collapse is measured; add collapse to --only, or leave it out")
    if beside is not None and not {"landscape", "curvature", "regions"} & {*chosen}:
        raise TailtuneError("--beside is for landscape, curvature and regions; add one to --only, or leave it out")
    if features and "regions" not in chosen:
        raise TailtuneError("--features is for regions; add regions to --only, or leave it out")
    if ensemble and "bayes" not in chosen:
        raise TailtuneError("--ensemble is for bayes; add bayes to --only, or leave it out")
    if rows is not None:
        if not {"landscape", "curvature"} & {*chosen}:
            raise TailtuneError("--rows is for landscape and curvature; add one to --only, or leave it out")
        if rows < 1:
            raise TailtuneError(f"--rows must be 1 or more, however: {rows}")
    return chosen


def analyse(
    run: Finished,
    only: Sequence[str] = (),
    layer: str | None = None,
    beside: Finished | None = None,
    rows: int | None = None,
    features: Sequence[str] = (),
    ensemble: Sequence[Finished] = (),
    accelerator: str = "auto",
) -> list[Analysis]:
    """Carry out analyses of a finished run, and write nothing.

    Args:
        run: of a network.
        only: names of analyses; all but `SLOW` for none.
        layer: dotted name of the layer whose collapse is measured; None for the penultimate one.
        beside: another run that is shown beside it where an analysis compares.
        rows: training rows that landscape and curvature look at, about; `ROWS` for None.
        features: the two columns of a table over which regions are drawn; none for the most influential ones.
        ensemble: further runs on the same test rows, which bayes averages with this one.
        accelerator: "cpu", "cuda", or "auto", which is a GPU where there is one. There, too, convolutions are computed
            in float32 and deterministically. bayes stays on the CPU, where runs are scored.

    Raises:
        TailtuneError: what `check_names` and `tailtune.analysis.subject.subject_of` refuse, no such layer or column,
            or runs that cannot be compared.
    """
    others = [other.folder for other in ensemble]
    chosen = check_names(only, layer, None if beside is None else beside.folder, rows, features, others)

    import torch

    from tailtune.analysis.subject import subject_of

    subject = subject_of(run, accelerator)
    other = None if beside is None else subject_of(beside, accelerator)
    asked = Asked(layer, other, ROWS if rows is None else rows, tuple(features), tuple(ensemble))
    # TensorFloat-32 has 10 bits of fraction, of which second differences would leave little
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        return [ANALYSES[name](subject, asked) for name in chosen]


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
