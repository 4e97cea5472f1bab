"""Piecewise-linear embeddings of numbers, whose bins are found on the training rows and saved with the network."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

MOST_ROWS = 20_000  # that trees look at; more change edges little
ONE_BIN = ".*just two bin edges"  # a warning: columns of 0 and 1 have no more
TREE = {"min_samples_leaf": 64, "min_impurity_decrease": 1e-4}


def bin_edges(numeric: Tensor, bins: int, targets: Tensor | None = None) -> tuple[Tensor, ...]:
    """Return the edges of the bins of each column, at its quantiles, or where a tree splits it for the classes.

    Args:
        numeric: columns of the training rows [N, D].
        bins: most bins of a column.
        targets: class indices [N], for trees.

    Returns:
        Edges of each column, ascending; those of a column of one value v are v and v + 1.

    Source: Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022.
    """
    from rtdl_num_embeddings import compute_bins

    if targets is not None and len(numeric) > MOST_ROWS:
        rows = torch.linspace(0, len(numeric) - 1, MOST_ROWS).long()
        numeric, targets = numeric[rows], targets[rows]
    bins = min(bins, len(numeric) - 1)
    extra: dict[str, Any] = {} if targets is None else {"y": targets, "regression": False, "tree_kwargs": dict(TREE)}
    found = []
    for column in numeric.T:
        if bins < 2 or column.min() == column.max():
            found.append(torch.stack([column.min(), column.min() + 1]))
        else:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ONE_BIN)
                found += compute_bins(column[:, None].contiguous(), bins, **extra)
    return tuple(found)


class PiecewiseEmbeddings(nn.Module):
    """Numbers [N, D] to [N, D, d]: the share of each bin that lies below the number, a linear layer a column, and ReLU.

    The edges are part of the state, so that a network that is loaded has those that it was trained with.

    Args:
        numeric: number of columns D.
        d_embedding: d.
        edges: of each column, as `bin_edges` returns them; None where a state is to be loaded.
    """

    edges: Tensor

    def __init__(self, numeric: int, d_embedding: int, edges: Sequence[Tensor] | None = None) -> None:
        super().__init__()
        self.d_embedding = d_embedding
        found = [torch.tensor([0.0, 1.0])] * numeric if edges is None else list(edges)
        widest = max(len(each) for each in found)
        padded = [nn.functional.pad(each.float(), (0, widest - len(each)), value=torch.inf) for each in found]
        self.register_buffer("edges", torch.stack(padded))
        self.inner = self._made()

    def _made(self) -> nn.Module:
        from rtdl_num_embeddings import PiecewiseLinearEmbeddings

        bins = [row[row.isfinite()] for row in self.edges]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ONE_BIN)
            made: nn.Module = PiecewiseLinearEmbeddings(bins, self.d_embedding, activation=True, version="A")
        return made

    def forward(self, numeric: Tensor) -> Tensor:
        """Return the embeddings."""
        embedded: Tensor = self.inner(numeric)
        return embedded

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take the edges of the state, which say how large everything else is, before the rest is loaded."""
        edges = state_dict.get(f"{prefix}edges")
        if edges is not None and not torch.equal(edges, self.edges.cpu()):
            self.edges = edges.to(self.edges)
            self.inner = self._made().to(self.edges.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)
