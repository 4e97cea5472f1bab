"""Rows go where the network is: shown with a pretended GPU, and with figures of a real one where there is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from linear_subject import subject
from torch._subclasses.fake_tensor import FakeTensorMode

from tailtune.analysis.curvature import curvature
from tailtune.analysis.landscape import landscape
from tailtune.analysis.loss_matrices import GaussNewton, Hessian
from tailtune.analysis.overfitting import overfitting
from tailtune.collapse.activations import activations

COUNTS = (40, 12, 5)


def test_rows_are_taken_to_the_network() -> None:
    of = subject(COUNTS)
    assert of.device.type == "cpu"
    with FakeTensorMode(allow_non_fake_inputs=True):
        with torch.device("cuda"):
            pretended = replace(of, network=type(of.network)())
        assert pretended.device.type == "cuda"
        for inputs, targets in pretended.batches("train"):
            assert {x.device.type for x in (*inputs, targets, pretended.network(*inputs))} == {"cuda"}
        ((features, logits),) = activations(pretended.network, (x for x, _ in pretended.batches("train")))
        assert features.device == logits.device == pretended.device


@pytest.mark.parametrize("kind", [Hessian, GaussNewton])
def test_products_of_curvature_stay_where_the_network_is(kind: type[Hessian] | type[GaussNewton]) -> None:
    of = subject(COUNTS)
    network = of.network.to("meta")  # derivatives of a pretended GPU would ask its driver
    there = replace(of, network=network)
    matrix = kind(network, lambda: there.batches("train"))
    parts = matrix.split(np.ones(matrix.size))
    for inputs, targets in there.batches("train"):
        product = matrix.of_batch(inputs, targets, parts)
        for part, parameter in zip(product, network.parameters(), strict=True):
            assert (part.device.type, part.shape) == ("meta", parameter.shape)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_finds_the_same() -> None:
    of = subject(COUNTS)
    of = replace(of, parts={"train": of.parts["train"], "test": of.parts["train"]})
    there = replace(of, network=subject(COUNTS).network.to("cuda"))
    here, other = (curvature(each, rows=30).data["groups"] for each in (of, there))
    for name, group in here.items():
        for kind in ("hessian", "gauss_newton"):
            np.testing.assert_allclose(other[name][kind]["eigenvalues"], group[kind]["eigenvalues"], rtol=1e-3)
    slices = [landscape(each, 30).data["slices_by_class"] for each in (of, there)]
    np.testing.assert_allclose(slices[1], slices[0], rtol=1e-4)
    fitted = [overfitting(each).data["train"]["fitted"] for each in (of, there)]
    assert fitted[1] == fitted[0]
