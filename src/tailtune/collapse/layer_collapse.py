"""Neural collapse of a layer on several parts of the data, about the class means of the training rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from tailtune.collapse.class_moments import ClassMoments, class_moments
from tailtune.collapse.collapse_measures import SecondPass, cdnv, second_pass
from tailtune.profile import ClassProfile

Rows = tuple[Tensor, Tensor, Tensor]  # features [B, D], logits [B, K] and class indices [B]
NEAREST, AGREEMENT, RIGHT = "nearest_class_mean_accuracy", "agreement_with_network", "accuracy_of_network"


@dataclass(frozen=True)
class LayerCollapse:
    """What was measured on one part.

    Attributes:
        moments: of its rows.
        pairs: CDNV of each pair of classes [K, K], see `cdnv`; NaN where a class has fewer than two rows, whose scatter
            of 0 says nothing.
        found: what takes the means of the training rows.
    """

    moments: ClassMoments
    pairs: Tensor
    found: SecondPass

    def shares(self, profile: ClassProfile) -> dict[str, dict[str, float | None]]:
        """Return shares of the rows of groups of classes: the minority (the last 20 % by size), the majority, and all.

        They are those whose nearest class mean is right, where it agrees with the network, and where that is right.
        """
        rare = profile.tail.tolist()
        groups = {
            "minority": rare,
            "majority": [c for c in range(profile.num_classes) if c not in rare],
            "all": list(range(profile.num_classes)),
        }
        kinds = {NEAREST: self.found.nearest, AGREEMENT: self.found.agreement, RIGHT: self.found.right}
        return {
            key: {name: self.found.over(values, group) for name, group in groups.items()}
            for key, values in kinds.items()
        }


def layer_collapse(parts: Mapping[str, Callable[[], Iterable[Rows]]], num_classes: int) -> dict[str, LayerCollapse]:
    """Measure each of `parts`, of which "train" gives the means.

    Args:
        parts: yields the rows of a part, batch by batch, and the same ones again at the second call.
        num_classes: K.

    Raises:
        TailtuneError: the layer tells no classes apart, so that no mean is nearest.
    """
    moments = {part: class_moments(((f, y) for f, _, y in rows()), num_classes) for part, rows in parts.items()}
    return {
        part: LayerCollapse(own, _known(cdnv(own), own.counts), second_pass(parts[part](), moments["train"], own))
        for part, own in moments.items()
    }


def _known(pairs: Tensor, counts: Tensor) -> Tensor:
    few = counts < 2
    return pairs.masked_fill(few[:, None] | few[None], float("nan"))
