"""Fitting a `Recalibration` on held-out rows: temperature, prior strength, class biases, vector scaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.decision.grouped_rows import standard_error, unit_folds, units_of
from tailtune.decision.recalibration import Recalibration
from tailtune.profile import Floats

Indices = NDArray[np.int64]
Form = Literal["none", "temperature", "strength", "bias", "vector"]

FOLDS = 5
ROWS_A_CLASS = 10  # of a class, at least, before it is given a parameter of its own
ROWS_TO_MOVE = 5  # of a class, at least, before a loss at another balance than theirs is believed
RIDGE = 1.0  # on log scales and biases, in rows: keeps a class of few rows near the others, and fades with more
WIDEST = 5.0  # of a log scale
# standard errors by which a form must be ahead; with a parameter a class there is more to lose than to win by chance
SURE: dict[Form, float] = {"temperature": 1.0, "strength": 2.0, "bias": 2.0, "vector": 2.0}


@dataclass(frozen=True)
class Calibrated:
    """What calibration found.

    Attributes:
        recalibration: the fitted one.
        form: what was fitted: nothing, a temperature, a temperature and the strength tau of the prior correction, a
            temperature and a bias a class, or a scale and a bias a class.
        rows: held-out rows.
        losses: cross-fitted log loss at the balance in use, by form; forms that the rows do not support are missing.
    """

    recalibration: Recalibration
    form: Form
    rows: int
    losses: dict[Form, float]


def calibrate(
    start: Recalibration,
    probabilities: Floats,
    targets: Indices,
    seed: int = 0,
    groups: NDArray[np.str_] | None = None,
    weights: Floats | None = None,
) -> Calibrated:
    """Choose how to calibrate by cross-fitting, and fit it on all held-out rows.

    Rows are weighted by q_y / f_y, f being the class frequencies of the held-out rows, so that the loss is that of the
    balance in use. A form with more parameters is taken only where its cross-fitted loss is lower by more than two
    standard errors of the difference (a temperature: by more than one), and parameters of single classes only where
    every class has 10 rows. Nothing is fitted at another balance than that of the held-out rows where a class has
    fewer than 5 of them: its weight would rest on chance, and the other classes would speak for it.

    Args:
        start: the balances; its scale, bias and tau are replaced.
        probabilities: of rows that the model was not trained on [N, K].
        targets: their class indices [N], drawn as the training rows were.
        seed: of the folds.
        groups: what each row belongs to [N]: rows of a group are in one fold, and standard errors are of groups.
        weights: of each row [N], where they do not count alike.
    """
    weights = importance(targets, start.deployment, weights)
    forms = _forms(start, targets)
    units = units_of(len(targets), groups)
    fold = unit_folds(targets, units, FOLDS, seed)
    parts = [fold == k for k in np.unique(fold)]
    if len(parts) == 1:  # of one group nothing can be left out to judge by
        forms = []
    rows: dict[Form, Floats] = {"none": row_losses(start, probabilities, targets)}
    for form in forms:
        rows[form] = np.empty(len(targets))
        for held_out in parts:
            kept = ~held_out
            fitted = _fit(form, start, probabilities[kept], targets[kept], weights[kept])
            rows[form][held_out] = row_losses(fitted, probabilities[held_out], targets[held_out])
    chosen: Form = "none"
    for form in forms:
        gain = weights * (rows[chosen] - rows[form])
        if gain.mean() > SURE[form] * standard_error(gain, units):
            chosen = form
    fitted = start if chosen == "none" else _fit(chosen, start, probabilities, targets, weights)
    losses = {form: float((weights * each).mean()) for form, each in rows.items()}
    return Calibrated(fitted, chosen, len(targets), losses)


def row_losses(recalibration: Recalibration, probabilities: Floats, targets: Indices) -> Floats:
    """Return the log loss of each row [N] at the balance in use, in nats."""
    found = recalibration(probabilities)[np.arange(len(targets)), targets]
    return np.asarray(-np.log(np.maximum(found, np.finfo(np.float64).eps)))


def importance(targets: Indices, deployment: Floats, own: Floats | None = None) -> Floats:
    """Return weights [N] of mean 1 with which rows stand for the balance in use: q_y over the frequency of y here.

    Args:
        targets: class indices [N].
        deployment: class balance q in use [K]; classes without rows are left out of it.
        own: weight of each row [N]; None where all count alike.
    """
    counts = np.bincount(targets, own, minlength=len(deployment))
    weights = (deployment / np.where(counts > 0, counts, 1))[targets]
    weights = weights if own is None else weights * own
    return np.asarray(weights / weights.mean())


def _forms(start: Recalibration, targets: Indices) -> list[Form]:
    forms: list[Form] = ["temperature"]
    fewest = np.bincount(targets, minlength=len(start.train)).min()
    if not np.allclose(start.deployment, start.train):
        if fewest < ROWS_TO_MOVE:
            return []
        forms.append("strength")
    return [*forms, "bias", "vector"] if fewest >= ROWS_A_CLASS else forms


def _fit(form: Form, start: Recalibration, probabilities: Floats, targets: Indices, weights: Floats) -> Recalibration:
    """Minimise the weighted log loss over the parameters of `form`; their gradient is that of a softmax regression.

    What the loss takes from the aims is linear in scales and offsets and the same at every step, so that a step costs
    one softmax. Classes come first in memory, where sums over few of them take a fraction of the time.
    """
    from scipy.optimize import minimize

    k, n = len(start.train), len(targets)
    parameters, shares = _PARAMETERS[form], weights / n
    plain = np.ascontiguousarray(replace(start, scale=np.ones(k), bias=np.zeros(k)).at_train(probabilities).T)
    taken_off, there = np.log(start.train), np.log(start.deployment)
    ridge = RIDGE * (weights**2).mean() / n if form in ("bias", "vector") else 0.0  # unequal weights are fewer rows
    aims = _aims(targets, k).T * shares
    aimed, aimed_plain = aims.sum(axis=1), np.einsum("kn,kn->k", aims, plain)

    def loss(values: Floats) -> tuple[float, Floats]:
        fitted = parameters.apply(start, values)
        offset = fitted.bias + there - fitted.tau * taken_off
        found = fitted.scale[:, None] * plain + offset[:, None]
        top = found.max(axis=0)
        found = np.exp(found - top, out=found)
        total = found.sum(axis=0)
        value = shares @ (np.log(total) + top) - fitted.scale @ aimed_plain - offset @ aimed
        found *= shares / total
        bias = found.sum(axis=1) - aimed
        slope = parameters.slope(fitted, np.einsum("kn,kn->k", found, plain) - aimed_plain, bias, -bias @ taken_off)
        return float(value + ridge * (values**2).sum()), slope + 2 * ridge * values

    size = parameters.size(k)
    found = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B", bounds=[(-WIDEST, WIDEST)] * size)
    return parameters.apply(start, found.x)


def _aims(targets: Indices, num_classes: int) -> Floats:
    """Targets [N, K] that leave room for doubt: (n_y + 1) / (n_y + 2) for the row's own class y of n_y rows.

    Few rows that are all told apart would otherwise call for ever surer probabilities (Platt 1999, "Probabilistic
    Outputs for Support Vector Machines", Section 2.2).
    """
    rows = np.bincount(targets, minlength=num_classes)[targets]
    doubt = 1 / (rows + 2)
    aims = np.repeat(doubt[:, None] / (num_classes - 1), num_classes, axis=1)
    aims[np.arange(len(targets)), targets] = 1 - doubt
    return aims


@dataclass(frozen=True)
class _Parameters:
    """The parameters of a form, all 0 where nothing is changed.

    Attributes:
        size: K -> how many there are.
        apply: puts them into a recalibration.
        slope: the gradient of the loss in them from that in the scales [K], in the biases [K] and in tau.
    """

    size: Callable[[int], int]
    apply: Callable[[Recalibration, Floats], Recalibration]
    slope: Callable[[Recalibration, Floats, Floats, float], Floats]


def _scaled(start: Recalibration, log_scale: float) -> Recalibration:
    return replace(start, scale=np.full(len(start.train), np.exp(log_scale)))


_PARAMETERS: dict[Form, _Parameters] = {
    "temperature": _Parameters(
        lambda k: 1,
        lambda start, values: _scaled(start, values[0]),
        lambda fitted, scale, bias, tau: np.array([(scale * fitted.scale).sum()]),
    ),
    "strength": _Parameters(
        lambda k: 2,
        lambda start, values: replace(_scaled(start, values[0]), tau=1.0 + float(values[1])),
        lambda fitted, scale, bias, tau: np.array([(scale * fitted.scale).sum(), tau]),
    ),
    "bias": _Parameters(
        lambda k: 1 + k,
        lambda start, values: replace(_scaled(start, values[0]), bias=values[1:]),
        lambda fitted, scale, bias, tau: np.append((scale * fitted.scale).sum(), bias),
    ),
    "vector": _Parameters(
        lambda k: 2 * k,
        lambda start, values: replace(start, scale=np.exp(values[: len(values) // 2]), bias=values[len(values) // 2 :]),
        lambda fitted, scale, bias, tau: np.append(scale * fitted.scale, bias),
    ),
}
