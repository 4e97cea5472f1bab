"""scikit-learn's histogram gradient boosting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tailtune.models.classical.library import OF_STAGES, ORDINARY, Boosting, Floats, check_columns, feature_table
from tailtune.models.classical.scikit_learn import ScikitLearn, fitted, read

if TYPE_CHECKING:
    from tailtune.data.dataset import Part

LABEL = "histogram boosting"
SETTINGS: Mapping[str, Any] = {  # scikit-learn's own
    "learning_rate": 0.1,
    "max_leaf_nodes": 31,
    "max_depth": None,
    "min_samples_leaf": 20,
    "l2_regularization": 0.0,
    "max_features": 1.0,
}
TAKES = OF_STAGES
WEIGHS_CLASSES = True
LOOKS_AT_CLOCK = False
TRUSTED = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)


def from_bytes(content: bytes) -> ScikitLearn:
    """Read what `ScikitLearn.to_bytes` returned; anything else is a TailtuneError."""
    return read(content, TRUSTED)


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
    """Boost trees with scikit-learn's own settings, with codes of categories taken as numbers; see `Library.fit`.

    Time that is up is not noticed within.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    check_columns(shape)
    held_out: dict[str, Any] = {}
    if val is not None and len(val):
        held_out = {"X_val": feature_table(val.tensors(LABEL)), "y_val": val.targets.numpy()}
        held_out |= {} if row_weights is None else {"sample_weight_val": row_weights[1]}
    classifier = HistGradientBoostingClassifier(
        **(settings or SETTINGS),
        max_iter=boosting.rounds if held_out else boosting.rounds_without_validation,
        categorical_features=None,
        early_stopping=bool(held_out),
        n_iter_no_change=boosting.patience,
        random_state=seed,
    )
    return fitted(classifier, train, shape, num_classes, row_weights, **held_out)
