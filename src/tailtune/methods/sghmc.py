"""Stochastic-gradient Hamiltonian Monte Carlo: predictions averaged over posterior samples (Chen et al. 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tailtune.errors import TailtuneError
from tailtune.methods.method import Context, Method, Stage
from tailtune.methods.search import Choice, Log, Space
from tailtune.optim.cycles import keeps_sample, sampling_factor
from tailtune.profile import ClassProfile
from tailtune.settings import ResolvedTraining

if TYPE_CHECKING:
    import torch

    from tailtune.bayes.posterior import Posterior

BURN_IN = 200  # steps, as in Torch Uncertainty
SEARCH: Space = {"temperature": Log(1e-4, 1.0), "cycles": Choice((0, 4))}


def sghmc(
    profile: ClassProfile,
    *,
    temperature: float = 0.01,
    friction: float = 0.05,
    burn_in: int | None = None,
    samples: int = 12,
    cycles: int = 4,
) -> Method:
    """Average predictions over `samples` weights that `tailtune.optim.sghmc.SGHMC` visits after `burn_in` steps.

    The burn-in is 200 steps where none is given, or a quarter of a training that has fewer than 800.

    Raises:
        TailtuneError: no samples, or a number of them that the cycles cannot share evenly.
    """
    if samples < 1 or cycles < 0 or (cycles and samples % cycles):
        raise TailtuneError(f"sghmc needs samples of 1 or more, a multiple of cycles, however: {samples=}, {cycles=}")

    def burnt_in(total: int) -> int:
        return min(BURN_IN, total // 4) if burn_in is None else burn_in

    def base(groups: list[dict[str, Any]], run: ResolvedTraining, rows: int) -> torch.optim.Optimizer:
        from tailtune.optim.sghmc import SGHMC

        adapting = burnt_in(run.epochs * max(1, rows // run.batch_size))
        adam = run.optimizer == "adamw"
        for group in groups:  # a gradient then moves the weights in the long run as far as in a run without noise
            group["lr"] *= friction / (1 if adam else 1 - run.momentum)
        return SGHMC(
            groups, 0.0, rows, friction, temperature, 0.0, preconditioned=adam, burn_in=adapting, seed=run.seed
        )

    def schedule(step: int, total: int, warmup: int) -> float:
        return sampling_factor(step, total, cycles, burnt_in(total), warmup)

    def collect(finished: int, total: int) -> bool:
        return keeps_sample(finished, total, samples, cycles, burnt_in(total))

    def posterior(context: Context) -> Posterior:
        from tailtune.bayes.ensembles import ensemble

        return ensemble(context.collected)

    return Method("sghmc", (Stage(base=base, schedule=schedule, collect=collect),), posterior=posterior)
