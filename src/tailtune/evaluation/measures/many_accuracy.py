"""Accuracy on the rows of classes with many training rows."""

from tailtune.evaluation.measure import Measure
from tailtune.profile import MANY

many_accuracy = Measure(
    key="many_accuracy",
    words="Right in large classes",
    term="accuracy on classes of many training rows",
    meaning="Of the test rows of classes with more than 100 training rows, the share that got the right class.",
    short="Many",
    source="Liu et al. 2019, Large-scale long-tailed recognition in an open world",
    classes=f"more than {MANY} training rows",
    percent=True,
    places=("groups", "study", "columns"),
    value=lambda scored: scored.accuracy_of(scored.profile.many),
    resampled=lambda scored: scored.resampled_accuracy_of(scored.profile.many),
    least=0.0,
    most=1.0,
)
