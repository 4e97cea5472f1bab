"""SAM-A: sharpness-aware minimisation with a larger ascent for rarer classes (the paper's appendix A.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from tailtune.errors import TailtuneError, nearest
from tailtune.methods.method import Hooks, Method, Stage
from tailtune.methods.search import Log, Space
from tailtune.profile import ClassProfile, Rule

if TYPE_CHECKING:
    import torch

Ascent = Literal["mean_radius", "batch_gradient", "grouped"]

SEARCH: Space = {"rho": Log(0.02, 0.5)}


def sama(
    profile: ClassProfile,
    *,
    rho: float = 0.05,
    rule: Rule = "inverse",
    kappa: float = 1.0,
    cap: float = 5.0,
    normalise: Ascent = "mean_radius",
) -> Method:
    """Like SAM with a radius a class, rho_k = ``per_class(rho, counts, rule)``.

    How the radii become one step of a batch is `normalise`: the two ways of `tailtune.optim.sama.SAMA`, or "grouped"
    for `tailtune.optim.grouped_sama.GroupedSAMA`.

    Raises:
        TailtuneError: an unknown `normalise`, or one that the official rule does not go with.
    """
    if normalise not in get_args(Ascent):
        close = nearest(str(normalise), get_args(Ascent))
        raise TailtuneError(f"normalise must be one of {', '.join(get_args(Ascent))}, however: {normalise!r}.{close}")
    if rule == "official" and normalise != "mean_radius":
        raise TailtuneError(f"rule=official has one radius for all batches: leave out normalise={normalise}")

    def wrap(base: torch.optim.Optimizer, model: torch.nn.Module, hooks: Hooks) -> torch.optim.Optimizer:
        from tailtune.optim.grouped_sama import GroupedSAMA
        from tailtune.optim.sama import SAMA

        settings: dict[str, Any] = {"rho": rho, "rule": rule, "kappa": kappa, "cap": cap}
        settings |= {"model": model, "backward": hooks.backward, "before_step": hooks.before_step}
        if normalise == "grouped":
            return GroupedSAMA(base, profile.counts, **settings)
        return SAMA(base, profile.counts, normalise=normalise, **settings)

    return Method("sama", (Stage(optimiser=wrap),))
