"""`implied_balance`: the class balance that a method's probabilities belong to, so that it can be undone."""

from __future__ import annotations

import numpy as np

from tailtune.decision.deployment import train_balance
from tailtune.methods.method import Method
from tailtune.profile import ClassProfile, Floats


def implied_balance(method: Method, profile: ClassProfile) -> Floats:
    """Return the class balance rho [K] under which a network of `method` estimates p(k | x).

    Cross-entropy over rows that are drawn, or weighed, by class estimates the probabilities of rows in these
    proportions: rho_k is the share of class k in what the last stage draws, times its class weight. A method that makes
    up for unequal classes in another way stands for equal ones; all others for the training rows.

    Args:
        method: the method.
        profile: class distribution of the training rows.

    Returns:
        Frequencies that sum to 1.

    >>> from tailtune.methods import balanced_sampling, erm
    >>> rows = ClassProfile((90, 10))
    >>> [implied_balance(method(rows), rows).tolist() for method in (erm, balanced_sampling)]
    [[0.9, 0.1], [0.5, 0.5]]
    """
    train, stage = train_balance(profile), method.stages[-1]
    if method.implied is not None:
        found = method.implied
    elif method.decision is not None:
        found = method.decision(None, None, profile)(train[None])[0]
    elif stage.sampler is not None or stage.class_weights is not None:
        found = train if stage.sampler is None else stage.sampler.probabilities(profile.counts, 1.0)
        found = found if stage.class_weights is None else found * np.asarray(stage.class_weights(1.0))
    else:
        found = np.ones(len(train)) if method.balances else train
    found = np.maximum(np.asarray(found, dtype=np.float64), 1e-12)
    return np.asarray(found / found.sum())
