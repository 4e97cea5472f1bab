"""Diagonal Laplace of all weights: predictions averaged over networks drawn around the trained one (MacKay 1992)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailtune.methods.method import Context, Method, Stage
from tailtune.profile import ClassProfile

if TYPE_CHECKING:
    from tailtune.bayes.diagonal_laplace import Fisher
    from tailtune.bayes.posterior import Posterior


def laplace_diagonal(profile: ClassProfile, *, fisher: Fisher = "sampled", samples: int = 30) -> Method:
    """Train plainly, then draw `samples` networks from independent Gaussians; `profile` plays no part."""

    def posterior(context: Context) -> Posterior:
        from tailtune.bayes.diagonal_laplace import diagonal_laplace
        from tailtune.bayes.rows import Labelled

        val = None if context.val is None else Labelled(context.val)
        return diagonal_laplace(
            context.model,
            Labelled(context.train),
            val,
            fisher=fisher,
            samples=samples,
            seed=context.seed,
            autocast=context.autocast,
        )

    return Method("laplace_diagonal", (Stage(),), posterior=posterior)
