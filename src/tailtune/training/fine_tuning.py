"""What differs where training begins with published weights: rates of learning, normalisation, whose pictures."""

from __future__ import annotations

from dataclasses import replace

from tailtune.data import catalog
from tailtune.data.dataset import Dataset, longer_side
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.methods.method import Method
from tailtune.models.weight_sources import SOURCES
from tailtune.settings import Run

LEAST_SIDE = 64  # pixels
BODY = 0.1  # learning rate of the body over that of the head


def own_pictures(run: Run, dataset: Dataset) -> bool:
    """Whether these are a person's own pictures of 64 pixels or more; named data sets have published protocols."""
    if dataset.kind != "image" or run.data in catalog.__all__:
        return False
    return longer_side(dataset.preprocessor) >= LEAST_SIDE


def fine_tunes(run: Run, dataset: Dataset) -> bool:
    """Whether `run` trains published weights further on a person's own pictures."""
    return bool(run.pretrained or run.weights) and own_pictures(run, dataset)


def with_slower_body(method: Method) -> Method:
    """Return `method` with a tenth of the learning rate for all but the head, in stages that set no rates themselves.

    The head begins at random and has everything to learn; features that hold for a million photographs have not.
    """
    rates = {"head.": 1.0, "": BODY}
    stages = (stage if stage.lr_factors else replace(stage, lr_factors=rates) for stage in method.stages)
    return replace(method, stages=tuple(stages))


def normalised_as_published(run: Run, dataset: Dataset, name: str) -> Dataset:
    """Return `dataset` with the pixel statistics that the published weights of the timm network `name` were made for.

    Weights from SimCLR and VICReg, and networks that are not timm's, keep those of the training pixels. For other
    numbers of channels than three, the mean over the channels stands for each.
    """
    import timm

    preprocessor = dataset.preprocessor
    name = name.removeprefix("timm/")
    if run.weights in SOURCES or not timm.is_model(name) or not isinstance(preprocessor, ImagePreprocessor):
        return dataset
    config = timm.get_pretrained_cfg(name)
    if config is None:
        return dataset
    mean, std = tuple(config.mean), tuple(config.std)
    if preprocessor.channels != len(mean):
        mean, std = ((sum(x) / len(x),) * preprocessor.channels for x in (mean, std))
    return replace(dataset, preprocessor=replace(preprocessor, mean=mean, std=std))
