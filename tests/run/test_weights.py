"""`--weights` reaches the network that is trained, also for small images, and the saved model is built alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.run.learners import fit_model
from tailtune.run.predictor import Predictor
from tailtune.settings import Run


def saved_weights(folder: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    import timm

    torch.manual_seed(5)
    state = timm.create_model("test_resnet", in_chans=1, num_classes=7).state_dict()
    torch.save(state, folder / "mine.pth")
    return folder / "mine.pth", state


def test_training_starts_from_the_file(tmp_path: Path) -> None:
    path, state = saved_weights(tmp_path)
    run = Run(
        "digits", method="erm", model="timm/test_resnet", weights=str(path), epochs=1, lr=1e-12, weight_decay=0.0, ema=0
    )
    dataset = open_dataset(run)
    fitted = fit_model(run, dataset)
    assert fitted is not None
    network = fitted.predictor.model.state_dict()
    kernels = [name for name in state if state[name].ndim == 4]
    assert kernels
    for name in kernels:
        torch.testing.assert_close(network[f"body.{name}"], state[name], rtol=0, atol=1e-6)
    fitted.predictor.save(tmp_path)
    expected = fitted.predictor.probabilities(dataset.test.inputs)
    assert np.array_equal(Predictor.load(tmp_path).probabilities(dataset.test.inputs), expected)


def test_weights_beside_others_or_for_tables_are_refused(tmp_path: Path) -> None:
    path, _ = saved_weights(tmp_path)
    run = Run("digits", model="timm/test_resnet", weights=str(path), pretrained=True, epochs=1)
    with pytest.raises(TailtuneError, match="takes timm's own; leave one out"):
        fit_model(run, open_dataset(run))
