"""Focal-SAM: sharpness-aware minimisation in which rare classes count more (Li et al. 2025)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailtune.methods.method import Hooks, Method, Stage
from tailtune.methods.search import Log, Space, Uniform
from tailtune.profile import ClassProfile

if TYPE_CHECKING:
    import torch

SEARCH: Space = {"rho": Log(0.02, 0.5), "gamma": Uniform(0.0, 6.0), "sharpness": Uniform(0.2, 1.0)}


def focal_sam(profile: ClassProfile, *, rho: float = 0.2, gamma: float = 3.0, sharpness: float = 0.5) -> Method:
    """Descend on L(w) + sum_k s_k [L_k(w + eps) - L_k(w)]; see `tailtune.optim.focal_sam.FocalSAM`."""

    def wrap(base: torch.optim.Optimizer, model: torch.nn.Module, hooks: Hooks) -> torch.optim.Optimizer:
        from tailtune.optim.focal_sam import FocalSAM

        return FocalSAM(
            base,
            profile.counts,
            model=model,
            rho=rho,
            gamma=gamma,
            sharpness=sharpness,
            backward=hooks.backward,
            before_step=hooks.before_step,
        )

    return Method("focal_sam", (Stage(optimiser=wrap),))
