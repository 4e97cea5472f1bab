"""Accuracy on the rows of the largest classes."""

from tailtune.evaluation.measure import Measure

head_accuracy = Measure(
    key="head_accuracy",
    words="Frequent cases found",
    term="accuracy on the largest 20 % of classes",
    meaning="Of the test rows that belong to the most frequent fifth of the classes (at least one class), the share "
    "that got the right class.",
    short="Head",
    source="Simplifying Neural Network Training Under Class Imbalance, 2023",
    classes="the largest 20 % of the classes",
    percent=True,
    places=("groups", "study", "columns", "demo"),
    value=lambda scored: scored.accuracy_of(scored.profile.head),
    resampled=lambda scored: scored.resampled_accuracy_of(scored.profile.head),
    least=0.0,
    most=1.0,
)
