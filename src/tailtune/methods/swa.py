"""Stochastic weight averaging along a constant or cyclical learning rate (Izmailov et al. 2018)."""

from __future__ import annotations

import math
from typing import Literal

from tailtune.errors import TailtuneError
from tailtune.methods.method import Context, Method, Stage
from tailtune.methods.search import Choice, Space, Uniform
from tailtune.optim.cycles import constant_tail, cycle_progress, evenly_spaced
from tailtune.profile import ClassProfile

SEARCH: Space = {"lr_factor": Choice((0.05, 0.1, 0.2, 0.5)), "start": Uniform(0.5, 0.9)}
LOWEST = 0.01  # where a cyclical learning rate ends, as a share of where it starts


def swa(
    profile: ClassProfile,
    *,
    start: float = 0.75,
    snapshots: int = 10,
    lr_factor: float = 0.5,
    shape: Literal["constant", "cyclical"] = "constant",
) -> Method:
    """Average `snapshots` sets of weights from the last part of training; `profile` plays no part.

    Raises:
        TailtuneError: a setting outside its range.
    """
    if not (0 <= start < 1 and snapshots >= 1 and lr_factor > 0 and shape in ("constant", "cyclical")):
        raise TailtuneError(
            "swa needs start in [0, 1), snapshots of 1 or more, lr_factor above 0 and shape 'constant' or 'cyclical', "
            f"however: {start=}, {snapshots=}, {lr_factor=}, {shape=}"
        )

    def schedule(step: int, total: int, warmup: int) -> float:
        turn = math.ceil(start * total)
        if shape == "constant" or step < turn:
            return constant_tail(step, total, warmup, start, lr_factor)
        passed = cycle_progress(step - turn, total - turn, snapshots)
        return lr_factor * (1 - passed + passed * LOWEST)

    def collect(finished: int, total: int) -> bool:
        return evenly_spaced(finished, total, snapshots, math.ceil(start * total))

    def finish(context: Context) -> None:
        from tailtune.bayes.swa import average_states

        context.model.load_state_dict(average_states(context.collected))
        context.renew_statistics()

    return Method("swa", (Stage(schedule=schedule, collect=collect, finish=finish),))
