"""`Recalibration`: a model's probabilities, calibrated and moved to the balance of the classes in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailtune.decision.deployment import train_balance
from tailtune.profile import ClassProfile, Floats

SMALLEST = 1e-30  # probabilities are no smaller than this before their logarithm is taken


@dataclass(frozen=True, eq=False)
class Recalibration:
    """Probabilities p [N, K] of a model, calibrated and moved to another class balance.

    They become

        log p'_k = a_k (log p_k + log pi_k - log rho_k) + b_k + log q_k - tau log pi_k + constant.

    The first bracket gives the model's probabilities the balance of the training rows, the scale and the bias
    calibrate them there (temperature, vector scaling: Guo et al. 2017, "On Calibration of Modern Neural Networks"),
    and the last two terms take them from there to the balance in use (Saerens et al. 2002; with tau other than 1, Menon
    et al. 2021, "Long-Tail Learning via Logit Adjustment").

    Attributes:
        implied: class balance rho [K] that the model was trained under, which a sampler or class weights change.
        train: class balance pi [K] of the training rows.
        deployment: class balance q [K] in use.
        scale: a [K]; all equal to 1 / T for a temperature T.
        bias: b [K].
        tau: strength of the correction of the training balance.
        follows: whether the balance in use is that of the training rows, whichever they are.
    """

    implied: Floats
    train: Floats
    deployment: Floats
    scale: Floats
    bias: Floats
    tau: float = 1.0
    follows: bool = False

    def __call__(self, probabilities: Floats) -> Floats:
        """Return probabilities [N, K] in the balance in use."""
        logits = self.at_train(probabilities) + np.log(self.deployment) - self.tau * np.log(self.train)
        return softmax(logits)

    def at_train(self, probabilities: Floats) -> Floats:
        """Return calibrated logits [N, K] in the balance of the training rows."""
        logits = log_of(probabilities) + np.log(self.train) - np.log(self.implied)
        return np.asarray(self.scale * logits + self.bias)

    def towards(self, deployment: Floats) -> Recalibration:
        """Return the same calibration for another balance in use [K]."""
        return replace(self, deployment=deployment, follows=False)

    def trained_on(self, profile: ClassProfile) -> Recalibration:
        """Return the same calibration for a model that was trained on the rows of `profile`."""
        train = train_balance(profile)
        implied = self.implied / self.train * train
        deployment = train if self.follows else self.deployment
        return replace(self, implied=implied / implied.sum(), train=train, deployment=deployment)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return two settings, and the balances and parameters; `recalibration_from_state` is the inverse."""
        names = ("implied", "train", "deployment", "scale", "bias")
        settings = {"tau": self.tau, "follows": self.follows}
        return settings, {name: getattr(self, name) for name in names}

    @property
    def plain(self) -> bool:
        """Whether it leaves probabilities as they are."""
        same = np.allclose(self.implied, self.train) and np.allclose(self.deployment, self.train) and self.tau == 1
        return same and bool(np.all(self.scale == 1) and np.all(self.bias == 0))


def unfitted(
    implied: Floats, profile: ClassProfile, deployment: Floats | None = None, tau: float = 1.0
) -> Recalibration:
    """Return the recalibration that needs no held-out rows: no calibration, and the training balance taken off.

    Args:
        implied: class balance [K] that the model was trained under.
        profile: of the training rows.
        deployment: class balance in use [K]; None for that of the training rows.
        tau: strength of the correction.

    >>> undo = unfitted(np.array([0.5, 0.5]), ClassProfile((90, 10)))
    >>> undo(np.array([[0.5, 0.5]])).round(3).tolist()
    [[0.9, 0.1]]
    """
    train, ones = train_balance(profile), np.ones(profile.num_classes)
    return Recalibration(
        implied, train, train if deployment is None else deployment, ones, 0 * ones, tau, follows=deployment is None
    )


def recalibration_from_state(settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Recalibration:
    """Restore a recalibration from what its `state` returned."""
    held = {name: np.asarray(arrays[name]) for name in ("implied", "train", "deployment", "scale", "bias")}
    return Recalibration(**held, tau=float(settings["tau"]), follows=bool(settings["follows"]))


def log_of(probabilities: Floats) -> Floats:
    """Return log probabilities, of none smaller than 1e-30."""
    return np.asarray(np.log(np.maximum(probabilities, SMALLEST)))


def softmax(logits: Floats) -> Floats:
    """Return probabilities of logits [N, K]."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
