"""Bias-corrected temperature scaling: probabilities mended by a temperature and a bias for each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tailtune.decision.checked_arrays import read_every_class, read_probabilities
from tailtune.decision.recalibration import softmax
from tailtune.errors import TailtuneError
from tailtune.profile import Floats, Indices

SMALLEST = 1e-12  # a probability below counts as this much where its logarithm is taken


@dataclass(frozen=True, eq=False)
class BiasCorrectedTemperature:
    """Calibrated probabilities softmax(log p / T + b).

    Attributes:
        temperature: T, above 1 for a model that was too sure.
        biases: b of each class [K], of mean 0.
    """

    temperature: float
    biases: Floats

    def __call__(self, probabilities: ArrayLike) -> Floats:
        """Return calibrated probabilities, float64 [N, K], for probabilities [N, K].

        Raises:
            TailtuneError: no probabilities, or another number of classes.
        """
        p = read_probabilities(probabilities)
        if p.shape[1] != len(self.biases):
            raise TailtuneError(f"the calibration is of {len(self.biases)} classes, however: {p.shape[1]} classes")
        return softmax(logs_of(p) / self.temperature + self.biases)


def bias_corrected_temperature(probabilities: ArrayLike, targets: ArrayLike) -> BiasCorrectedTemperature:
    """Fit a temperature and a bias for each class on labelled rows that the model was not trained on.

    Minimises the log loss of softmax(log p / T + b), which is convex in 1 / T and b. The biases make the calibrated
    probabilities right on average for each class: their mean over the rows is the classes' frequency there, whatever
    distribution the model was trained under (class weights, a balanced sampler, a logit-adjusted loss).

    Args:
        probabilities: of rows that the model was not trained on [N, K]; those below 1e-12 count as 1e-12.
        targets: their class indices [N], each class at least once.

    Raises:
        TailtuneError: what `tailtune.decision.checked_arrays` refuses, or a class without a row.

    Source: Alexandari, Kundaje & Shrikumar 2020, "Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at
    Label Shift Adaptation" (BCTS). T is kept between 0.02 and 50, and a ridge of 1e-6 on 1 / T - 1 and b makes the
    minimum unique.

    >>> calibrate = bias_corrected_temperature([[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 4, [0, 0, 0, 1, 1, 1, 1, 0])
    >>> calibrate([[0.9, 0.1]]).round(3).tolist()
    [[0.75, 0.25]]
    """
    p = read_probabilities(probabilities)
    y = read_every_class(targets, p.shape, ())
    return fit_weighted(logs_of(p), y, np.ones(len(y)), BiasCorrectedTemperature(1.0, np.zeros(p.shape[1])))


def fit_weighted(
    logs: Floats, y: Indices, weights: Floats, start: BiasCorrectedTemperature
) -> BiasCorrectedTemperature:
    """Minimise the weighted log loss of softmax(logs / T + b) in 1 / T and b, from `start` on.

    Args:
        logs: log probabilities [N, K], see `logs_of`.
        y: class indices [N].
        weights: of the rows [N].
        start: where to begin.
    """
    from scipy.optimize import minimize

    rows, shares = np.arange(len(y)), weights / weights.sum()
    true_logs = logs[rows, y]
    neutral = np.concatenate([[1.0], np.zeros(logs.shape[1])])

    def loss(parameters: Floats) -> tuple[float, Floats]:
        inverse, biases = parameters[0], parameters[1:]
        logits = logs * inverse + biases
        top = logits.max(axis=1)
        exps = np.exp(logits - top[:, None])
        sums = exps.sum(axis=1)
        away = parameters - neutral
        value = shares @ (np.log(sums) + top - inverse * true_logs - biases[y]) + 5e-7 * (away @ away)
        exps *= (shares / sums)[:, None]
        slope_biases = exps.sum(axis=0) - np.bincount(y, weights=shares, minlength=len(biases))
        slope_inverse = (exps * logs).sum() - shares @ true_logs
        return float(value), np.concatenate([[slope_inverse], slope_biases]) + 1e-6 * away

    first = np.concatenate([[1 / start.temperature], start.biases])
    bounds = [(0.02, 50.0)] + [(None, None)] * logs.shape[1]
    best = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-7}).x
    return BiasCorrectedTemperature(float(1 / best[0]), np.asarray(best[1:] - best[1:].mean()))


def logs_of(p: Floats) -> Floats:
    """Return log probabilities [N, K], of none smaller than 1e-12."""
    return np.asarray(np.log(np.maximum(p, SMALLEST)))
