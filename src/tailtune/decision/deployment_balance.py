"""How frequent the classes are among rows without labels, from a model's probabilities for them.

All of it takes label shift for granted: the rows of one class look alike in training and in use, p(x | y), and only the
class frequencies p(y) differ. `tailtune.decision.prior_shift` then moves the decisions to the frequencies found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tailtune.decision.bias_corrected_temperature import (
    BiasCorrectedTemperature,
    bias_corrected_temperature,
    fit_weighted,
    logs_of,
)
from tailtune.decision.checked_arrays import read_every_class, read_names, read_probabilities
from tailtune.decision.recalibration import softmax
from tailtune.errors import TailtuneError
from tailtune.profile import Floats, Indices
from tailtune.words import listed, quoted

RESAMPLES = 200
FEW_ROWS = 10  # validation rows of a class under which resampling them says little of how they scatter
GAP = 1e-3  # of the log likelihood of all rows, where half a one is about one standard error
STEPS = 1000


@dataclass(frozen=True, eq=False)
class Balance:
    """Class frequencies of unlabelled rows.

    Attributes:
        frequencies: estimated share of each class [K], sums to 1.
        interval: lower and upper end of a 95 % interval for each class [K, 2]: percentiles over resampled rows, taken
            class by class; [frequency, frequency] without resamples.
        method: what estimated them, in words.
        rows: number of unlabelled rows N.
        note: why the estimate is doubtful, in words; empty where nothing was noticed.
    """

    frequencies: Floats
    interval: Floats
    method: str
    rows: int
    note: str = ""


def expectation_maximisation(
    probabilities: ArrayLike, train_priors: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0
) -> Balance:
    """Estimate the class frequencies q of unlabelled rows from calibrated probabilities by maximum likelihood.

    q maximises the mean of log sum_k q_k p_ik / pi_k, which is concave. Each step of expectation-maximisation replaces
    q_k by the mean over the rows of q_k p_ik / pi_k, normalised over the classes. Where a Newton step raises the
    likelihood by more than that is sure to, it is taken instead, because expectation-maximisation is slow where classes
    overlap. The steps end where concavity proves that the log likelihood of all rows together is within 1e-3 of its
    maximum.

    The interval holds the chance of which rows were drawn alone, so it is too narrow where the probabilities are not
    calibrated; with labelled rows at hand, use `calibrated_expectation_maximisation`.

    Args:
        probabilities: p(k | x) of the unlabelled rows under the training frequencies [N, K], calibrated.
        train_priors: how frequent the classes are in the distribution that the probabilities are right for [K], more
            than 0 each, on any scale.
        resamples: bootstrap draws for the interval; 0 for none.
        seed: of the draws.

    Raises:
        TailtuneError: probabilities that are none, priors that do not fit them or are not more than 0.

    Source: Saerens, Latinne & Decaestecker 2002, "Adjusting the Outputs of a Classifier to New a Priori
    Probabilities", Equation 2.9.

    >>> expectation_maximisation([[0.99, 0.01]] * 3 + [[0.01, 0.99]], (1, 1)).frequencies.round(2).tolist()
    [0.76, 0.24]
    """
    p = read_probabilities(probabilities)
    priors = np.asarray(train_priors, dtype=np.float64)
    if priors.shape != p.shape[1:] or not (np.isfinite(priors).all() and priors.min() > 0):
        raise TailtuneError(
            f"{p.shape[1]} classes need as many train priors of more than 0, however: {priors.tolist()}"
        )
    priors = priors / priors.sum()
    ratios = p / priors
    found, converged = _most_likely(ratios, np.ones(len(p)), priors)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        times = _drawn_again(rng, len(p))
        draws.append(_most_likely(ratios[times > 0], times[times > 0], found)[0])
    return Balance(found, _interval(found, draws), "expectation-maximisation", len(p), _unfinished(converged))


def calibrated_expectation_maximisation(
    validation_probabilities: ArrayLike,
    validation_targets: ArrayLike,
    probabilities: ArrayLike,
    *,
    names: Sequence[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Balance:
    """Calibrate on labelled rows, then estimate the class frequencies of unlabelled rows by maximum likelihood.

    `bias_corrected_temperature` followed by `expectation_maximisation` with the validation rows' class frequencies as
    priors, because those are what the calibrated probabilities are right for. Each resample draws the unlabelled rows
    anew and the validation rows anew within each class, and fits the calibration again.

    Args:
        validation_probabilities: of labelled rows that the model was not trained on [M, K].
        validation_targets: their class indices [M], each class at least once.
        probabilities: of the unlabelled rows, from the same model [N, K].
        names: of the classes [K], for the note; their indices by default.
        resamples: bootstrap draws for the interval; 0 for none.
        seed: of the draws.

    Raises:
        TailtuneError: what `tailtune.decision.checked_arrays` refuses, or a class without a validation row.

    Source: Alexandari, Kundaje & Shrikumar 2020, and as for `expectation_maximisation`.
    """
    validation, y, p, known = _both(validation_probabilities, validation_targets, probabilities, names)
    logs, validation_logs = logs_of(p), logs_of(validation)
    counts = np.bincount(y).astype(np.float64)
    priors = counts / counts.sum()

    def ratios(calibrate: BiasCorrectedTemperature, logs: Floats) -> Floats:
        return np.asarray(softmax(logs / calibrate.temperature + calibrate.biases) / priors)

    calibrate = bias_corrected_temperature(validation, y)
    found, converged = _most_likely(ratios(calibrate, logs), np.ones(len(p)), priors)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        again = fit_weighted(validation_logs, y, _drawn_again_in_each_class(rng, y), calibrate)
        times = _drawn_again(rng, len(p))
        drawn = times > 0  # two thirds of the rows, and so of the time
        draws.append(_most_likely(ratios(again, logs[drawn]), times[drawn], found)[0])
    notes = (_unfinished(converged), _few_rows(counts, known))
    method = "expectation-maximisation after bias-corrected temperature scaling"
    return Balance(found, _interval(found, draws), method, len(p), " ".join(filter(None, notes)))


def black_box_shift(
    validation_probabilities: ArrayLike,
    validation_targets: ArrayLike,
    probabilities: ArrayLike,
    *,
    soft: bool = True,
    names: Sequence[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Balance:
    """Estimate the class frequencies of unlabelled rows through the confusion matrix, calibrated or not.

    With C_jk the mean output for class j over the validation rows of class k and mu_j that over the unlabelled rows,
    label shift means mu = C q. q is the non-negative least-squares solution, scaled to a sum of 1. Nothing is asked of
    the model but a confusion matrix that can be inverted. Each resample draws the unlabelled rows anew and the
    validation rows anew within each class.

    Args:
        validation_probabilities: of labelled rows that the model was not trained on [M, K].
        validation_targets: their class indices [M], each class at least once.
        probabilities: of the unlabelled rows, from the same model [N, K].
        soft: take the probabilities as outputs; False takes 1 for the most probable class and 0 for the others.
        names: of the classes [K], for the note; their indices by default.
        resamples: bootstrap draws for the interval; 0 for none.
        seed: of the draws.

    Raises:
        TailtuneError: what `tailtune.decision.checked_arrays` refuses, a class without a validation row, or a confusion
            matrix that cannot be inverted, as where a class is never the most probable one.

    Source: Lipton, Wang & Smola 2018, "Detecting and Correcting for Label Shift with Black Box Predictors" (BBSE).

    >>> validation, targets = [[0.8, 0.2]] * 5 + [[0.2, 0.8]] * 5, [0] * 5 + [1] * 5
    >>> black_box_shift(validation, targets, [[0.8, 0.2]] * 3 + [[0.2, 0.8]], resamples=0).frequencies.round(6).tolist()
    [0.75, 0.25]
    """
    validation, y, p, known = _both(validation_probabilities, validation_targets, probabilities, names)
    classes = p.shape[1]
    if not soft:
        validation, p = np.eye(classes)[validation.argmax(axis=1)], np.eye(classes)[p.argmax(axis=1)]
    counts = np.bincount(y).astype(np.float64)
    members = np.eye(classes)[y] / counts[y, None]  # [M, K], each column sums to 1
    confusion, mean = validation.T @ members, p.mean(axis=0)
    smallest = float(np.linalg.svd(confusion, compute_uv=False)[-1])
    if smallest < 1e-9:
        never = [quoted(name) for name, most in zip(known, confusion.max(axis=1), strict=True) if most == 0]
        reason = f": class {listed(never)} is never the most probable" if never else ""
        raise TailtuneError(
            f"the validation rows' confusion matrix cannot be inverted{reason}; "
            f"{'use a model that tells the classes apart' if soft else 'use soft=True'}"
        )
    found = _on_simplex(confusion, mean)
    rng = np.random.default_rng(seed)
    draws, moves = [], []
    for _ in range(resamples):
        again = (validation * _drawn_again_in_each_class(rng, y)[:, None]).T @ members
        moves.append(np.linalg.norm(again - confusion, ord=2))
        draws.append(_on_simplex(again, _drawn_again(rng, len(p)) @ p / len(p)))
    notes = [_few_rows(counts, known)]
    if moves and smallest <= (move := float(np.median(moves))):
        notes.insert(
            0,
            f"The confusion matrix can hardly be told from one that cannot be inverted: its smallest singular value is "
            f"{smallest:.2g}, and other validation rows would move it by {move:.2g}.",
        )
    method = f"black box shift estimation with {'soft' if soft else 'hard'} outputs"
    return Balance(found, _interval(found, draws), method, len(p), " ".join(filter(None, notes)))


def _both(
    validation_probabilities: ArrayLike, validation_targets: ArrayLike, probabilities: ArrayLike, names: Sequence[str]
) -> tuple[Floats, Indices, Floats, tuple[str, ...]]:
    """Labelled and unlabelled rows of the same classes, and the classes' names.

    Raises:
        TailtuneError: other classes in one than in the other, or a class without a validation row.
    """
    validation, p = read_probabilities(validation_probabilities), read_probabilities(probabilities)
    if validation.shape[1] != p.shape[1]:
        raise TailtuneError(
            f"validation rows and unlabelled rows must be of the same classes, however: {validation.shape[1]} classes "
            f"and {p.shape[1]}"
        )
    known = read_names(names, p.shape[1])
    return validation, read_every_class(validation_targets, validation.shape, known), p, known


def _most_likely(ratios: Floats, times: Floats, start: Floats) -> tuple[Floats, bool]:
    """Frequencies q [K] that maximise the mean of log(ratios @ q), and whether that is proven.

    Each step is Newton's, unless that raises the likelihood by less than expectation-maximisation is sure to, which is
    the divergence of its step from q. For any q, concavity bounds how far the mean log likelihood is from its maximum
    by max_k g_k - 1, where g is its gradient: the maximum lies at most g . (q* - q) higher, g . q = 1, and q* is on the
    simplex.

    Args:
        ratios: of rows [N, K].
        times: how often each row counts, 1 or more [N].
        start: where to begin [K].
    """
    rows, classes = times.sum(), ratios.shape[1]
    shares = times / rows
    q = (rows * start + 1) / (rows + classes)  # off the edges, which expectation-maximisation never leaves
    mixed = ratios @ q
    for _ in range(STEPS):
        scaled = ratios / mixed[:, None]
        gradient = shares @ scaled
        if (gradient.max() - 1) * rows <= GAP:
            return q, True
        expected = q * gradient
        sure = float(expected @ np.log(np.maximum(gradient, 1e-300)))  # the gradient is how much larger each share gets
        newton = _newton((scaled * shares[:, None]).T @ scaled, gradient)
        if newton is not None:
            step = ratios @ newton
            with np.errstate(divide="ignore"):  # a class that alone explains a row cannot be left out
                raised = float(shares @ np.log(step / mixed))
            if raised >= sure - 1e-12:  # what rounding may take
                q, mixed = newton, step
                continue
        q, mixed = expected, ratios @ expected
    return q, False


def _newton(curvature: Floats, gradient: Floats) -> Floats | None:
    """The maximum of the quadratic model of the log likelihood [K]; None where it has none.

    The likelihood less sum(q) has its maximum over all q >= 0 where sum(q) is 1, which leaves non-negative least
    squares. There the curvature times the q it was taken at is the gradient.
    """
    from scipy.optimize import nnls

    root = np.linalg.cholesky(curvature + 1e-10 * np.trace(curvature) * np.eye(len(curvature)))
    q = nnls(root.T, np.linalg.solve(root, 2 * gradient - 1))[0]
    return np.asarray(q / q.sum()) if q.sum() > 0 else None


def _on_simplex(confusion: Floats, mean: Floats) -> Floats:
    """Frequencies q [K] with confusion @ q closest to `mean`."""
    from scipy.optimize import nnls

    q = nnls(confusion, mean)[0]
    return np.asarray(q / q.sum())


def _drawn_again(rng: np.random.Generator, rows: int) -> Floats:
    """How often each of `rows` rows comes up in as many draws with replacement [N]."""
    return np.bincount(rng.integers(rows, size=rows), minlength=rows).astype(np.float64)


def _drawn_again_in_each_class(rng: np.random.Generator, y: Indices) -> Floats:
    """How often each row comes up where those of each class are drawn again among themselves [M].

    Only the rows' looks given their class matter under label shift, and no class can get lost.
    """
    times: Floats = np.empty(len(y))
    for k in range(y.max() + 1):
        of_class = np.flatnonzero(y == k)
        times[of_class] = _drawn_again(rng, len(of_class))
    return times


def _interval(found: Floats, draws: Sequence[Floats]) -> Floats:
    """95 % percentile interval of each class that holds the estimate [K, 2]."""
    ends: Iterator[Floats] = iter(np.percentile([*draws] or [found], (2.5, 97.5), axis=0))
    return np.stack([np.minimum(next(ends), found), np.maximum(next(ends), found)], axis=1)


def _unfinished(converged: bool) -> str:
    return "" if converged else f"Expectation-maximisation has not converged after {STEPS} steps."


def _few_rows(counts: Floats, names: Sequence[str]) -> str:
    few = [f"{quoted(name)} ({rows:.0f})" for name, rows in zip(names, counts, strict=True) if rows < FEW_ROWS]
    if not few:
        return ""
    return f"Fewer than {FEW_ROWS} validation rows of {listed(few)}: the intervals are too narrow for it."
