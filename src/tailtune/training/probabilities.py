"""Class probabilities of rows, the same from a training run, a reloaded run, Python and the command line."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from tailtune.augment.policies import Augment
from tailtune.data.sources import Sources
from tailtune.training.inputs import Tensors, channels_last, evaluation_batches
from tailtune.training.read_ahead import plain_words

LARGEST = 1024  # rows
PIXELS = 2**22  # of a batch of images: what memory holds of a deep network's maps


def batch_of(sources: Sources) -> int:
    """Rows of an evaluation batch: 1024, of larger images so many (a power of two) that memory holds their maps.

    They depend on the rows' size alone, because another batch size may round differently in the last bit.

    >>> batch_of((torch.empty(9, 3, 64, 64),)), batch_of((torch.empty(9, 3, 224, 224),))
    (1024, 64)
    """
    side = math.prod(sources[0].shape[2:])
    return min(LARGEST, 1 << int(math.log2(max(1, PIXELS // side))))


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Put `model` in evaluation mode without gradients, and back in the mode that it was in."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)


def logits_of(
    model: torch.nn.Module,
    sources: Sources,
    normalise: Augment | None,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[object]],
) -> torch.Tensor:
    """Return the logits [N, K] on `device`, in float32 (float64 from a float64 model), in evaluation mode."""
    with evaluating(model), autocast(), plain_words():
        batches = evaluation_batches(sources, normalise, device, batch_of(sources))
        return torch.cat([_logits(model, batch) for batch in batches])


def probabilities_of(
    model: torch.nn.Module,
    sources: Sources,
    normalise: Augment | None,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[object]],
    flip_averaging: bool = False,
) -> NDArray[np.float64]:
    """Return the softmax probabilities [N, K], in float64 so that rows sum to one.

    With `flip_averaging` they are the mean of those of an image and of its mirror image.
    """
    with evaluating(model), autocast(), plain_words():
        batches = evaluation_batches(sources, normalise, device, batch_of(sources))
        return np.asarray(torch.cat([_probabilities(model, batch, flip_averaging) for batch in batches]).cpu().numpy())


def _probabilities(model: torch.nn.Module, batch: Tensors, flip_averaging: bool) -> torch.Tensor:
    own = _logits(model, batch).double().softmax(1)
    if not flip_averaging:
        return own
    return (own + _logits(model, channels_last(batch[0].flip(-1))).double().softmax(1)) / 2


def _logits(model: torch.nn.Module, batch: Tensors) -> torch.Tensor:
    exact = next(model.parameters()).dtype == torch.float64
    inputs = [x.double() if exact and x.is_floating_point() else x for x in batch]
    logits: torch.Tensor = model(*inputs)
    return logits if exact else logits.float()
