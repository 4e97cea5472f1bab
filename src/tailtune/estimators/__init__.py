"""scikit-learn estimators: `TabularClassifier` and `ImageClassifier`."""

from tailtune.estimators.image import ImageClassifier
from tailtune.estimators.table import TabularClassifier

__all__ = ["ImageClassifier", "TabularClassifier"]
