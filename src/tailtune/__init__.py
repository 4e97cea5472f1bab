"""tailtune: train classifiers on class-imbalanced data.

``import tailtune`` loads neither torch nor any other heavy package; the names below load theirs on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tailtune.errors import TailtuneError
    from tailtune.estimators import ImageClassifier, TabularClassifier
    from tailtune.losses.smoothing import ClassConditionalSmoothing
    from tailtune.optim.ema import WeightEMA
    from tailtune.optim.sam import SAM, SAMA
    from tailtune.profile import ClassProfile, per_class
    from tailtune.run import Run

__version__ = "0.1.0"

_HOME = {
    "ClassConditionalSmoothing": "tailtune.losses.smoothing",
    "ClassProfile": "tailtune.profile",
    "ImageClassifier": "tailtune.estimators",
    "Run": "tailtune.run",
    "SAM": "tailtune.optim.sam",
    "SAMA": "tailtune.optim.sam",
    "TabularClassifier": "tailtune.estimators",
    "TailtuneError": "tailtune.errors",
    "WeightEMA": "tailtune.optim.ema",
    "per_class": "tailtune.profile",
}

__all__ = [
    "SAM",
    "SAMA",
    "ClassConditionalSmoothing",
    "ClassProfile",
    "ImageClassifier",
    "Run",
    "TabularClassifier",
    "TailtuneError",
    "WeightEMA",
    "__version__",
    "per_class",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'tailtune' has no attribute {name!r}")
