"""`recipe`: which augmentation, length, weight decay, batch and radius the recipe should have, on validation rows.

Every figure of this study is of training rows that are kept aside (`tailtune.paper.held_out`); no test row is scored.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tailtune.methods.resolve import find
from tailtune.named_settings import parse
from tailtune.paper.adjusted import TAUS, of_run, strength
from tailtune.paper.classes import cell
from tailtune.paper.curves import Panel, panels
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.recipe_routines import (
    ASYMMETRIC,
    BOTH,
    DEFAULT,
    GEOMETRY,
    METHODS,
    NAMES,
    PLAIN,
    POLICIES,
    ROUTINES,
    SAMPLERS,
    SMOOTHED,
    TRIVIAL,
    Routine,
)
from tailtune.paper.rows import by_study
from tailtune.paper.verdict import difference, judged
from tailtune.study.study import Arm, axis, crossed
from tailtune.words import counted

TITLE = "The recipe study: augmentation by length, weight decay, batch size and radius, chosen on validation rows"
CLAIM = "our training protocol incorporates TrivialAugment + CutMix as an augmentation policy"


@dataclass(frozen=True)
class Stage:
    """A part of the study that can be run by itself.

    Attributes:
        x: what the axis of its figure shows.
        arms: by the routine.
        place: of a row on that axis.
        curve: that a row belongs to.
        log: base of the axis.
        seeds: trainings of each arm, at least.
    """

    x: str
    arms: Callable[[Routine], Sequence[Arm]] = field(repr=False)
    place: Callable[[Row], float]
    curve: Callable[[Row], str] = lambda row: NAMES[str(row["policy"])]
    log: int | None = 10
    seeds: int = 1


def _policies(*names: str) -> list[Arm]:
    return [Arm(name, {"policy": POLICIES[name]}) for name in names]


def _radius(row: Row) -> float:
    return float(parse(str(row["method"]))[1]["rho"])


def _methods(routine: Routine) -> list[Arm]:
    """The parts of the recipe, and without SAM-A for as many passes."""
    alone = [
        *(Arm(name, {"method": name}) for name in METHODS),
        *(_longer(name, routine) for name in (PLAIN, SMOOTHED)),
    ]
    return [Arm(arm.name, {**arm.changes, "policy": POLICIES[GEOMETRY]}) for arm in alone]


def _longer(method: str, routine: Routine) -> Arm:
    """A method for twice as long as the others of the routine, as many passes as SAM-A makes."""
    return Arm(f"{method}, twice as long", {"method": method, "epochs": 2 * max(routine.epochs)})


def _method(row: Row) -> str:
    return parse(str(row["method"]))[0]


def _smoothing(row: Row) -> float:
    own = inspect.signature(find(str(row["method"]))).parameters
    return float(own["smoothing"].default) if _method(row) == SMOOTHED else 0.0


def _passes(row: Row) -> float:
    """Passes over a batch that the training made."""
    return float(row["steps"]) * (2 if _method(row) in ("sama", ASYMMETRIC) else 1)


STAGES: Mapping[str, Stage] = {
    "policies": Stage(
        "steps",
        lambda routine: crossed(axis("epochs", routine.epochs), _policies(*routine.policies)),  # the short ones first
        lambda row: float(row["steps"]),
        log=2,
    ),
    "decays": Stage(
        "weight decay",
        lambda routine: crossed(
            axis("weight_decay", routine.decays),
            _policies(*(name for name in (GEOMETRY, TRIVIAL) if name in routine.policies)),
        ),
        lambda row: float(row["weight_decay"]),
    ),
    "batches": Stage(
        "batch size",
        lambda routine: crossed(axis("batch_size", routine.batches), _policies(TRIVIAL)),
        lambda row: float(row["batch_size"]),
        log=2,
    ),
    "radii": Stage(
        "radius of SAM-A",
        lambda routine: crossed(
            [Arm(f"rho={rho}", {"method": f"{ASYMMETRIC}(rho={rho})"}) for rho in routine.radii], _policies(TRIVIAL)
        ),
        _radius,
    ),
    "passes": Stage(
        "batch size",
        lambda routine: [
            *crossed(
                axis("batch_size", routine.batches),
                [Arm("SAM-A and smoothing"), _longer(PLAIN, routine)],
                _policies(*routine.policies),
            ),
            *crossed(
                axis("batch_size", routine.batches[:1]), [_longer(SMOOTHED, routine)], _policies(*routine.policies)
            ),
        ],
        lambda row: float(row["batch_size"]),
        lambda row: f"{_method(row)}, {NAMES[str(row['policy'])]}",
        log=2,
    ),
    # the part of the one before that is close: what smoothing adds at the length of the default
    "smoothing": Stage(
        "smoothing of labels",
        lambda routine: crossed(
            axis("batch_size", routine.batches[:1]),
            [_longer(name, routine) for name in (PLAIN, SMOOTHED)],
            _policies(routine.policies[-1]),
        ),
        _smoothing,
        log=None,
        seeds=2,
    ),
    "sampling": Stage(
        "power of the class shares with which classes are drawn",
        lambda routine: crossed(
            axis("batch_size", routine.batches[:1]),
            [_longer(name, routine) for name in SAMPLERS],
            _policies(routine.policies[-1]),
        ),
        lambda row: SAMPLERS[_method(row)],
        log=None,
    ),
    "methods": Stage("passes", _methods, _passes, _method, log=2),
}


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of each stage on each data set, the policies first; those of the default's length, which take
    hours, where they are asked for. Raises what `planned` raises.
    """
    names = [
        f"{data}-{stage}"
        for stage in STAGES
        for data, routine in ROUTINES[scale].items()
        if stage in routine.stages and (asked.data or data not in DEFAULT)
    ]
    found = {}
    for name, one in planned(scale, asked, [Arm("")], (1.0,), names).items():
        data, _, stage = name.partition("-")
        routine = ROUTINES[scale][data]
        changes: dict[str, Any] = {
            "arms": STAGES[stage].arms(routine),
            "data": (f"tailtune.paper.held_out:{routine.reader}",),
            "ratios": () if routine.ratio is None else (routine.ratio,),
            "total": routine.total,
            "image_size": routine.image_size,
            "model": routine.model,
            "method": routine.method,
            "epochs": max(routine.epochs),
            "batch_size": routine.batch,
            "weight_decay": routine.decays[0],
            "ema": routine.ema,
            "deploy_prior": "uniform",
            "seeds": max(STAGES[stage].seeds, routine.seeds) if asked.seeds is None else asked.seeds,
            "vary": "both",
        }
        found[name] = replace(one, study=replace(one.study, **changes), columns=of_run)
    return found


def _after(row: Row, at: str) -> float:
    """Accuracy after a decision: by argmax, with the prior off, or by the best of the strengths."""
    found = {tau: float(row[strength(tau)]) for tau in TAUS}
    return {ARGMAX: found[0.0], PRIOR: found[1.0], BEST: max(found.values())}[at]


def _at_ratio(row: Row) -> str:
    return "" if row["ratio"] is None else f" at ratio {row['ratio']:g}"


ARGMAX, PRIOR, BEST = "argmax", "prior off", "best strength"


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return, for each stage, what every arm comes to on the rows kept aside."""
    made = []
    for study, own in by_study(rows).items():
        lines = []
        for arm in dict.fromkeys(str(row["arm"]) for row in own):
            each = [row for row in own if row["arm"] == arm]
            mean = {tau: np.mean([float(row[strength(tau)]) for row in each]) for tau in TAUS}
            lines.append(
                (
                    arm,
                    f"{each[0]['steps']}",
                    *(cell([float(row[strength(tau)]) for row in each]) for tau in TAUS),
                    f"{max(mean, key=lambda tau: mean[tau]):g}",
                    *(cell([float(row[key]) for row in each], 1.0, 3) for key in ("loss", "loss_tempered")),
                    cell([float(row["temperature"]) for row in each], 1.0, 2),
                )
            )
        seeds = len({row["seed"] for row in own})
        made.append(
            Table(
                f"{study}{_at_ratio(own[0])}: VALIDATION rows, kept aside from the official training rows; "
                "no test row is scored. Accuracy as the mean over classes in per cent, mean ± standard error over "
                f"{counted(seeds, 'seed', 'seeds')}, after the log priors times tau are taken off; then the best tau, "
                "the log loss of equal classes with tau 1, and the same with the best temperature.",
                ("arm", "steps", *(f"tau {tau:g}" for tau in TAUS), "best", "log loss", "tempered", "temperature"),
                tuple(lines),
            )
        )
    return tuple(made)


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return, for each stage, accuracy by what is varied: by argmax, with the priors off, and by the best strength."""
    made = {}
    for study, own in by_study(rows).items():
        stage = STAGES[study.partition("-")[2]]
        shown = []
        for at in (ARGMAX, PRIOR, BEST):
            curves: dict[str, dict[float, list[float]]] = {}
            for row in own:
                curves.setdefault(stage.curve(row), {}).setdefault(stage.place(row), []).append(_after(row, at))
            shown.append(Panel(at, stage.x, "accuracy on validation rows", curves, log=stage.log))
        made[f"recipe-{study}"] = panels(shown, f"recipe-{study}", f"{study}: accuracy on validation rows")
    return made


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether the paper's policy is the best at the longest length, after each decision."""
    found: list[Claim] = []
    for study, own in by_study(rows).items():
        tried = {NAMES[str(row["policy"])] for row in own}
        if not study.endswith("policies") or BOTH not in tried:
            continue
        longest = max(int(row["epochs"]) for row in own)
        for at in (ARGMAX, PRIOR, BEST):
            scored = [
                {**row, "arm": NAMES[str(row["policy"])], "after": _after(row, at)}
                for row in own
                if int(row["epochs"]) == longest
            ]
            found.append(
                judged(
                    f"{study}, {at}, validation rows, {max(int(row['steps']) for row in own)} steps: {CLAIM}; here: "
                    "it is better than the other policies",
                    "not compared",
                    {
                        f"over {name}": difference(scored, BOTH, name, "after")
                        for name in POLICIES
                        if name in tried - {BOTH}
                    },
                    own,
                )
            )
    return tuple(found)
