"""Last-layer Laplace: predictions averaged over classifiers drawn around the trained one (Daxberger et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailtune.methods.method import Context, Method, Stage
from tailtune.profile import ClassProfile

if TYPE_CHECKING:
    from tailtune.bayes.last_layer_laplace import Structure, WithoutVal
    from tailtune.bayes.posterior import Posterior


def laplace(
    profile: ClassProfile,
    *,
    structure: Structure = "kron",
    samples: int = 30,
    without_val: WithoutVal = "predictive",
) -> Method:
    """Train plainly, then draw `samples` heads from a Gaussian posterior; `profile` plays no part."""

    def posterior(context: Context) -> Posterior:
        from tailtune.bayes.last_layer_laplace import last_layer_laplace
        from tailtune.bayes.rows import Labelled

        val = None if context.val is None else Labelled(context.val)
        return last_layer_laplace(
            context.model,
            Labelled(context.train),
            val,
            structure=structure,
            samples=samples,
            without_val=without_val,
            seed=context.seed,
        )

    return Method("laplace", (Stage(head="linear"),), posterior=posterior)
