"""Curvature of the training loss of a finished run: eigenvalues, trace and density, of all rows and of class groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.analysis.analysis import Analysis, Lines, Table
from tailtune.words import NONE, amount, counted, listed

if TYPE_CHECKING:
    from tailtune.analysis.class_losses import Sample
    from tailtune.analysis.loss_matrices import GaussNewton, Hessian, LossMatrix
    from tailtune.analysis.spectrum import Spectrum
    from tailtune.analysis.subject import Subject

READING = (
    "The larger an eigenvalue, the faster the loss rises in its direction. A group of classes whose eigenvalues are "
    "larger is held by the weights more narrowly; where they are smaller, more weights fit its rows as well."
)
K, TRACE_DRAWS, STEPS, DRAWS, TOLERANCE = 10, 10, 40, 2, 1e-3


def curvature(subject: Subject, rows: int, beside: Subject | None = None, seed: int = 0) -> Analysis:
    """Measure the Hessian of the mean cross-entropy on training rows, and its Gauss-Newton part.

    Rows are a sample, see `tailtune.analysis.class_losses.training_sample`; eigenvalues are those of the largest
    magnitude, which are the leading singular values.

    Args:
        subject: network and rows.
        rows: of the sample, about.
        beside: another run, whose eigenvalues are shown beside those of the whole loss, on its own training rows.
        seed: of the sample and of all draws.

    Raises:
        TailtuneError: eigenvalues were not found.
    """
    from tailtune.analysis.class_losses import groups, training_sample
    from tailtune.analysis.loss_matrices import GaussNewton, Hessian

    profile = subject.profile
    samples = [each for each in groups(training_sample(subject, rows, seed), profile.tail.tolist()) if each.rows]
    found: dict[str, dict[str, Any]] = {}
    for sample in samples:
        found[sample.name] = {
            "rows": sample.rows,
            "hessian": _of(_of_sample(Hessian, subject, sample), seed),
            "gauss_newton": _of(_of_sample(GaussNewton, subject, sample), seed),
        }
    whole = _of_sample(Hessian, subject, samples[0])
    density = _density(whole, found[samples[0].name]["hessian"]["eigenvalues"], seed)
    other = None
    if beside is not None:
        from tailtune.analysis.spectrum import largest_eigenvalues

        matrix = _of_sample(Hessian, beside, training_sample(beside, rows, seed))
        k = min(K, matrix.size)
        other = largest_eigenvalues(matrix.product, matrix.size, k, seed, TOLERANCE, by_magnitude=True).tolist()
    data = {
        "classes": list(profile.names),
        "minority": [profile.names[c] for c in profile.tail.tolist()],
        "groups": found,
        "density": density,
        **({} if beside is None else {"beside": {"folder": beside.run.folder.name, "eigenvalues": other}}),
    }
    ranks = tuple(float(i + 1) for i in range(len(found[samples[0].name]["hessian"]["eigenvalues"])))
    figures = [
        Lines(
            "Eigenvalues of the Hessian, by magnitude",
            "rank",
            "eigenvalue",
            ranks,
            {name: tuple(each["hessian"]["eigenvalues"]) for name, each in found.items()},
            marks=True,
            logarithmic=_spread([v for each in found.values() for v in each["hessian"]["eigenvalues"]]),
        ),
        Lines(
            "Density of the eigenvalues of the Hessian, all training rows",
            "eigenvalue",
            "share of eigenvalues for each step of 1",
            tuple(density["at"]),
            {samples[0].name: tuple(density["density"])},
            logarithmic=True,
        ),
    ]
    if beside is not None and other is not None:
        ours = found[samples[0].name]["hessian"]["eigenvalues"]
        names = {f"this run, {subject.run.folder.name}": ours, beside.run.folder.name: other}
        figures.insert(
            1,
            Lines(
                "Largest singular values of the Hessian, each run on its own training rows",
                "rank",
                "singular value",
                tuple(float(i + 1) for i in range(max(len(ours), len(other)))),
                {name: tuple(abs(v) for v in values) for name, values in names.items()},
                marks=True,
                logarithmic=True,
            ),
        )
    return Analysis("curvature", "Curvature", READING, _finding(data), tuple(figures), (_table(found),), data)


def _of_sample(kind: type[Hessian] | type[GaussNewton], subject: Subject, sample: Sample) -> LossMatrix:
    from tailtune.analysis.spectrum import check_deterministic

    matrix = kind(subject.network, lambda: sample.batches, sample.loss)
    check_deterministic(matrix.product, matrix.size)
    return matrix


def _of(matrix: LossMatrix, seed: int) -> dict[str, Any]:
    from tailtune.analysis.spectrum import largest_eigenvalues, trace

    k = min(K, matrix.size)
    values = largest_eigenvalues(matrix.product, matrix.size, k, seed, TOLERANCE, by_magnitude=True)
    estimate, error = trace(matrix.product, matrix.size, TRACE_DRAWS, seed)
    return {"eigenvalues": values.tolist(), "trace": estimate, "trace_standard_error": error}


def _density(matrix: LossMatrix, largest: Sequence[float], seed: int) -> dict[str, Any]:
    from tailtune.analysis.spectrum import spectrum

    found: Spectrum = spectrum(matrix.product, matrix.size, STEPS, DRAWS, seed)
    low, high = min(*found.values, *largest), max(*found.values, *largest)
    width = 0.01 * max(high - low, 1e-12)
    at = np.linspace(low - 5 * width, high + 5 * width, 300)
    floor = 0.1 / matrix.size / width / math.sqrt(2 * math.pi)  # a tenth of one eigenvalue
    density = [float(v) if v > floor else None for v in found.density(at, width)]
    return {
        "at": at.tolist(),
        "density": density,
        "width": width,
        "negative_share": float(found.weights[found.values < -width].sum()),
        "smallest": low,
    }


def _spread(values: Sequence[float]) -> bool:
    """Whether values are better told apart on a logarithmic axis."""
    return min(values) > 0 and max(values) > 30 * min(values)


def _finding(data: Mapping[str, Any]) -> str:
    from tailtune.analysis.class_losses import OTHERS, RARE, WHOLE

    found: Mapping[str, Any] = data["groups"]
    top = {name: each["hessian"]["eigenvalues"][0] for name, each in found.items()}
    told = f"In this run the eigenvalue of the largest magnitude is {amount(top[WHOLE])} for all training rows"
    if RARE in top and OTHERS in top:
        traces = {name: found[name]["hessian"]["trace"] for name in (RARE, OTHERS)}
        told += (
            f"; it is {amount(top[RARE])} for the rarest classes ({listed(data['minority'])}) and "
            f"{amount(top[OTHERS])} for the others, with traces of {amount(traces[RARE])} and {amount(traces[OTHERS])}"
        )
    if "beside" in data:
        both = found[WHOLE]["hessian"]["eigenvalues"], data["beside"]["eigenvalues"]
        ours, other = (np.abs(values) for values in both)
        n = min(len(ours), len(other))
        times = float(np.exp(np.mean(np.log(ours[:n].clip(1e-300) / other[:n].clip(1e-300)))))
        told += f"; its {counted(n, 'largest singular value', 'largest singular values')} are {amount(times)} times "
        told += f"those of {data['beside']['folder']} (geometric mean)"
    return f"{told}."


def _table(found: Mapping[str, Any]) -> Table:
    columns = ("", "rows looked at", "largest eigenvalue", f"of rank {K}", "trace", "its standard error")
    words = {"hessian": "Hessian", "gauss_newton": "Gauss-Newton"}
    rows = [
        (
            f"{words[matrix]}, {name}",
            each["rows"],
            amount(each[matrix]["eigenvalues"][0]),
            amount(each[matrix]["eigenvalues"][K - 1]) if len(each[matrix]["eigenvalues"]) >= K else NONE,
            amount(each[matrix]["trace"]),
            amount(each[matrix]["trace_standard_error"]),
        )
        for matrix in words
        for name, each in found.items()
    ]
    return Table("Curvature by group of classes", columns, tuple(rows))
