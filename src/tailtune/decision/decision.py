"""`Decision`: what is made of a finished model's probabilities, fitted after training and saved with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tailtune.decision.prior_shift import prior_shift, shift_probabilities
from tailtune.errors import TailtuneError
from tailtune.profile import ClassProfile, Floats

Indices = NDArray[np.int64]


class Decision(Protocol):
    """Maps class probabilities [N, K] to those that answers are read from."""

    def __call__(self, probabilities: Floats) -> Floats:
        """Return probabilities [N, K]."""
        ...

    def trained_on(self, profile: ClassProfile) -> Decision:
        """Return the same decision for a model that was trained on rows of another class distribution.

        What was found on held-out rows stays; what follows from the training rows is taken from `profile`.
        """
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return settings ready for JSON, among them "kind", and named arrays; `from_state` is the inverse."""
        ...


class FitDecision(Protocol):
    """Fits a decision on held-out rows."""

    def __call__(self, probabilities: Floats | None, targets: Indices | None, profile: ClassProfile) -> Decision:
        """Return the decision.

        Args:
            probabilities: of rows that the model was not trained on [N, K]; None where there are none, and then the
                decision has the values that it would have without looking.
            targets: their class indices [N], or None.
            profile: class distribution of the rows that the model was trained on.
        """
        ...


@dataclass(frozen=True, eq=False)
class PriorCorrection:
    """Probabilities where the classes are as frequent as in use: p_k q_k / pi_k^tau, normalised.

    Attributes:
        offsets: log q_k - tau log pi_k [K], see `tailtune.decision.prior_shift.prior_shift`.
        tau: strength of the correction of the training priors pi.
        deployment: class frequencies q in use [K]; None for equal ones.
    """

    offsets: Floats
    tau: float
    deployment: Floats | None = None

    def __call__(self, probabilities: Floats) -> Floats:
        """Return the corrected probabilities [N, K]."""
        return shift_probabilities(probabilities, self.offsets)

    def trained_on(self, profile: ClassProfile) -> PriorCorrection:
        """Return the correction with the same tau and deployment for the priors of `profile`."""
        return PriorCorrection(prior_shift(profile.counts, self.deployment, self.tau), self.tau, self.deployment)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return tau, and the offsets and deployment frequencies."""
        arrays = {"offsets": self.offsets}
        if self.deployment is not None:
            arrays["deployment"] = self.deployment
        return {"kind": "prior", "tau": self.tau}, arrays


def prior_correction(tau: float = 1.0, deployment: Floats | None = None) -> FitDecision:
    """Return what fits a `PriorCorrection`; there is nothing to find on held-out rows.

    Args:
        tau: strength, 0 or more.
        deployment: class frequencies in use [K], on any scale; None for equal ones.

    >>> fit = prior_correction()
    >>> fit(None, None, ClassProfile((75, 25)))(np.array([[0.75, 0.25]])).round(6).tolist()
    [[0.5, 0.5]]
    """

    def fit(probabilities: Floats | None, targets: Indices | None, profile: ClassProfile) -> PriorCorrection:
        return PriorCorrection(prior_shift(profile.counts, deployment, tau), tau, deployment)

    return fit


def from_state(settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Decision:
    """Restore a decision from what its `state` returned.

    Raises:
        TailtuneError: a kind of decision that this version does not know.
    """
    if settings.get("kind") != "prior":
        raise TailtuneError(f"the model's decision is of an unknown kind, {settings.get('kind')!r}; use its version")
    return PriorCorrection(np.asarray(arrays["offsets"]), float(settings["tau"]), arrays.get("deployment"))
