"""Test-time averaging over mirror images: what it computes, that it is saved, and where it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tailtune.data.open import open_dataset
from tailtune.decision.decision import PriorCorrection
from tailtune.errors import TailtuneError
from tailtune.estimators.image_classifier import ImageClassifier
from tailtune.run.learner import Fitted
from tailtune.run.learners import fit_model
from tailtune.run.learners.networks import check_flip_averaging
from tailtune.run.predictor import Predictor
from tailtune.settings import Run


@pytest.fixture(scope="module")
def fitted() -> tuple[Fitted, torch.Tensor]:
    run = Run("digits", ratio=0.1, method="erm", epochs=1, selection="last", flip=True, flip_averaging=True)
    dataset = open_dataset(run)
    result = fit_model(run, dataset)
    assert result is not None
    return result, dataset.test.inputs[0][:50]


def test_it_is_the_mean_of_an_image_and_its_mirror_image(fitted: tuple[Fitted, torch.Tensor]) -> None:
    averaged, pixels = fitted[0].predictor, fitted[1]
    plain = replace(averaged, flip_averaging=False)
    mirrored = torch.from_numpy(pixels.numpy()[:, :, :, ::-1].copy())
    expected = (plain.scores((pixels,)) + plain.scores((mirrored,))) / 2
    np.testing.assert_allclose(averaged.scores((pixels,)), expected, rtol=0, atol=1e-12)
    assert np.abs(expected - plain.scores((pixels,))).max() > 1e-3
    np.testing.assert_array_equal(averaged.probabilities((mirrored,)), averaged.probabilities((pixels,)))
    np.testing.assert_allclose(expected.sum(1), 1, atol=1e-12)


def test_the_decision_is_made_on_the_average(fitted: tuple[Fitted, torch.Tensor]) -> None:
    decision = PriorCorrection(np.linspace(-1, 1, 10), 1.0)
    averaged, pixels = replace(fitted[0].predictor, decision=decision), fitted[1]
    expected = fitted[0].predictor.scores((pixels,)) * np.exp(decision.offsets)
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(averaged.scores((pixels,)), expected, rtol=0, atol=1e-12)


def test_the_saved_model_repeats_it(fitted: tuple[Fitted, torch.Tensor], tmp_path: Path) -> None:
    fitted[0].predictor.save(tmp_path)
    loaded = Predictor.load(tmp_path)
    assert loaded.flip_averaging
    expected = fitted[0].predictor.probabilities((fitted[1],))
    np.testing.assert_array_equal(loaded.probabilities((fitted[1],)), expected)


def test_it_is_refused_where_a_mirror_image_is_another_class(tmp_path: Path) -> None:
    run = Run("digits", epochs=1, flip_averaging=True)
    with pytest.raises(TailtuneError, match=r"--flip-averaging needs mirror images .* and in digits they do not"):
        fit_model(run, open_dataset(run))
    table = tmp_path / "table.csv"
    table.write_text("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(40)))
    run = Run(str(table), target="y", flip_averaging=True)
    with pytest.raises(TailtuneError, match="the data is a table; leave it out"):
        check_flip_averaging(run, open_dataset(run))


def test_the_estimator_has_it() -> None:
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    model = ImageClassifier(flip_averaging=True, model="resnet8", epochs=1).fit(x, np.arange(40) % 2)
    np.testing.assert_array_equal(model.predict_proba(x), model.predict_proba(x[:, :, ::-1].copy()))
