"""Expected calibration error of the predicted class."""

import numpy as np

from tailtune.evaluation.calibration import BINS, bin_index, expected_calibration_error
from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import Scored
from tailtune.evaluation.weighted import Statistic


def _resampled(scored: Scored) -> Statistic:
    confidence = scored.probabilities.max(axis=1)
    gaps = np.zeros((BINS, len(scored)), dtype=np.float32)
    right = scored.probabilities.argmax(axis=1) == scored.targets  # of the likeliest class, whatever is answered
    gaps[bin_index(confidence), np.arange(len(scored))] = right - confidence
    return lambda weights: np.asarray(np.abs(gaps @ weights).sum(axis=0) / scored.total, dtype=np.float64)


ece = Measure(
    key="ece",
    words="Over- or underconfidence",
    term="expected calibration error, lower is better",
    meaning="The mean distance between the probability of the likeliest class and how often that class is right, over "
    "15 bins of equal width.",
    short="ECE",
    source="Guo et al. 2017, On calibration of modern neural networks",
    percent=True,
    higher_is_better=False,
    places=("page", "terminal", "study", "columns", "demo"),
    value=lambda scored: expected_calibration_error(scored.targets, scored.probabilities, weights=scored.weights),
    resampled=_resampled,
    recentred=True,
    least=0.0,
    most=1.0,
)
