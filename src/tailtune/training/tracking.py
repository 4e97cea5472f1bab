"""Neural collapse epoch by epoch, on rows that stay the same, beside a training that it does not touch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from tailtune.augment.policies import Augment
from tailtune.collapse.activations import activations
from tailtune.collapse.collapse_measures import mean_cdnv, self_duality, simplex_deviation
from tailtune.collapse.layer_collapse import AGREEMENT, NEAREST, RIGHT, Rows, layer_collapse
from tailtune.data.dataset import Dataset, Part
from tailtune.errors import TailtuneError
from tailtune.models.network import Network
from tailtune.profile import ClassProfile
from tailtune.training.inputs import Inputs
from tailtune.training.probabilities import batch_of
from tailtune.training.read_ahead import plain_words

SHARE, MOST = 16, 2048  # of the training rows one in so many is looked at, as many others, and no more than that
FEWEST = 8  # of each class, as far as there are so many


@dataclass(frozen=True)
class Tracker:
    """The rows that are looked at after every epoch.

    Attributes:
        parts: "train", and the part that is scored between epochs ("val" or "test") if there is one.
        profile: of all rows that are trained on.
    """

    parts: Mapping[str, Inputs]
    profile: ClassProfile

    @classmethod
    def of(
        cls, dataset: Dataset, watched: Mapping[str, Part], augment: Augment | None, device: torch.device
    ) -> Tracker:
        """Choose the rows, always the same ones of one data set: of each class alike, as far as it has rows.

        Args:
            dataset: what is trained on.
            watched: the part that is scored between epochs, by its name.
            augment: normalises pictures; None for tables.
            device: where the network is.
        """
        k = len(dataset.names)
        most = max(FEWEST * k, min(MOST, len(dataset.train) // SHARE))
        parts = {"train": dataset.train, **watched}
        some = {name: part.take(alike(part.targets.numpy(), k, most)) for name, part in parts.items()}
        inputs = {name: Inputs.of(part, k, augment, device) for name, part in some.items()}
        return cls(inputs, dataset.profile)

    def measure(
        self, network: Network, autocast: Callable[[], AbstractContextManager[object]]
    ) -> dict[str, float | None]:
        """Return the measures of the penultimate layer by their names in metrics.jsonl; None where one is not defined.

        Each row goes through the network once; nothing is drawn.
        """
        rows = {part: list(self._rows(network, inputs, autocast)) for part, inputs in self.parts.items()}
        try:
            found = layer_collapse({part: partial(iter, own) for part, own in rows.items()}, self.profile.num_classes)
            means = found["train"].moments.means[found["train"].moments.present]
            deviation = simplex_deviation(means)["deviation"]
        except TailtuneError:  # the network tells no classes apart yet; training is not stopped for that
            return {}
        weight = getattr(network.head, "weight", None)
        dual = weight is not None and weight.shape == means.shape
        measured: dict[str, float | None] = {}
        for part, own in found.items():
            pairs, shares = mean_cdnv(own.pairs, self.profile.tail.tolist()), own.shares(self.profile)
            for group in ("minority", "majority"):
                measured[f"{part}_cdnv_{group}"] = pairs[group]
                measured[f"{part}_ncc_{group}"] = shares[NEAREST][group]
                measured[f"{part}_fitted_{group}"] = shares[RIGHT][group]
            measured[f"{part}_ncc_agreement"] = shares[AGREEMENT]["all"]
            measured[f"{part}_nc1"] = own.found.nc1
        measured["nc2"] = deviation
        measured["nc3"] = self_duality(weight.detach(), means) if weight is not None and dual else None
        return {name: value if value is not None and np.isfinite(value) else None for name, value in measured.items()}

    def _rows(
        self, network: Network, inputs: Inputs, autocast: Callable[[], AbstractContextManager[object]]
    ) -> Iterator[Rows]:
        size = batch_of(inputs.sources)
        with autocast(), plain_words():
            found = activations(network, inputs.batches(size))
            for (features, logits), targets in zip(found, torch.split(inputs.targets, size), strict=True):
                yield features, logits, targets


def alike(targets: NDArray[np.int64], num_classes: int, most: int) -> NDArray[np.int64]:
    """Return up to `most` positions in order: as many of each class as fit, all of a class that has fewer.

    >>> targets = np.repeat([0, 1, 2], [10, 2, 5])
    >>> np.bincount(targets[alike(targets, 3, 9)]).tolist()
    [3, 2, 3]
    """
    counts, rng = np.bincount(targets, minlength=num_classes), np.random.default_rng(0)
    each = 0
    while each < counts.max(initial=0) and np.minimum(counts, each + 1).sum() <= most:
        each += 1
    rows = [rng.permutation(np.flatnonzero(targets == k))[:each] for k in range(num_classes)]
    return np.sort(np.concatenate(rows))
