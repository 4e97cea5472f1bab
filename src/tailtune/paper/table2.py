"""Tables 2 and 3: methods on real-world pictures with the paper's increments, and how far CIFAR-10 tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tailtune.paper.classes import cell
from tailtune.paper.correlation import Correlation, correlation, slope
from tailtune.paper.curves import Panel, panels
from tailtune.paper.linked import apart
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.printed import REAL, TABLE2, TABLE3, from_rows, recomputed3, shared
from tailtune.paper.rows import by_study
from tailtune.paper.verdict import difference, judged
from tailtune.study.study import Arm
from tailtune.words import NONE

TITLE = "Tables 2 and 3: real-world pictures, and how far CIFAR-10 tells of them"
CLAIM = (
    "our highly tuned training routine equipped with Joint-SSL, Asymmetric-SAM, and modified label smoothing delivers "
    "equal or superior performance compared to previous state-of-the-art imbalanced training methods on all datasets"
)
METHODS: Mapping[str, str] = {
    "ERM": "erm",
    "Reweighting": "inverse_frequency",
    "Resampling": "balanced_sampling",
    "Focal Loss": "focal",
    "LDAM-DRW": "ldam_drw",
    "M2m": "m2m",
    "MiSLAS": "mislas",
    "Joint-SSL": "joint_ssl",
    "Joint-SSL + SAM-A": "joint_ssl_sama",
    "Joint-SSL + SAM-A + Smoothing": "joint_ssl_sama_smoothing",
}
INCREMENTS = ("ERM", *list(METHODS)[-3:])  # each is the one before and something more
BEST = INCREMENTS[-1]
PRINTED = {"siim_with_2019": REAL[0], "aptos": REAL[1], "eurosat": REAL[2]}
CIFAR = "cifar10"  # at 0.01, for Table 3
SETS: Mapping[Scale, Mapping[str, Mapping[str, Any]]] = {
    "smoke": {"digits": {}},
    "small": {"ham10000": {"image_size": 32, "epochs": 10}, CIFAR: {"total": 5000, "epochs": 10}},
    "full": {
        "siim_with_2019": {"model": "resnext50_32x4d", "image_size": 256, "epochs": 30},
        "aptos": {"model": "resnext50_32x4d", "image_size": 256, "epochs": 30},
        "eurosat": {"model": "resnext50_32x4d", "image_size": 64, "epochs": 30},
        CIFAR: {"model": "wrn-28-10"},
    },
}


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of the methods on each data set; those that are imbalanced by themselves are taken as they are.

    Raises what `planned` raises.
    """
    names = INCREMENTS if scale == "smoke" else METHODS
    arms = [Arm(name, {"method": METHODS[name]}) for name in names]
    found = {}
    for name, one in planned(scale, asked, arms, (0.1 if scale == "smoke" else 0.01,), tuple(SETS[scale])).items():
        study = replace(one.study, **SETS[scale][name])
        found[name] = replace(one, study=study if name in (CIFAR, "digits") else replace(study, ratios=(), total=None))
    return found


def score(row: Row) -> float:
    """The headline of the data set."""
    return float(row[_headline(row)])


def _headline(row: Row) -> str:
    return str(row["headline"] or "balanced_accuracy")


def _scored(rows: Sequence[Row]) -> list[Row]:
    return [{**row, "score": score(row)} for row in rows]


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return Table 2 with the paper's numbers in parentheses, Table 3, and what recomputes from the paper's."""
    studies = by_study(rows)
    lines = []
    for method in METHODS:
        cells = []
        for study, own in studies.items():
            ours = cell([score(row) for row in own if row["arm"] == method])
            printed = TABLE2[method][REAL.index(PRINTED[study])] if study in PRINTED else None
            cells.append(ours if printed is None else f"{ours} ({printed})")
        lines.append((method, *cells))
    said = ", ".join(f"{study} {_headline(own[0]).replace('_', ' ')}" for study, own in studies.items())
    whole = Table(
        f"Test rows, in per cent, mean ± standard error over seeds, by argmax: {said}. In parentheses the paper's, "
        "whose networks are larger.",
        ("method", *studies),
        tuple(lines),
    )
    return (whole, *_table3(studies), recomputed3())


def _pairs(studies: Mapping[str, Sequence[Row]], study: str) -> list[tuple[float, float]]:
    """Mean score on CIFAR-10 and on another data set, a pair a method that has both."""
    both = []
    for method in METHODS:
        each = [[score(row) for row in studies.get(name, ()) if row["arm"] == method] for name in (CIFAR, study)]
        if all(each):
            both.append((float(np.mean(each[0])), float(np.mean(each[1]))))
    return both


def _linked(studies: Mapping[str, Sequence[Row]], study: str) -> Correlation | None:
    pairs = _pairs(studies, study)
    return correlation([x for x, _ in pairs], [y for _, y in pairs])


def _table3(studies: Mapping[str, Sequence[Row]]) -> list[Table]:
    if CIFAR not in studies or len(studies) < 2:
        return []
    lines = []
    for study in studies:
        found, pairs = _linked(studies, study), _pairs(studies, study)
        if study == CIFAR or found is None:
            continue
        printed = TABLE3.get(PRINTED.get(study, ""))
        interval = "" if found.interval is None else f" [{found.interval[0]:.2f}, {found.interval[1]:.2f}]"
        rise = slope([x for x, _ in pairs], [y for _, y in pairs])
        cells = (f"{found.r:.2f}{interval}", f"{rise:.2f}", f"{found.n}")
        lines.append((study, *cells, *((NONE, NONE) if printed is None else (f"{value}" for value in printed))))
    return [
        Table(
            "Table 3: Pearson's r, with Fisher's 95 % interval, and slope between the methods' scores on CIFAR-10 at "
            "0.01 and on each data set; last the paper's.",
            ("data set", "r", "slope", "methods", "Table 3, r", "slope"),
            tuple(lines),
        )
    ]


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return every data set's scores by those on CIFAR-10, a mark a method; by method alone where these are missing."""
    studies = by_study(rows)
    shown = []
    for study, own in studies.items():
        if study == CIFAR:
            continue
        curves = {}
        for number, method in enumerate(METHODS):
            each = [score(row) for row in own if row["arm"] == method]
            known = [score(row) for row in studies.get(CIFAR, ()) if row["arm"] == method]
            if each and (known or CIFAR not in studies):
                curves[method] = {100 * float(np.mean(known)) if known else float(number): each}
        x = "CIFAR-10 at 0.01, per cent" if CIFAR in studies else "method"
        shown.append(Panel(study, x, _headline(own[0]).replace("_", " "), curves, joined=False))
    return {"table2": panels(shown, "table2", "Scores of methods on real-world pictures")} if shown else {}


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether the last row leads, what each increment adds, and how far CIFAR-10 tells of other data."""
    found: list[Claim] = []
    studies = by_study(rows)
    for study, own in studies.items():
        if study == CIFAR:
            continue
        scored, printed = _scored(own), PRINTED.get(study)
        lead = "not in the table"
        if printed is not None:
            at = REAL.index(printed)
            rivals = [values[at] for method, values in TABLE2.items() if method not in INCREMENTS[1:]]
            lead = f"{TABLE2[BEST][at] - max(rivals):+.1f} points over the best rival"
        against = {
            f"over {name}": difference(scored, BEST, name, "score") for name in METHODS if name not in INCREMENTS[1:]
        }
        found.append(judged(f"{study}: {CLAIM}", lead, against, own))
        for one, before in zip(INCREMENTS[1:], INCREMENTS[:-1], strict=True):
            gap = difference(scored, one, before, "score")
            words = f"{study}: {one} exceeds {before}"
            found.append(judged(words, _increment(printed, one, before), {f"over {before}": gap}, own))
        if CIFAR in studies:
            printed_r = TABLE3[printed][0] if printed else "0.03 to 0.19"
            names = [method for method in shared() if "Smoothing" not in method]
            again = ", ".join(f"{from_rows(data, names)[0]:.2f}" for data in TABLE3)
            found.append(
                apart(
                    f"{study}: there is only a weak correlation between CIFAR-10 test accuracy and performance on "
                    "real-world datasets",
                    f"r = {printed_r}; {again} recompute from its Tables 1 and 2",
                    _linked(studies, study),
                    own,
                    "methods",
                )
            )
    return tuple(found)


def _increment(printed: str | None, one: str, before: str) -> str:
    if printed is None:
        return "not in the table"
    at = REAL.index(printed)
    return f"{TABLE2[one][at] - TABLE2[before][at]:+.1f} points"
