"""Class-wise calibration error: that of every class's probability, not only of the predicted class."""

from tailtune.evaluation.calibration import classwise_calibration_error
from tailtune.evaluation.measure import Measure

classwise_ece = Measure(
    key="classwise_ece",
    words="Over- or underconfidence, every class",
    term="class-wise calibration error, lower is better",
    meaning="The mean distance between the stated probability of a class and how often it is the true one, over 15 "
    "bins of equal width and all classes.",
    short="Class-wise",
    source="Kull et al. 2019, Beyond temperature scaling",
    percent=True,
    higher_is_better=False,
    places=(),
    value=lambda scored: classwise_calibration_error(scored.targets, scored.probabilities, weights=scored.weights),
    recentred=True,
    least=0.0,
    most=1.0,
)
