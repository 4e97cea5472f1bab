"""Log loss: the mean of -log p of the true class, in nats."""

import numpy as np

from tailtune.evaluation.measure import Measure
from tailtune.evaluation.scored import Scored
from tailtune.evaluation.weighted import Statistic


def _value(scored: Scored) -> float:
    return float(np.average(scored.row_losses, weights=scored.weights))


def _resampled(scored: Scored) -> Statistic:
    losses = scored.row_losses.astype(np.float32)
    return lambda weights: np.asarray(losses @ weights / scored.total, dtype=np.float64)


log_loss = Measure(
    key="log_loss",
    words="Cost of the probabilities",
    term="log loss, lower is better",
    meaning="The mean of the negative logarithm of the probability given to the true class: sure and wrong costs most.",
    short="Log loss",
    source="Good 1952, Rational decisions",
    higher_is_better=False,
    places=("page", "terminal", "study", "columns", "demo"),
    value=_value,
    resampled=_resampled,
    least=0.0,
)
