"""SMOTE on features: after plain training, a new head is fitted to features filled up for rare classes."""

from __future__ import annotations

from typing import cast

from tailtune.methods.method import Context, Method, Stage
from tailtune.methods.search import Choice, Log, Space
from tailtune.profile import ClassProfile

SEARCH: Space = {"weight_decay": Log(1e-5, 1e-1), "k": Choice((3, 5, 10))}


def smote_features(profile: ClassProfile, *, k: int = 5, ratio: float = 1.0, weight_decay: float = 5e-4) -> Method:
    """Train plainly, then refit the head on SMOTE's features; see `tailtune.sampling.smote.smote`."""

    def finish(context: Context) -> None:
        from tailtune.models.collect_features import collect_features
        from tailtune.models.heads import renewed_head
        from tailtune.models.network import Network
        from tailtune.optim.fit_head import fit_head
        from tailtune.sampling.smote import smote

        model = cast(Network, context.model)
        features = collect_features(model, context.train.batches(256)).float()
        features, targets = smote(features, context.train.targets, k, ratio, context.seed)
        model.head = renewed_head(model.head, context.seed)
        fit_head(model.head, features, targets, weight_decay)

    return Method("smote_features", (Stage(finish=finish),), balances=True)
