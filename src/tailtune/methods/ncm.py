"""NCM: the class whose mean feature is nearest is predicted, in place of the trained classifier (Kang et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tailtune.errors import TailtuneError
from tailtune.methods.method import Context, Method, Stage
from tailtune.methods.search import Choice, Space
from tailtune.profile import ClassProfile

if TYPE_CHECKING:
    from tailtune.models.class_means import Metric

SEARCH: Space = {"metric": Choice(("euclidean", "cosine"))}


def ncm(profile: ClassProfile, *, metric: Metric = "euclidean") -> Method:
    """Train plainly, then make the head the nearest-class-mean classifier of the training rows' features.

    Raises:
        TailtuneError: an unknown metric.
    """
    if metric not in ("euclidean", "cosine"):
        raise TailtuneError(f"metric must be 'euclidean' or 'cosine', however: {metric=}")

    def finish(context: Context) -> None:
        from torch.nn import Linear

        from tailtune.models.class_means import nearest_class_mean
        from tailtune.models.collect_features import collect_features
        from tailtune.models.network import Network

        model = cast(Network, context.model)
        if not isinstance(model.head, Linear):
            raise TailtuneError(f"ncm replaces a linear head, however: {type(model.head).__name__}; use a linear head")
        features = collect_features(model, context.train.batches(256))
        model.head = nearest_class_mean(features, context.train.targets, profile.num_classes, metric)

    return Method("ncm", (Stage(head="linear", finish=finish),), balances=True)
