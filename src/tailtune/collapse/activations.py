"""What a layer of a network gives for batches of rows, together with the network's logits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from tailtune.errors import TailtuneError


def activations(
    model: nn.Module, batches: Iterable[tuple[Tensor, ...]], layer: str | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the features [B, D] of a layer and the logits [B, K], batch by batch, in evaluation mode.

    Args:
        model: any network that gives logits; it is put back in the mode that it was in.
        batches: of its inputs.
        layer: dotted name of a submodule, whose output is flattened; None for what goes into ``model.head``, the
            penultimate layer.

    Raises:
        TailtuneError: there is no such layer, it is not used, is used more than once, or gives no tensor of rows.

    >>> model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    >>> [(features.shape, logits.shape) for features, logits in activations(model, [(torch.rand(4, 3),)], "1")]
    [(torch.Size([4, 5]), torch.Size([4, 2]))]
    """
    watched = _module(model, "head" if layer is None else layer)
    seen: list[object] = []
    if layer is None:
        hook = watched.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    else:
        hook = watched.register_forward_hook(lambda _, __, output: seen.append(output))
    training = model.training
    model.eval()
    try:
        for batch in batches:
            seen.clear()
            with torch.no_grad():
                logits = model(*batch)
            yield _rows(seen, len(logits), layer), logits
    finally:
        hook.remove()
        model.train(training)


def _module(model: nn.Module, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError as error:
        known = [child for child, _ in model.named_modules() if child]
        shown = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
        raise TailtuneError(f"the network has no layer {name!r}; it has {shown}") from error


def _rows(seen: list[object], rows: int, layer: str | None) -> Tensor:
    what = "the head" if layer is None else f"layer {layer!r}"
    if len(seen) != 1:
        raise TailtuneError(
            f"{what} is used {len(seen)} times for a batch, so it has no one output; name another layer"
        )
    found = seen[0]
    if not isinstance(found, Tensor) or found.ndim < 2 or len(found) != rows:
        raise TailtuneError(f"{what} does not give one row of numbers for each row; name another layer")
    return found.flatten(1)
