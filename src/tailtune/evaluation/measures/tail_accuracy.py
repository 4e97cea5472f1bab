"""Accuracy on the rows of the rarest classes."""

from tailtune.evaluation.measure import Measure

tail_accuracy = Measure(
    key="tail_accuracy",
    words="Rare cases found",
    term="accuracy on the rarest 20 % of classes",
    meaning="Of the test rows that belong to the rarest fifth of the classes (at least one class), the share that got "
    "the right class.",
    short="Tail",
    source="Simplifying Neural Network Training Under Class Imbalance, 2023",
    classes="the rarest 20 %",
    percent=True,
    places=("page", "groups", "terminal", "study", "columns", "demo"),
    value=lambda scored: scored.accuracy_of(scored.profile.tail),
    resampled=lambda scored: scored.resampled_accuracy_of(scored.profile.tail),
    least=0.0,
    most=1.0,
)
