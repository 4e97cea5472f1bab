"""Logit adjustment in training: the log class priors are added to the logits in the loss (Menon et al. 2021)."""

from __future__ import annotations

from tailtune.decision.deployment import train_balance
from tailtune.methods.method import Method, Stage
from tailtune.methods.search import Space, Uniform
from tailtune.profile import ClassProfile

SEARCH: Space = {"tau": Uniform(0.25, 2.0)}


def logit_adjustment(profile: ClassProfile, *, tau: float = 1.0) -> Method:
    """Train on CE(x + tau log pi); predict from x."""
    from tailtune.losses.logit_adjusted import LogitAdjustedLoss

    stages = (Stage(loss=LogitAdjustedLoss(profile.counts, tau)),)
    return Method("logit_adjustment", stages, balances=True, implied=train_balance(profile) ** (1 - tau))
