"""scikit-learn estimators: `TabularClassifier` and `ImageClassifier`."""

from tailtune.estimators.image_classifier import ImageClassifier
from tailtune.estimators.table_classifier import TabularClassifier

__all__ = ["ImageClassifier", "TabularClassifier"]
