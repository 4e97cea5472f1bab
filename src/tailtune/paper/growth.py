"""Accuracy on balanced test rows as majority classes grow while the rarest class stays as large: shared by figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tailtune.paper.classes import balanced, cell, decades
from tailtune.paper.curves import Panel, panels
from tailtune.paper.page import Claim, Row, Table
from tailtune.paper.rows import by_study, ratios_of
from tailtune.paper.verdict import above_zero, judged
from tailtune.study.study import Arm

Places = dict[float, dict[int, float]]  # accuracy by ratio and seed


def arms(minorities: Sequence[int]) -> list[Arm]:
    """Return an arm for each size of the rarest class; at a ratio r the largest class has 1 / r as many rows."""
    return [Arm(f"{minority} of the rarest class", {"minority": minority}) for minority in minorities]


def grown(rows: Sequence[Row], minority: int) -> Places:
    """Accuracy on balanced test rows by ratio, from balanced to the most majority rows, and by seed."""
    own = [row for row in rows if int(row["minority"]) == minority]
    return {
        ratio: {int(row["seed"]): balanced(row) for row in own if row["ratio"] == ratio}
        for ratio in reversed(ratios_of(own))
    }


def best(places: Places, seeds: Sequence[int]) -> float:
    """The ratio of the highest mean accuracy over these seeds."""
    return max(places, key=lambda ratio: np.mean([places[ratio][seed] for seed in seeds]))


def _whole(places: Places) -> list[int]:
    """The seeds that every ratio has."""
    return sorted(set.intersection(*map(set, places.values()))) if places else []


def _chosen_by_others(places: Places) -> dict[int, float]:
    """For each seed the best ratio by the other ones, so that a seed does not choose what it is scored at."""
    seeds = _whole(places)
    return {seed: best(places, [other for other in seeds if other != seed]) for seed in seeds if len(seeds) > 1}


def _minorities(rows: Sequence[Row]) -> list[int]:
    return sorted({int(row["minority"]) for row in rows})


def largest(minority: int, ratio: float) -> int:
    """Rows of the largest class."""
    return round(minority / ratio)


def growth_tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return accuracy by size of the largest class, for each size of the rarest, for each data set."""
    made = []
    for study, own in by_study(rows).items():
        lines = []
        for minority in _minorities(own):
            places = grown(own, minority)
            chosen = best(places, _whole(places)) if _whole(places) else None
            for ratio, seeds in places.items():
                mark = " (best)" if ratio == chosen else ""
                lines.append(
                    (
                        str(minority),
                        f"{largest(minority, ratio)}{mark}",
                        f"{ratio:g}",
                        cell(list(seeds.values()), digits=2),
                    )
                )
        made.append(
            Table(
                f"{study}: accuracy on balanced test rows in per cent, mean ± standard error over seeds, by argmax, as "
                "all classes but the rarest grow. All trainings have the same epochs, so those with more rows take "
                "more steps.",
                ("rows of the rarest class", "of the largest class", "train ratio", "accuracy"),
                tuple(lines),
            )
        )
    return tuple(made)


def growth_figures(rows: Sequence[Row], name: str) -> dict[str, str]:
    """Return, for each data set, accuracy by rows of the largest class, and the best of these by rows of the rarest."""
    made = {}
    for study, own in by_study(rows).items():
        found = {minority: grown(own, minority) for minority in _minorities(own)}
        by_size = Panel(
            "balanced test rows",
            "rows of the largest class",
            "test accuracy",
            {
                f"{minority} of the rarest class": {
                    largest(minority, ratio): list(seeds.values()) for ratio, seeds in places.items()
                }
                for minority, places in found.items()
            },
            log=10,
        )
        optimum = Panel(
            "grey dots: seeds; dotted line: equal",
            "rows of the rarest class",
            "best rows of the largest class",
            {
                "geometric mean over seeds": {
                    minority: [float(largest(minority, best(places, [seed]))) for seed in _whole(places)]
                    for minority, places in found.items()
                }
            },
            log=10,
            diagonal=True,
        )
        made[f"{name}-{study}"] = panels([by_size, optimum], f"{name}-{study}", f"{study}: growing majority")
    return made


def growth_claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether more majority rows help at first, hurt in the end, and whether the best is nearly balanced."""
    found: list[Claim] = []
    for study, own in by_study(rows).items():
        boosts, drops, near = {}, {}, {}
        for minority in _minorities(own):
            places, what = grown(own, minority), f"{minority} of the rarest"
            first, *_, last = places if len(places) > 1 else (None, None)
            chosen = _chosen_by_others(places)
            if first is None or last is None or not chosen:
                continue
            boosts[what] = above_zero([places[ratio][seed] - places[first][seed] for seed, ratio in chosen.items()])
            drops[what] = above_zero([places[ratio][seed] - places[last][seed] for seed, ratio in chosen.items()])
            near[what] = above_zero([1 - decades(best(places, [seed]), 1.0) for seed in _whole(places)])
        found += [
            judged(
                f"{study}: increasing the number of samples from the majority class initially boosts performance",
                "a figure",
                {f"{what}: best over balanced": one for what, one in boosts.items()},
                own,
            ),
            judged(
                f"{study}: the growing training data imbalance eventually degrades test accuracy",
                "a figure",
                {f"{what}: best over the most": one for what, one in drops.items()},
                own,
            ),
            judged(
                f"{study}: the optimal training set ratio is nearly balanced; here: within a power of ten",
                "a figure",
                {f"{what}: one minus the decades from the best ratio to balance": one for what, one in near.items()},
                own,
                "decades",
                1.0,
            ),
        ]
    return tuple(found)
