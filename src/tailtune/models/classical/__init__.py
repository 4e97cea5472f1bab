"""Classical models of tables, a module for each, which holds what `tailtune.models.classical.library.Library` names."""

from typing import Final

from tailtune.models.classical import (
    catboost,
    extra_trees,
    histogram_boosting,
    lightgbm,
    linear_svc,
    logistic_regression,
    tabicl,
    xgboost,
)
from tailtune.models.classical.library import Library

LIBRARIES: Final[dict[str, Library]] = {
    "xgboost": xgboost,
    "lightgbm": lightgbm,
    "catboost": catboost,
    "histogram-boosting": histogram_boosting,
    "extra-trees": extra_trees,
    "logistic-regression": logistic_regression,
    "linear-svc": linear_svc,
    "tabicl": tabicl,
}
