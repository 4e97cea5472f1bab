"""SSE-SAM: first head and tail classes climb apart, then the tail classes alone (Lyu et al. 2025)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailtune.errors import TailtuneError
from tailtune.methods.method import Hooks, Method, Schedule, Stage
from tailtune.methods.search import Log, Space, Uniform
from tailtune.profile import ClassProfile

if TYPE_CHECKING:
    import torch

SEARCH: Space = {"head_rho": Log(0.01, 0.3), "tail_rho": Log(0.02, 0.5), "switch": Uniform(0.3, 0.9)}


def sse_sam(
    profile: ClassProfile,
    *,
    head_rho: float = 0.05,
    tail_rho: float = 0.1,
    switch: float = 0.7,
    threshold: float = 20,
    share: float = 0.2,
) -> Method:
    """Train by `tailtune.optim.sse_sam.HeadAndTailSAM` for `switch` of the epochs, then by `ImbSAM` with the same tail.

    The learning rate follows one cosine through both stages.

    Raises:
        TailtuneError: a switch outside of (0, 1).
    """
    if not 0 < switch < 1:
        raise TailtuneError(f"switch is the share of the epochs of the first stage, in (0, 1), however: {switch=}")

    def apart(base: torch.optim.Optimizer, model: torch.nn.Module, hooks: Hooks) -> torch.optim.Optimizer:
        from tailtune.optim.sse_sam import HeadAndTailSAM

        return HeadAndTailSAM(
            base,
            profile.counts,
            model=model,
            head_rho=head_rho,
            tail_rho=tail_rho,
            threshold=threshold,
            share=share,
            backward=hooks.backward,
            before_step=hooks.before_step,
        )

    def tail_alone(base: torch.optim.Optimizer, model: torch.nn.Module, hooks: Hooks) -> torch.optim.Optimizer:
        from tailtune.optim.imbsam import ImbSAM

        return ImbSAM(
            base,
            profile.counts,
            model=model,
            rho=tail_rho,
            threshold=threshold,
            share=share,
            backward=hooks.backward,
            before_step=hooks.before_step,
        )

    first = Stage(optimiser=apart, schedule=_stretch(0.0, switch), share=switch)
    second = Stage(optimiser=tail_alone, schedule=_stretch(switch, 1.0), share=1 - switch)
    return Method("sse_sam", (first, second))


def _stretch(start: float, end: float) -> Schedule:
    """The stretch of the warm-up and cosine of a whole training that a stage makes, from share `start` to `end`."""

    def schedule(step: int, total: int, warmup: int) -> float:
        from tailtune.optim.schedules import warmup_cosine

        whole = total / (end - start)
        return warmup_cosine(round(start * whole) + step, round(whole), round(warmup / (end - start)))

    return schedule
