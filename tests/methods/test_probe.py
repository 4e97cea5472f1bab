"""The probe fits a head to features that stay, and says what features of random weights are worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from tailtune import ClassProfile, TailtuneError
from tailtune.data.open import open_dataset
from tailtune.methods.method import Context
from tailtune.methods.probe import probe
from tailtune.models.network import Network
from tailtune.run.learners import fit_model
from tailtune.settings import Run

PROFILE = ClassProfile((40, 15, 5))


class Tiny(Network):
    def __init__(self) -> None:
        super().__init__()
        self.feature_dim = 5
        self.body = nn.Linear(3, 5)
        self.head: nn.Module = nn.Linear(5, 3)

    def features(self, *inputs: Tensor) -> Tensor:
        return self.body(inputs[0])  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Held:
    inputs: Tensor
    targets: Tensor

    def batches(self, size: int) -> Iterator[tuple[Tensor, ...]]:
        for part in torch.split(self.inputs, size):
            yield (part,)


def rows(seed: int) -> Held:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.tensor([0] * 40 + [1] * 15 + [2] * 5)
    return Held(torch.randn(60, 3, generator=generator) + torch.eye(3)[targets], targets)


def fitted(val: Held | None, **settings: float) -> Tiny:
    torch.manual_seed(0)
    model = Tiny()
    (stage,) = probe(PROFILE, **settings).stages
    assert stage.share == 0
    assert stage.finish is not None
    stage.finish(Context(model.eval(), PROFILE, rows(0), val, (), 0, lambda: None))
    return model


def test_the_head_is_a_logistic_regression_on_standardised_features() -> None:
    model, x, y = fitted(None, weight_decay=0.1), rows(0).inputs, rows(0).targets
    with torch.no_grad():
        features = model.features(x).numpy().astype(np.float64)
        found = model(x).softmax(1).numpy()
    z = (features - features.mean(0)) / features.std(0)
    z = np.column_stack([z, np.ones(len(z))])  # the bias is penalised too
    reference = LogisticRegression(C=1 / (0.1 * len(z)), fit_intercept=False, tol=1e-8, max_iter=2000).fit(z, y.numpy())
    np.testing.assert_allclose(found, reference.predict_proba(z), atol=2e-3)


def test_the_weight_decay_is_chosen_on_validation_rows() -> None:
    val = rows(1)

    def loss(model: Tiny) -> float:
        with torch.no_grad():
            return float(nn.functional.cross_entropy(model(val.inputs), val.targets))

    chosen = loss(fitted(val))
    alone = [loss(fitted(val, weight_decay=decay)) for decay in (1e-4, 1e-3, 1e-2, 1e-1, 1.0)]
    assert chosen == pytest.approx(min(alone), abs=1e-6)
    assert loss(fitted(None)) == pytest.approx(alone[2], abs=1e-6)


def test_a_weight_decay_below_0_is_refused() -> None:
    with pytest.raises(TailtuneError, match="weight_decay must be 0 or more"):
        probe(PROFILE, weight_decay=-1.0)


def test_a_run_trains_no_step_and_says_what_random_features_are_worth() -> None:
    run = Run("digits", ratio=0.1, method="probe", model="resnet8", epochs=5)
    dataset = open_dataset(run)
    fit = fit_model(run, dataset)
    assert fit is not None
    assert (fit.training.steps, fit.training.epochs, fit.training.planned_epochs) == (0, 0, 0)
    assert any("no more than a lower bound" in sentence for sentence in fit.training.warnings)
    answers = fit.predictor.probabilities(dataset.test.inputs).argmax(1)
    assert (answers == dataset.test.targets.numpy()).mean() > 0.5  # random features tell digits apart, if not well


def test_weights_of_rows_are_refused_rather_than_passed_over() -> None:
    run = Run("digits", ratio=0.1, method="probe", model="resnet8", epochs=1)
    dataset = open_dataset(run)
    weighted = replace(dataset, train=replace(dataset.train, weights=torch.ones(len(dataset.train))))
    with pytest.raises(TailtuneError, match="method probe trains no step, so it takes no weights"):
        fit_model(run, weighted)


def test_tables_are_refused() -> None:
    dataset = open_dataset(Run("digits", ratio=0.1))
    with pytest.raises(TailtuneError, match="is for images, and the data is a table"):
        fit_model(Run("made", method="probe", model="mlp", epochs=1), replace(dataset, kind="table"))
