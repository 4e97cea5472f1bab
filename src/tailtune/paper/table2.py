"""Tables 2 and 3: methods on real-world pictures with the paper's increments, and how far CIFAR-10 tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from tailtune.paper.classes import cell
from tailtune.paper.correlation import Correlation, correlation, slope
from tailtune.paper.curves import Panel, panels
from tailtune.paper.decisions import DECISIONS, both, decided
from tailtune.paper.dots import Dot, dots
from tailtune.paper.linked import apart
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.printed import REAL, TABLE2, TABLE3, from_rows, recomputed3, shared
from tailtune.paper.rows import by_study
from tailtune.paper.verdict import difference, judged
from tailtune.study.paired import Paired
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
    "small": {
        # its headline is balanced accuracy, which the balance of its own test rows does not answer for
        "ham10000": {"image_size": 32, "epochs": 10, "deploy_prior": "uniform"},
        CIFAR: {"total": 5000, "epochs": 10},
    },
    "full": {
        "siim_with_2019": {"model": "resnext50_32x4d", "image_size": 256, "epochs": 30},
        "aptos": {"model": "resnext50_32x4d", "image_size": 256, "epochs": 30},
        "eurosat": {"model": "resnext50_32x4d", "image_size": 64, "epochs": 30},
        CIFAR: {"model": "wrn-28-10"},
    },
}


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of the methods on each data set, decisions of a method on one training.

    Sets that are imbalanced by themselves are taken as they are. Raises what `planned` raises.
    """
    names = INCREMENTS if scale == "smoke" else METHODS
    arms = both(Arm(name, {"method": METHODS[name]}) for name in names)
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


def _scores(rows: Sequence[Row], method: str, decision: str) -> list[float]:
    return [score(row) for row in rows if row["arm"] == decided(method, decision)]


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return Table 2 with the paper's numbers in parentheses, Table 3, and what recomputes from the paper's."""
    studies = by_study(rows)
    lines = []
    for method in METHODS:
        cells = []
        for study, own in studies.items():
            for decision in DECISIONS:
                ours = cell(_scores(own, method, decision))
                printed = TABLE2[method][REAL.index(PRINTED[study])] if study in PRINTED else None
                cells.append(ours if printed is None or decision != "none" else f"{ours} ({printed})")
        lines.append((method, *cells))
    said = ", ".join(f"{study} {_headline(own[0]).replace('_', ' ')}" for study, own in studies.items())
    whole = Table(
        "Test rows, in per cent, mean ± standard error over seeds, by argmax and with the log class priors off: "
        f"{said}. In parentheses the paper's, whose networks are larger.",
        ("method", *(f"{study}, {words}" for study in studies for words in DECISIONS.values())),
        tuple(lines),
    )
    return (whole, *_table3(studies), recomputed3())


def _pairs(studies: Mapping[str, Sequence[Row]], study: str, decision: str) -> list[tuple[float, float]]:
    """Mean score on CIFAR-10 and on another data set, a pair a method that has both."""
    found = []
    for method in METHODS:
        each = [_scores(studies.get(name, ()), method, decision) for name in (CIFAR, study)]
        if all(each):
            found.append((float(np.mean(each[0])), float(np.mean(each[1]))))
    return found


def _linked(studies: Mapping[str, Sequence[Row]], study: str, decision: str) -> Correlation | None:
    pairs = _pairs(studies, study, decision)
    return correlation([x for x, _ in pairs], [y for _, y in pairs])


def _table3(studies: Mapping[str, Sequence[Row]]) -> list[Table]:
    if CIFAR not in studies or len(studies) < 2:
        return []
    lines = []
    for study, decision in product(studies, DECISIONS):
        found, pairs = _linked(studies, study, decision), _pairs(studies, study, decision)
        if study == CIFAR or found is None:
            continue
        printed = TABLE3.get(PRINTED.get(study, "")) if decision == "none" else None
        interval = "" if found.interval is None else f" [{found.interval[0]:.2f}, {found.interval[1]:.2f}]"
        rise = slope([x for x, _ in pairs], [y for _, y in pairs])
        cells = (f"{found.r:.2f}{interval}", f"{rise:.2f}", f"{found.n}")
        name = f"{study}, {DECISIONS[decision]}"
        lines.append((name, *cells, *((NONE, NONE) if printed is None else (f"{value}" for value in printed))))
    return [
        Table(
            "Table 3: Pearson's r, with Fisher's 95 % interval, and slope between the methods' scores on CIFAR-10 at "
            "0.01 and on each data set; last the paper's.",
            ("data set", "r", "slope", "methods", "Table 3, r", "slope"),
            tuple(lines),
        )
    ]


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return every data set's scores: by those on CIFAR-10, a mark a method, or by method where these are missing."""
    studies, made = by_study(rows), {}
    shown = []
    for study, own in studies.items():
        if study == CIFAR:
            continue
        title = _headline(own[0]).replace("_", " ")
        if CIFAR not in studies:
            lines = [Dot(method, _scores(own, method, "none"), _scores(own, method, "prior")) for method in METHODS]
            found = [line for line in lines if line.first]
            name = f"table2-{study}"
            made[name] = dots(
                found,
                name,
                f"{study}: {title} on test rows",
                (f"{DECISIONS['none']}, mean ± standard error", DECISIONS["prior"]),
            )
            continue
        for decision, words in DECISIONS.items():
            curves = {}
            for method in METHODS:
                each, known = (_scores(of, method, decision) for of in (own, studies[CIFAR]))
                if each and known:
                    curves[method] = {100 * float(np.mean(known)): each}
            shown.append(Panel(f"{study}, {words}", "CIFAR-10 at 0.01, per cent", title, curves, joined=False))
    if shown:
        made["table2"] = panels(shown, "table2", "Scores of methods on real-world pictures")
    return made


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return claims under each decision: whether the last row leads, what each increment adds, and how far CIFAR-10
    tells of other data.
    """
    found: list[Claim] = []
    studies = by_study(rows)
    for (study, own), (decision, words) in product(studies.items(), DECISIONS.items()):
        if study == CIFAR:
            continue
        scored, printed = _scored(own), PRINTED.get(study)

        def ahead(one: str, other: str, rows: Sequence[Row] = scored, decision: str = decision) -> Paired | None:
            return difference(rows, decided(one, decision), decided(other, decision), "score")

        lead = "not in the table"
        if printed is not None:
            at = REAL.index(printed)
            rivals = [values[at] for method, values in TABLE2.items() if method not in INCREMENTS[1:]]
            lead = f"{TABLE2[BEST][at] - max(rivals):+.1f} points over the best rival"
        against = {f"over {name}": ahead(BEST, name) for name in METHODS if name not in INCREMENTS[1:]}
        found.append(judged(f"{study}, {words}: {CLAIM}", lead, against, own))
        for one, before in zip(INCREMENTS[1:], INCREMENTS[:-1], strict=True):
            gap = {f"over {before}": ahead(one, before)}
            found.append(
                judged(f"{study}, {words}: {one} exceeds {before}", _increment(printed, one, before), gap, own)
            )
        if CIFAR in studies:
            printed_r = TABLE3[printed][0] if printed else "0.03 to 0.19"
            names = [method for method in shared() if "Smoothing" not in method]
            again = ", ".join(f"{from_rows(data, names)[0]:.2f}" for data in TABLE3)
            found.append(
                apart(
                    f"{study}, {words}: there is only a weak correlation between CIFAR-10 test accuracy and "
                    "performance on real-world datasets",
                    f"r = {printed_r}; {again} recompute from its Tables 1 and 2",
                    _linked(studies, study, decision),
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
