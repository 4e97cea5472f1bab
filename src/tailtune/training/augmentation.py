"""The augmentation of a run, built from its preprocessor; tables have none."""

from __future__ import annotations

from tailtune.augment.policies import Augment, build
from tailtune.data.dataset import Preprocessor
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.settings import ResolvedTraining


def augmentation(preprocessor: Preprocessor, run: ResolvedTraining) -> Augment | None:
    """Return what `run` does to training images, or None for tables."""
    if not isinstance(preprocessor, ImagePreprocessor):
        return None
    return build(run.policy, preprocessor.mean, preprocessor.std, flip=run.flip is not False)


def normalisation(preprocessor: Preprocessor) -> Augment | None:
    """Return what is done to images outside training, or None for tables."""
    if not isinstance(preprocessor, ImagePreprocessor):
        return None
    return build("none", preprocessor.mean, preprocessor.std, flip=False)
