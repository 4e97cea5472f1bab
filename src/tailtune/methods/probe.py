"""A linear classifier on frozen features, computed once: a first answer in a minute from published weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tailtune.errors import TailtuneError
from tailtune.methods.method import Context, Method, Stage
from tailtune.methods.search import Space
from tailtune.profile import ClassProfile

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Linear

SEARCH: Space = {}
DECAYS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
BATCH = 64  # pictures whose features are computed at once


def probe(profile: ClassProfile, *, weight_decay: float | None = None) -> Method:
    """Fit the head to the features of the network as it begins; no step is trained.

    Where `weight_decay` is None, the one of five powers of ten with the lowest log loss on validation rows is taken, or
    0.01 where there are none. Features are standardised for it, which the head takes up.

    Raises:
        TailtuneError: a weight decay below 0.
    """
    if weight_decay is not None and not 0 <= weight_decay < float("inf"):
        raise TailtuneError(f"weight_decay must be 0 or more, however: {weight_decay=}")

    def finish(context: Context) -> None:
        _fit(context, DECAYS if weight_decay is None else (weight_decay,))

    return Method("probe", (Stage(head="linear", finish=finish, share=0.0),), kinds=("image",))


def _fit(context: Context, decays: tuple[float, ...]) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    from tailtune.bayes.rows import Rows
    from tailtune.models.collect_features import collect_features
    from tailtune.models.network import Network
    from tailtune.optim.fit_head import fit_head

    model = cast(Network, context.model)

    def features(rows: Rows) -> Tensor:
        with context.autocast():
            return collect_features(model, rows.batches(BATCH)).float()

    x, y = features(context.train), context.train.targets
    mean, std = x.mean(0), x.std(0, correction=0)
    std[std < 1e-6 * std.max()] = 1.0  # of features that say nothing
    val = None if context.val is None or len(context.val.targets) == 0 else context.val
    if val is None and len(decays) > 1:
        decays = (1e-2,)
    seen = None if val is None else (features(val) - mean) / std
    head = cast("Linear", model.head)
    best = float("inf")
    weight, bias = head.weight.detach().clone(), head.bias.detach().clone()
    for decay in decays:
        with torch.no_grad():
            head.weight.zero_()
            head.bias.zero_()
        fit_head(head, (x - mean) / std, y, weight_decay=decay)
        with torch.no_grad():
            loss = 0.0 if val is None or seen is None else float(cross_entropy(head(seen), val.targets))
            if loss < best:
                best, weight, bias = loss, head.weight / std, head.bias - head.weight @ (mean / std)
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(bias)
