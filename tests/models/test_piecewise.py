from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from tailtune import Run, TailtuneError
from tailtune.data.arrays import dataset_of_arrays
from tailtune.models.build import build
from tailtune.models.piecewise import PiecewiseEmbeddings, bin_edges
from tailtune.models.tabular import edges_for
from tailtune.run.learners import fit_model
from tailtune.run.predictor import Predictor


def encoded(x: float, edges: list[float]) -> list[float]:
    """The equation: 1 for bins that lie below x, the share of the one that holds it, 0 above; open at both ends."""
    shares = []
    for t, (low, high) in enumerate(pairwise(edges)):
        share = (x - low) / (high - low)
        share = share if t == 0 else max(share, 0.0)
        shares.append(share if t == len(edges) - 2 else min(share, 1.0))
    return shares


def test_an_embedding_is_that_of_the_equation() -> None:
    torch.manual_seed(0)
    edges = [[0.0, 1.0, 3.0], [-2.0, 2.0, 3.0]]
    module = PiecewiseEmbeddings(2, 4, [torch.tensor(each) for each in edges])
    numeric = torch.tensor([[-1.0, 0.0], [0.5, 2.5], [2.0, 9.0]])
    weight, bias = (p.detach().double().numpy() for p in (module.inner.linear.weight, module.inner.linear.bias))
    for row, found in zip(numeric.tolist(), module(numeric), strict=True):
        for j, x in enumerate(row):
            expected = np.maximum(np.asarray(encoded(x, edges[j])) @ weight[j] + bias[j], 0)
            np.testing.assert_allclose(found[j].detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_edges_are_quantiles_or_splits_of_a_tree() -> None:
    x = torch.linspace(0, 1, 1001)
    columns = torch.stack([x, x.round(), torch.ones(1001)], dim=1)
    even, flag, constant = bin_edges(columns, 10)
    torch.testing.assert_close(even, torch.linspace(0, 1, 11), atol=1e-3, rtol=0)
    assert (flag.tolist(), constant.tolist()) == ([0.0, 1.0], [1.0, 2.0])
    split, _, _ = bin_edges(columns, 10, (x > 0.3).long())
    assert len(split) == 3
    assert split[1].item() == pytest.approx(0.3, abs=2e-3)


def test_a_network_is_loaded_with_the_edges_that_it_was_trained_with(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.exponential(size=90), rng.integers(0, 3, 90), rng.normal(size=90)])
    run = Run("made", model="mlp-piecewise(width=8, bins=5, d_embedding=3)", epochs=2, batch_size=16, method="erm")
    dataset = dataset_of_arrays(run, {"x": x, "y": (x[:, 0] > 0.7).astype(int)}, "made")
    fitted = fit_model(run, dataset)
    assert fitted is not None
    fitted.predictor.save(tmp_path)
    loaded = Predictor.load(tmp_path)
    np.testing.assert_array_equal(
        loaded.probabilities(dataset.test.inputs), fitted.predictor.probabilities(dataset.test.inputs)
    )
    expected = edges_for(str(run.model), dataset.train.tensors("x")[0], dataset.train.targets)
    assert expected is not None
    rows = loaded.model.numeric.edges  # type: ignore[union-attr]
    for row, edges in zip(rows, expected, strict=True):
        torch.testing.assert_close(row[row.isfinite()], edges)


def test_loading_what_is_there_already_keeps_the_parameters_in_their_place() -> None:
    module = PiecewiseEmbeddings(2, 4, [torch.tensor([0.0, 1.0, 3.0]), torch.tensor([0.0, 1.0])])
    before = list(module.parameters())
    module.load_state_dict({name: tensor.clone() for name, tensor in module.state_dict().items()})
    assert all(a is b for a, b in zip(before, module.parameters(), strict=True))


def test_periodic_embeddings_without_relu_take_either_sign() -> None:
    shape = {"numeric": 2, "cardinalities": []}
    torch.manual_seed(0)
    assert (build("mlp-periodic", shape, 2).numeric(torch.randn(50, 2)) < 0).any()
    with pytest.raises(TailtuneError, match="leave lite out, or take mlp-plr"):
        build("mlp-periodic(lite=True)", shape, 2)


@pytest.mark.parametrize("sizes", ["bins=0", "edges=forest"])
def test_impossible_bins(sizes: str) -> None:
    with pytest.raises(TailtuneError, match="however"):
        build(f"mlp-piecewise({sizes})", {"numeric": 2, "cardinalities": []}, 2)
