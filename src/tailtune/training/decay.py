"""Which parameters weight decay spares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

_NORMALISATION = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)  # the first is that of BatchNorm and InstanceNorm
_SPARED_NAME = re.compile(r"(^|_)bias(_|$)|(^|_)pos(ition)?_?emb|(^|_)(cls|class|dist|reg)_token$")


def undecayed(model: nn.Module, prefix: str = "") -> set[str]:
    """Return the names of the parameters of `model` that weight decay spares, each with `prefix` before it.

    They are the biases, the weights of normalisation layers and of embeddings (of categories, of numbers as tokens,
    and the frequencies of periodic ones), position and class tokens, what a module declares by ``no_weight_decay()``
    as networks of timm do, and vectors, which scale or shift channels. Decay limits a function by shrinking the
    matrices that multiply its inputs; a shift or a place in a table does not multiply anything.

    Source: of the tokenisers, Gorishniy et al. 2021, "Revisiting Deep Learning Models for Tabular Data"; of position
    and class tokens, timm.

    >>> sorted(undecayed(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm([3, 4]), nn.Embedding(5, 6)), "net."))
    ['net.0.bias', 'net.1.bias', 'net.1.weight', 'net.2.weight']
    """
    known = {name for name, _ in model.named_parameters()}  # timm declares tokens that a network need not have
    return {prefix + name for name in known.intersection(_spared(model))}


def _spared(model: nn.Module) -> Iterator[str]:
    for path, module in model.named_modules():
        start = f"{path}." if path else ""
        declared: Iterable[str] = module.no_weight_decay() if hasattr(module, "no_weight_decay") else ()
        yield from (start + name for name in declared)
        kind = type(module).__name__
        whole = isinstance(module, _NORMALISATION) or "Embedding" in kind or kind == "_Periodic"
        for name, parameter in module.named_parameters(recurse=False):
            if whole or parameter.ndim < 2 or _SPARED_NAME.search(name):
                yield start + name
