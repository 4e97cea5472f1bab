"""Tau-normalisation: the classifier's long weight vectors, those of frequent classes, are shortened afterwards."""

from __future__ import annotations

from typing import cast

from tailtune.methods.method import Context, Method, Stage
from tailtune.profile import ClassProfile


def tau_norm(profile: ClassProfile, *, tau: float | None = None, keep_bias: bool = False) -> Method:
    """Train plainly, then rescale the head by `tailtune.models.weight_norms`, tau chosen on validation when None."""

    def finish(context: Context) -> None:
        from tailtune.models.collect_features import collect_features
        from tailtune.models.network import Network
        from tailtune.models.weight_norms import choose_tau, tau_normalised

        model, rows = cast(Network, context.model), context.val or context.train
        chosen = tau
        if chosen is None:
            chosen = choose_tau(model.head, collect_features(model, rows.batches(256)), rows.targets, keep_bias)
        model.head = tau_normalised(model.head, chosen, keep_bias)

    return Method("tau_norm", (Stage(head="linear", finish=finish),), balances=True)
