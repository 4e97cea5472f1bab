"""Logit adjustment after training: the log class priors are taken from the logits at prediction (Menon et al. 2021)."""

from __future__ import annotations

from tailtune.methods.method import Method
from tailtune.methods.search import Space, Uniform
from tailtune.profile import ClassProfile

SEARCH: Space = {"tau": Uniform(0.25, 2.0)}


def post_hoc_logit_adjustment(profile: ClassProfile, *, tau: float = 1.0) -> Method:
    """Train on cross-entropy; predict from x - tau log pi."""
    from tailtune.decision.decision import prior_correction

    return Method("post_hoc_logit_adjustment", decision=prior_correction(tau), balances=True)
