"""Accuracy on the rows of classes between many and few training rows."""

from tailtune.evaluation.measure import Measure
from tailtune.profile import FEW, MANY

medium_accuracy = Measure(
    key="medium_accuracy",
    words="Right in middling classes",
    term="accuracy on classes between",
    meaning="Of the test rows of classes with 20 to 100 training rows, the share that got the right class.",
    short="Medium",
    source="Liu et al. 2019, Large-scale long-tailed recognition in an open world",
    classes=f"{FEW} to {MANY}",
    percent=True,
    places=("groups", "study", "columns"),
    value=lambda scored: scored.accuracy_of(scored.profile.medium),
    resampled=lambda scored: scored.resampled_accuracy_of(scored.profile.medium),
    least=0.0,
    most=1.0,
)
