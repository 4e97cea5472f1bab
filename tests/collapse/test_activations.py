"""What a layer gives, batch by batch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tailtune.collapse.activations import activations
from tailtune.errors import TailtuneError
from tailtune.models.cifar_resnet import CifarResNet


def test_without_a_name_it_is_what_goes_into_the_head() -> None:
    model = CifarResNet(8, 1, 3)  # in training mode, in which batches would change what rows give
    batches = [(torch.rand(5, 1, 8, 8),), (torch.rand(2, 1, 8, 8),)]
    found = list(activations(model, batches))
    assert model.training
    model.eval()
    for (features, logits), batch in zip(found, batches, strict=True):
        torch.testing.assert_close(features, model.features(*batch))
        torch.testing.assert_close(logits, model(*batch))


def test_maps_of_a_layer_are_flattened_and_its_hook_is_taken_away() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3))
    x = torch.rand(4, 1, 4, 4)
    ((features, _),) = activations(model, [(x,)], "0")
    torch.testing.assert_close(features, model[0](x).flatten(1))
    assert not model[0]._forward_hooks


def test_layers_that_have_no_rows_are_refused() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    model.append(model[0])
    x = (torch.rand(4, 3),)
    with pytest.raises(TailtuneError, match="no layer 'body'; it has 0, 1"):
        list(activations(model, [x], "body"))
    with pytest.raises(TailtuneError, match="layer '0' is used 2 times"):
        list(activations(model, [x], "0"))
    with pytest.raises(TailtuneError, match="does not give one row of numbers"):
        list(activations(nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (4, 3))), [x], "0"))
