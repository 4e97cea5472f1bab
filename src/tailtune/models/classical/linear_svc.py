"""A linear support vector classifier whose margins are calibrated to probabilities by Platt's sigmoid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.errors import TailtuneError
from tailtune.models.classical.library import OF_STAGES, ORDINARY, Boosting, Floats, check_columns
from tailtune.models.classical.scikit_learn import ScikitLearn, columns_in_front, fitted, read

if TYPE_CHECKING:
    from tailtune.data.dataset import Part

LABEL = "linear SVC"
SETTINGS: Mapping[str, Any] = {"C": 1.0}
TAKES = OF_STAGES
WEIGHS_CLASSES = True
LOOKS_AT_CLOCK = False
STEPS = 1000  # of the solver, at most, as the precursor has it
FOLDS = 5  # over which margins are calibrated
TRUSTED = ("numpy.dtype", "sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration")


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
    """Fit one class against the others, and a sigmoid for each on rows left out; see `Library.fit`.

    `val` is not looked at.

    Raises:
        TailtuneError: a class of one row, which cannot be left out and kept.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    counts = np.bincount(train.targets.numpy())
    smallest = int(counts[counts > 0].min())
    if smallest < 2:
        raise TailtuneError("linear-svc needs two rows of every class to calibrate; choose another --model")
    svc = LinearSVC(dual=False, max_iter=STEPS, random_state=seed, **(settings or SETTINGS))
    calibrated = CalibratedClassifierCV(svc, cv=min(FOLDS, smallest))
    classifier = make_pipeline(columns_in_front(*check_columns(shape)), calibrated)
    return fitted(classifier, train, shape, num_classes, row_weights, "calibratedclassifiercv__sample_weight")
