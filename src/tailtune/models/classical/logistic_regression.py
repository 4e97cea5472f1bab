"""Logistic regression on standardised numbers and one-hot categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tailtune.models.classical.library import OF_STAGES, ORDINARY, Boosting, Floats, check_columns
from tailtune.models.classical.scikit_learn import ScikitLearn, columns_in_front, fitted, read

if TYPE_CHECKING:
    from tailtune.data.dataset import Part

LABEL = "logistic regression"
SETTINGS: Mapping[str, Any] = {"C": 1.0}
TAKES = OF_STAGES
WEIGHS_CLASSES = True
LOOKS_AT_CLOCK = False
STEPS = 1000  # of the solver, at most


def from_bytes(content: bytes) -> ScikitLearn:
    """Read what `ScikitLearn.to_bytes` returned; anything else is a TailtuneError."""
    return read(content, ("numpy.dtype",))


def fit(
    train: Part,
    val: Part | None,
    shape: Mapping[str, Any],
    num_classes: int,
    seed: int,
    row_weights: tuple[Floats, Floats] | None = None,
    boosting: Boosting = ORDINARY,
    settings: Mapping[str, Any] | None = None,
) -> ScikitLearn:
    """Fit all classes at once with scikit-learn's own penalty; see `Library.fit`. `val` is not looked at."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    classifier = make_pipeline(
        columns_in_front(*check_columns(shape)), LogisticRegression(max_iter=STEPS, **(settings or SETTINGS))
    )
    return fitted(classifier, train, shape, num_classes, row_weights, "logisticregression__sample_weight")
