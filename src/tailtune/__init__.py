"""tailtune: train classifiers on class-imbalanced data.

``import tailtune`` loads neither torch nor any other heavy package; the names below load theirs on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tailtune.decision.prior_shift import prior_shift
    from tailtune.errors import TailtuneError
    from tailtune.estimators import ImageClassifier, TabularClassifier
    from tailtune.losses.balanced_softmax import BalancedSoftmaxLoss
    from tailtune.losses.focal import FocalLoss
    from tailtune.losses.label_aware import LabelAwareSmoothing
    from tailtune.losses.ldam import LDAMLoss
    from tailtune.losses.logit_adjusted import LogitAdjustedLoss
    from tailtune.losses.nt_xent import NTXent
    from tailtune.losses.smoothing import ClassConditionalSmoothing, LabelSmoothing
    from tailtune.losses.vicreg import VICReg
    from tailtune.optim.ema import WeightEMA
    from tailtune.optim.imbsam import ImbSAM
    from tailtune.optim.sam import SAM
    from tailtune.optim.sama import SAMA
    from tailtune.optim.sghmc import SGHMC
    from tailtune.profile import ClassProfile, per_class
    from tailtune.run.finished import Finished
    from tailtune.sampling.distributed import ImbalancedSampler
    from tailtune.sampling.m2m import M2m
    from tailtune.sampling.smote import smote
    from tailtune.settings import Run
    from tailtune.study.tidy_table import read_study

from tailtune.version import __version__

_HOME = {
    "BalancedSoftmaxLoss": "tailtune.losses.balanced_softmax",
    "ClassConditionalSmoothing": "tailtune.losses.smoothing",
    "ClassProfile": "tailtune.profile",
    "Finished": "tailtune.run.finished",
    "FocalLoss": "tailtune.losses.focal",
    "ImageClassifier": "tailtune.estimators",
    "ImbSAM": "tailtune.optim.imbsam",
    "ImbalancedSampler": "tailtune.sampling.distributed",
    "LDAMLoss": "tailtune.losses.ldam",
    "LabelAwareSmoothing": "tailtune.losses.label_aware",
    "LabelSmoothing": "tailtune.losses.smoothing",
    "LogitAdjustedLoss": "tailtune.losses.logit_adjusted",
    "M2m": "tailtune.sampling.m2m",
    "NTXent": "tailtune.losses.nt_xent",
    "Run": "tailtune.settings",
    "SAM": "tailtune.optim.sam",
    "SAMA": "tailtune.optim.sama",
    "SGHMC": "tailtune.optim.sghmc",
    "TabularClassifier": "tailtune.estimators",
    "TailtuneError": "tailtune.errors",
    "VICReg": "tailtune.losses.vicreg",
    "WeightEMA": "tailtune.optim.ema",
    "per_class": "tailtune.profile",
    "prior_shift": "tailtune.decision.prior_shift",
    "read_study": "tailtune.study.tidy_table",
    "smote": "tailtune.sampling.smote",
}

__all__ = [
    "SAM",
    "SAMA",
    "SGHMC",
    "BalancedSoftmaxLoss",
    "ClassConditionalSmoothing",
    "ClassProfile",
    "Finished",
    "FocalLoss",
    "ImageClassifier",
    "ImbSAM",
    "ImbalancedSampler",
    "LDAMLoss",
    "LabelAwareSmoothing",
    "LabelSmoothing",
    "LogitAdjustedLoss",
    "M2m",
    "NTXent",
    "Run",
    "TabularClassifier",
    "TailtuneError",
    "VICReg",
    "WeightEMA",
    "__version__",
    "per_class",
    "prior_shift",
    "read_study",
    "smote",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'tailtune' has no attribute {name!r}")
