"""Boosted trees, a module for each library, which holds what `tailtune.models.trees.library.Library` names."""

from typing import Final

from tailtune.models.trees import lightgbm, xgboost
from tailtune.models.trees.library import Library

LIBRARIES: Final[dict[str, Library]] = {"xgboost": xgboost, "lightgbm": lightgbm}
