"""Class weights whose answers have a high macro F1, from calibrated probabilities of held-out rows."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from tailtune.decision.answers import best_weights
from tailtune.profile import Floats

Indices = NDArray[np.int64]

POWERS = np.linspace(0.0, 1.0, 11)
MANY_CLASSES = 50  # beyond, a search class by class would take minutes and the rows a class would be few


def expected_macro_f1(probabilities: Floats, answers: Indices, weights: Floats) -> float:
    """Return the macro F1 that the probabilities themselves expect of some answers.

    F1_k = 2 E[hits_k] / (E[rows_k] + answers_k), with E[hits_k] the summed probability of class k over the rows that
    are answered k, E[rows_k] that over all rows, and every row weighted. It needs no targets, so that it varies far
    less between samples of rows than the F1 that is counted, above all for rare classes; it is right as far as the
    probabilities are calibrated.

    Args:
        probabilities: calibrated [N, K].
        answers: class indices [N].
        weights: of the rows [N].

    Source: the plug-in approach of Narasimhan, Ramaswamy, Saha & Agarwal 2015, "Consistent Multiclass Algorithms for
    Complex Performance Measures", for the F1 of Ye, Chai, Lee & Chieu 2012, "Optimizing F-measures".
    """
    k = probabilities.shape[1]
    rows = np.arange(len(answers))
    hits = np.bincount(answers, weights=weights * probabilities[rows, answers], minlength=k)
    answered = np.bincount(answers, weights=weights, minlength=k)
    return float((2 * hits / (weights @ probabilities + answered)).mean())


def weights_for_macro_f1(probabilities: Floats, weights: Floats) -> Floats:
    """Return class weights [K] whose answers have the highest expected macro F1.

    Of s from 0 (the likeliest class) to 1 (balanced accuracy), the best weights q_k ** -s are taken, q_k being the
    expected share of class k; with up to 50 classes each weight is then searched on its own.

    Args:
        probabilities: calibrated, of held-out rows [N, K].
        weights: of the rows [N].
    """
    shares = np.maximum(weights @ probabilities / weights.sum(), 1e-12)

    def expected(power: float) -> float:
        answers = (probabilities * shares**-power).argmax(axis=1)
        return expected_macro_f1(probabilities, answers, weights)

    start: Floats = shares ** -max(POWERS.tolist(), key=expected)
    if len(shares) > MANY_CLASSES:
        return start
    return best_weights(partial(_score, probabilities), probabilities, np.zeros(0, dtype=np.int64), weights, start)


def _score(probabilities: Floats, targets: Indices, answers: Indices, weights: Floats) -> float:
    return expected_macro_f1(probabilities, answers, weights)
