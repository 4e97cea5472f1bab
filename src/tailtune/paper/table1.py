"""Table 1: eleven methods, SMOTE, DRW and three newer ones on long-tailed pictures, by argmax and with priors off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tailtune.paper.classes import balanced, cell, gain, minority
from tailtune.paper.curves import Panel, panels
from tailtune.paper.decisions import DECISIONS, both, decided
from tailtune.paper.image_facts import TABLE1
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.printed import GROUPS, TABLE5, recomputed5
from tailtune.paper.shots import shot_counts, shots_of
from tailtune.paper.verdict import above_zero, difference, judged
from tailtune.study.paired import Paired
from tailtune.study.study import Arm
from tailtune.words import NONE

TITLE = "Tables 1 and 5: methods for class imbalance on long-tailed pictures"
CLAIM = "Joint-SSL and Asymmetric-SAM atop M2m establishes a new state-of-the-art across all benchmark datasets"
METHODS: Mapping[str, str] = {
    "ERM": "erm",
    "Reweighting": "inverse_frequency",
    "Resampling": "balanced_sampling",
    "SMOTE": "smote",
    "DRW": "drw",
    "Focal Loss": "focal",
    "LDAM-DRW": "ldam_drw",
    "M2m": "m2m",
    "MiSLAS": "mislas",
    "SAM-A": "sama",
    "Joint-SSL": "joint_ssl",
    "Joint-SSL + SAM-A + Smoothing": "joint_ssl_sama_smoothing",
    "Joint-SSL + SAM-A + M2m": "joint_ssl_sama_m2m",
}
NEWER: Mapping[str, str] = {"Focal-SAM": "focal_sam", "SSE-SAM": "sse_sam", "SAMN": "samn"}  # of 2025 and 2026
TRAINED = {**METHODS, **NEWER}
BEST = "Joint-SSL + SAM-A + M2m"
PAPERS = ("SAM-A", "Joint-SSL", "Joint-SSL + SAM-A + Smoothing", BEST)  # its own; the others are baselines
AHEAD = "SAM-A is ahead of Focal-SAM, SSE-SAM and SAMN, which are newer"
TINY = {"swinv2": "swinv2_tiny_window8_256", "convnext": "convnext_tiny"}
REDUCED = {"cifar100": "5.4 % to 6.8 %", "cinic10": "4.6 % to 8.5 %"}  # of the error on the smallest 20 % of classes


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of each data set; decisions of a method share its training. Raises what `planned` raises."""
    arms = both(Arm(name, {"method": method}) for name, method in TRAINED.items())
    if scale != "full":
        ratios = (0.1,) if scale == "smoke" else (0.01,)
        return planned(
            scale, asked, arms, ratios, total=150 if scale == "smoke" else 5000, epochs=1 if scale == "smoke" else 25
        )
    tiny = [f"tiny_imagenet-{name}" for name in TINY]
    found = planned(scale, asked, arms, (0.01, 0.02), ("cifar10", "cifar100", "cinic10", *tiny), model="wrn-28-10")
    for name, one in found.items():
        if name in tiny:
            model = TINY[name.removeprefix("tiny_imagenet-")]
            study = replace(one.study, data=("tiny_imagenet",), ratios=(0.1,), model=model)
            found[name] = replace(one, study=study)
    return found


def _places(rows: Sequence[Row]) -> dict[tuple[str, float], list[Row]]:
    found: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        found.setdefault((str(row["study"]), float(row["ratio"])), []).append(row)
    return found


def _of(rows: Sequence[Row], method: str, decision: str) -> list[Row]:
    return [row for row in rows if row["arm"] == decided(method, decision)]


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return accuracy by both decisions beside the paper's, and accuracy on the smallest fifth of classes."""
    made = []
    for (study, ratio), own in _places(rows).items():
        lines = []
        for method in TRAINED:
            printed = TABLE1.get(method, {}).get((study, ratio))
            cells = [
                cell([of(row) for row in _of(own, method, each)]) for of in (balanced, minority) for each in DECISIONS
            ]
            lines.append((method, NONE if printed is None else f"{printed[0]} ± {printed[1]}", *cells))
        seeds = len({row["seed"] for row in own})
        made.append(
            Table(
                f"{study} at ratio {ratio:g}: accuracy on balanced test rows in per cent, mean ± standard error over "
                f"{seeds} seeds, by argmax and with the log class priors off; rarest is the smallest fifth of the "
                "classes. The paper's column is of its networks and 300 epochs. All methods have the same routine.",
                (
                    "method",
                    "Table 1",
                    *(f"{what}{DECISIONS[each]}" for what in ("", "rarest, ") for each in DECISIONS),
                ),
                tuple(lines),
            )
        )
        made.append(_table5(study, ratio, own))
    return (*made, recomputed5())


def _table5(study: str, ratio: float, rows: Sequence[Row]) -> Table:
    """Table 5: accuracy of classes with few, medium and many training rows, by both decisions."""
    counts = shot_counts(rows[0])
    lines = []
    for method in TRAINED:
        printed = TABLE5.get(method, {}).get(study) if ratio == 0.01 else None
        cells = []
        for group in range(len(GROUPS)):
            for decision in DECISIONS:
                ours = cell(shots_of(_of(rows, method, decision), group))
                cells.append(f"{ours} ({printed[group]})" if printed and decision == "none" else ours)
        lines.append((method, *cells))
    said = ", ".join(f"{name} {count}" for name, count in zip(GROUPS, counts, strict=True))
    return Table(
        f"Table 5: {study} at ratio {ratio:g}, accuracy of classes with few (under 20), medium and many (over 100) "
        f"training rows in per cent, mean ± standard error over seeds, in parentheses the paper's; classes: {said}.",
        ("method", *(f"{group}, {words}" for group in GROUPS for words in DECISIONS.values())),
        tuple(lines),
    )


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return accuracy against accuracy on the rarest classes, a mark a method and a panel a decision."""
    made = {}
    for (study, ratio), own in _places(rows).items():
        name = f"table1-{study}-{ratio:g}".replace(".", "_")
        shown = [
            Panel(
                words,
                "accuracy, per cent",
                "accuracy on the rarest fifth",
                {
                    method: {100 * sum(map(balanced, found)) / len(found): [minority(row) for row in found]}
                    for method in TRAINED
                    if (found := _of(own, method, decision))
                },
                joined=False,
            )
            for decision, words in DECISIONS.items()
        ]
        made[name] = panels(shown, name, f"{study} at ratio {ratio:g}: accuracy on all and on the rarest classes")
    return made


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return claims under each decision: that the best row is ahead of the paper's baselines, what it takes off their
    error on the rarest classes, and that SAM-A is ahead of what came after it.
    """
    found: list[Claim] = []
    for (study, ratio), own in _places(rows).items():
        rivals = [name for name in METHODS if name not in PAPERS]
        scored = [{**row, "balanced": balanced(row)} for row in own]
        printed = TABLE1[BEST].get((study, ratio))
        lead = "not in the table"
        if printed is not None:
            lead = f"+{printed[0] - max(TABLE1[name][study, ratio][0] for name in rivals if name in TABLE1):.1f} points"
        for decision, words in DECISIONS.items():
            against = {
                f"over {name}": difference(scored, decided(BEST, decision), decided(name, decision), "balanced")
                for name in rivals
            }
            found.append(judged(f"{study} at {ratio:g}, {words}: {CLAIM}", lead, against, own))
            less = {f"of {name}'s": reduction(own, name, decision) for name in rivals}
            found.append(
                judged(
                    f"{study} at {ratio:g}, {words}: on the smallest classes our method reduces error",
                    REDUCED.get(study, "not in the paper"),
                    less,
                    own,
                    "per cent of error",
                )
            )
            since = {
                f"over {name}": difference(scored, decided("SAM-A", decision), decided(name, decision), "balanced")
                for name in NEWER
            }
            found.append(judged(f"{study} at {ratio:g}, {words}: {AHEAD}", "not in the paper", since, own))
    return tuple(found)


def reduction(rows: Sequence[Row], rival: str, decision: str) -> Paired | None:
    """The share of a rival's error on the smallest fifth of the classes that the paper's best row takes off it."""
    ours, theirs = (
        {int(row["seed"]): 1 - minority(row) for row in _of(rows, name, decision)} for name in (BEST, rival)
    )
    each = [gain(theirs[seed], ours[seed], by=theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())]
    return above_zero([value for value in each if value is not None])
