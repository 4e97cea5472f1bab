"""`weighted_classes`: any method with the weights that a person gives the classes on top of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tailtune.errors import TailtuneError
from tailtune.methods.method import Method, Stage
from tailtune.profile import ClassProfile, Floats


def weighted_classes(method: Method, weights: tuple[float, ...] | None, profile: ClassProfile) -> Method:
    """Return `method` with the loss of each row times the weight of its class.

    Args:
        method: which does not make up for unequal class frequencies itself.
        weights: of the classes [K], of which only ratios matter: they are scaled to mean 1 over the rows. None changes
            nothing.
        profile: class distribution of the training rows.

    Raises:
        TailtuneError: a method that makes up for unequal class frequencies.

    >>> from tailtune.methods import erm
    >>> rows = ClassProfile((3, 1))
    >>> weighted_classes(erm(rows), (1.0, 5.0), rows).stages[0].class_weights(0.0).tolist()
    [0.5, 2.5]
    """
    if weights is None:
        return method
    if method.balances:
        raise TailtuneError(
            f"method {method.name!r} makes up for unequal class frequencies itself, so class_weight would do it twice; "
            "leave one of them out"
        )
    scaled = np.asarray(weights) / float(profile.priors @ np.asarray(weights))
    return replace(method, stages=tuple(_weighted(stage, scaled) for stage in method.stages))


def _weighted(stage: Stage, weights: Floats) -> Stage:
    own = stage.class_weights
    if own is None:
        return replace(stage, class_weights=lambda progress: weights)
    return replace(stage, class_weights=lambda progress: weights * np.asarray(own(progress)))
