"""Table 4: collapse of the rarest classes' training rows (CDNV, NCC) beside accuracy, by method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tailtune.paper.classes import balanced, cell
from tailtune.paper.correlation import correlation
from tailtune.paper.curves import Panel, panels
from tailtune.paper.linked import together
from tailtune.paper.looked_into import collapse
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.printed import TABLE4, recomputed4
from tailtune.paper.rows import by_study
from tailtune.paper.verdict import difference, judged
from tailtune.study.study import Arm

TITLE = "Table 4: neural collapse of minority training rows by method"
CLAIM = (
    "the collapse, measured by CDNV and NCC for minority training examples, is significantly worse in standard "
    "training without class-imbalance interventions"
)
METHODS: Mapping[str, str] = {
    "ERM": "erm",
    "Reweighting": "inverse_frequency",
    "Resampling": "balanced_sampling",
    "LDAM-DRW": "ldam_drw",
    "Joint-SSL + SAM-A": "joint_ssl_sama",
}

SETTINGS: Mapping[Scale, Mapping[str, Any]] = {
    "smoke": {},
    "small": {"total": 5000, "epochs": 20},
    "full": {"model": "wrn-28-10"},
}


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of the methods; the paper names neither data set nor ratio, ours are CIFAR-10 and 0.01.

    Raises what `planned` raises.
    """
    arms = [Arm(name, {"method": method}) for name, method in METHODS.items()]
    sets = ("cifar10",) if scale == "full" else ()
    found = planned(scale, asked, arms, (0.1 if scale == "smoke" else 0.01,), sets, keep="model", **SETTINGS[scale])
    return {name: replace(one, columns=collapse) for name, one in found.items()}


def _of(rows: Sequence[Row], method: str, figure: str) -> list[float]:
    own = [row for row in rows if row["arm"] == method]
    return [balanced(row) if figure == "accuracy" else float(row[figure]) for row in own]


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return Table 4 with the paper's numbers in parentheses, for each data set, and what recomputes from these."""
    made = []
    for study, own in by_study(rows).items():
        lines = []
        for method in METHODS:
            cdnv, ncc, accuracy = TABLE4[method]
            lines.append(
                (
                    method,
                    f"{cell(_of(own, method, 'cdnv'), 1.0, 3)} ({cdnv:.2f})",
                    f"{cell(_of(own, method, 'ncc'), 1.0, 3)} ({ncc:.2f})",
                    f"{cell(_of(own, method, 'accuracy'))} ({accuracy:.1f})",
                )
            )
        made.append(
            Table(
                f"{study} at ratio {own[0]['ratio']:g}: CDNV of pairs among the rarest fifth of the classes, share of "
                "their training rows whose nearest class mean is their own class's (both 0 to 1), accuracy on balanced "
                "test rows by argmax in per cent; mean ± standard error over seeds, in parentheses the paper's. A CDNV "
                "nearer to 0 and a share nearer to 1 are more collapsed.",
                ("method", "CDNV", "NCC", "accuracy"),
                tuple(lines),
            )
        )
    return (*made, recomputed4())


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return accuracy by CDNV, a mark a method, ours beside the paper's."""
    made = {}
    for study, own in by_study(rows).items():
        ours = {
            method: {float(np.mean(_of(own, method, "cdnv"))): _of(own, method, "accuracy")}
            for method in METHODS
            if _of(own, method, "cdnv")
        }
        theirs = {method: {cdnv: [accuracy / 100]} for method, (cdnv, _, accuracy) in TABLE4.items()}
        shown = [
            Panel(title, "CDNV of rare training rows", "test accuracy", curves, joined=False)
            for title, curves in ((study, ours), ("Table 4 as printed", theirs))
        ]
        made[f"table4-{study}"] = panels(shown, f"table4-{study}", f"{study}: accuracy by collapse")
    return made


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether plain training is the most collapsed, and whether less collapse goes with accuracy."""
    found: list[Claim] = []
    for study, own in by_study(rows).items():
        less = {
            f"CDNV of {method} minus ERM's": difference(own, method, "ERM", "cdnv")
            for method in METHODS
            if method != "ERM"
        }
        lowest = min(cdnv - TABLE4["ERM"][0] for method, (cdnv, _, _) in TABLE4.items() if method != "ERM")
        printed = f"{lowest:+.2f} at the least, so its own table speaks against it".replace("-", "−")
        found.append(judged(f"{study}: {CLAIM}", printed, less, own, "CDNV", 1.0))
        both = [
            (float(np.mean(_of(own, method, "cdnv"))), float(np.mean(_of(own, method, "accuracy"))))
            for method in METHODS
            if _of(own, method, "cdnv")
        ]
        r = correlation([cdnv for cdnv, _, _ in TABLE4.values()], [accuracy for _, _, accuracy in TABLE4.values()])
        found.append(
            together(
                f"{study}: a correlation exists between the degree of collapse and the performance of the different "
                "methods: those that counteract it are superior",
                f"r = {0 if r is None else r.r:.2f} between its CDNV and accuracy",
                correlation([x for x, _ in both], [y for _, y in both]),
                own,
                "methods",
            )
        )
    return tuple(found)
