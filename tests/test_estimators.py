"""The estimators keep scikit-learn's contract and work in its tools."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tailtune import ImageClassifier, TabularClassifier, TailtuneError

QUICK = {"epochs": 12, "batch_size": 8, "lr": 0.05, "method": "erm", "ema": 0.0, "accelerator": "cpu"}
TABLES = TabularClassifier(model="mlp", optimizer="sgd", **QUICK)
IMAGES = ImageClassifier(model="resnet8", policy="none", precision="32", **QUICK)


def declared(estimator: Any) -> dict[str, str]:
    reason = "mini-batches are drawn by row, so a row of weight 2 is not the same as the row twice"
    return {"check_sample_weight_equivalence_on_dense_data": reason}


@parametrize_with_checks([TABLES, IMAGES], expected_failed_checks=declared)
def test_scikit_learn_contract(estimator: Any, check: Any) -> None:
    check(estimator)


def frame(rows: int = 240) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    y = (rng.random(rows) < 0.25).astype(int)
    colour = np.where(rng.random(rows) < 0.8, np.where(y == 1, "red", "blue"), "green")
    amount = rng.standard_normal(rows) + 2 * y
    amount[::17] = np.nan
    return pd.DataFrame({"amount": amount, "colour": colour, "new": rng.random(rows) < 0.5}), np.where(y, "yes", "no")


def test_pandas_polars_and_reordered_columns_agree(tmp_path: Path) -> None:
    X, y = frame()
    model = clone(TABLES).fit(X, y)
    p = model.predict_proba(X)
    assert list(model.classes_) == ["no", "yes"]
    assert (model.predict(X) == y).mean() > 0.9
    np.testing.assert_array_equal(p, model.predict_proba(pl.DataFrame(X.to_dict("list"), nan_to_null=True)))
    model.save(tmp_path / "model")
    loaded = TabularClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(p, loaded.predict_proba(X))
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
    assert not list((tmp_path / "model").glob("*.pkl"))
    with pytest.raises(TailtuneError, match="holds a TabularClassifier, not a ImageClassifier"):
        ImageClassifier.load(tmp_path / "model")


def test_sample_weight_moves_predictions_to_the_weighted_class() -> None:
    X, y = make_classification(300, weights=[0.7], flip_y=0.3, random_state=0)
    model = clone(TABLES).set_params(epochs=2, selection="last")  # too short to fit the noise by heart
    plain = clone(model).fit(X, y).predict_proba(X)[:, 1].mean()
    heavy = clone(model).fit(X, y, sample_weight=np.where(y == 1, 8.0, 1.0)).predict_proba(X)[:, 1].mean()
    assert heavy > plain + 0.15


def test_pipeline_grid_search_and_cross_validation() -> None:
    X, y = make_classification(200, class_sep=2.0, random_state=0)
    pipeline = make_pipeline(StandardScaler(), clone(TABLES))
    assert cross_val_score(pipeline, X, y, cv=2).mean() > 0.6
    search = GridSearchCV(clone(TABLES), {"method": ["erm", "tuned"]}, cv=2).fit(X, y)
    assert search.best_params_["method"] in ("erm", "tuned")


def test_xgboost_is_a_model_of_the_same_estimator(tmp_path: Path) -> None:
    X, y = frame()
    model = TabularClassifier(model="xgboost", method="erm").fit(X, y)
    assert (model.predict(X) == y).mean() > 0.9
    model.save(tmp_path)
    np.testing.assert_array_equal(model.predict_proba(X), TabularClassifier.load(tmp_path).predict_proba(X))


def test_image_layouts_and_ranges_agree(tmp_path: Path) -> None:
    images, y = load_digits(return_X_y=True, n_class=3)
    images, y = images[:200], y[:200]
    pictures = (images.reshape(-1, 8, 8) * 15.9).astype(np.uint8)
    model = clone(IMAGES).set_params(flip=False, policy=None).fit(pictures, y)
    assert model.score(pictures, y) > 0.9
    p = model.predict_proba(pictures)
    np.testing.assert_array_equal(p, model.predict_proba(pictures[..., None]))
    flat = clone(IMAGES).set_params(flip=False, policy=None).fit(images, y)
    assert flat.score(images, y) > 0.9
    flat.save(tmp_path)
    np.testing.assert_array_equal(flat.predict_proba(images), ImageClassifier.load(tmp_path).predict_proba(images))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((10, 8, 8), np.nan), "NaN or infinity"),
        (np.full((10, 8, 8), "a"), "arrays of numbers"),
        (np.zeros((10, 8, 8, 7), dtype=np.uint8), "7"),
    ],
)
def test_bad_images_are_refused(X: Any, message: str) -> None:
    with pytest.raises(TailtuneError, match=message):
        clone(IMAGES).fit(X, [0, 1] * 5)


def test_errors_name_arguments_and_not_options_of_the_command_line() -> None:
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    with pytest.raises(TailtuneError, match=r"^epochs must be 1 or more, however: 0$"):
        TabularClassifier(epochs=0).fit(X, y)
    with pytest.raises(TailtuneError, match=r"which xgboost does not have; use method erm$"):
        TabularClassifier(model="xgboost", method="tuned").fit(X, y)


def test_a_single_class_is_refused_by_its_plain_name() -> None:
    with pytest.raises(TailtuneError, match=r"two classes or more, however: one class, 'ill'$"):
        TabularClassifier().fit(np.zeros((4, 1)), np.array(["ill"] * 4))


def test_predict_answers_the_objective_and_predict_proba_belongs_to_the_balance_in_use(tmp_path: Path) -> None:
    X, y = make_classification(500, weights=[0.85], flip_y=0.1, random_state=0)
    model = clone(TABLES).set_params(method="balanced_sampling", selection="last", epochs=2)
    asked = {
        "likeliest": {"objective": "accuracy"},
        "balanced": {"objective": "balanced_accuracy"},
        "in_use": {"objective": "accuracy", "deploy_prior": "1=0.5"},
        "as_it_is": {"decision": "none"},
    }
    fitted = {name: clone(model).set_params(**settings).fit(X, y) for name, settings in asked.items()}
    p = {name: each.predict_proba(X)[:, 1] for name, each in fitted.items()}
    answers = {name: each.predict(X) for name, each in fitted.items()}
    np.testing.assert_array_equal(answers["likeliest"], p["likeliest"] > 0.5)
    np.testing.assert_array_equal(p["balanced"], p["likeliest"])
    np.testing.assert_array_equal(answers["balanced"], p["likeliest"] > y.mean())  # of equal classes, the likelier
    np.testing.assert_allclose(p["in_use"], p["as_it_is"], rtol=1e-6)  # sampled in balance, used in balance
    each = np.array([1 / (1 - y.mean()), 1 / y.mean()]) * np.stack([1 - p["likeliest"], p["likeliest"]], axis=1)
    np.testing.assert_allclose(p["in_use"], each[:, 1] / each.sum(axis=1), atol=1e-9)
    fitted["balanced"].save(tmp_path)
    loaded = TabularClassifier.load(tmp_path)
    assert loaded.objective == "balanced_accuracy"
    np.testing.assert_array_equal(loaded.predict(X), answers["balanced"])


def test_answers_for_macro_f1_are_found_on_the_validation_share() -> None:
    X, y = make_classification(400, weights=[0.85], flip_y=0.1, random_state=0)
    macro = clone(TABLES).set_params(objective="macro_f1")
    model = clone(macro).fit(X, y)
    assert (model.decided_.objective, model.decided_.rows) == ("macro_f1", 60)
    few = clone(macro).fit(X[:100], y[:100])
    assert few.decided_.rows == 0
    assert "takes 30 or more (there are 15)" in few.decided_.notes[0]
    np.testing.assert_array_equal(few.predict(X), few.predict_proba(X).argmax(axis=1))


def test_an_objective_or_a_balance_that_means_nothing_is_refused() -> None:
    X, y = make_classification(60, random_state=0)
    with pytest.raises(TailtuneError, match=r"^deploy_prior nonsense|^deploy_prior must be uniform"):
        clone(TABLES).set_params(deploy_prior="nonsense").fit(X, y)
    with pytest.raises(TailtuneError, match="there is no objective 'f1'"):
        clone(TABLES).set_params(objective="f1").fit(X, y)
    with pytest.raises(TailtuneError, match=r"^decision must be one of none, prior, fitted"):
        clone(TABLES).set_params(decision="fit").fit(X, y)


def test_class_weights_move_probabilities_and_answers_as_copies_of_rows_would(tmp_path: Path) -> None:
    X, y = make_classification(600, weights=[0.8], flip_y=0.1, random_state=0)
    y = np.where(y == 1, "rare", "common")
    for model in (clone(TABLES), TabularClassifier(model="xgboost")):
        plain = clone(model).fit(X, y)
        heavy = clone(model).set_params(class_weight={"rare": 6.0}).fit(X, y)
        balanced = clone(model).set_params(class_weight="balanced").fit(X, y)
        assert (heavy.predict(X) == "rare").sum() >= (plain.predict(X) == "rare").sum()
        assert heavy.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()
        np.testing.assert_allclose(balanced.decided_.deployment, [0.5, 0.5])
        back = clone(model).set_params(class_weight="balanced", deploy_prior="train").fit(X, y)
        assert abs(back.predict_proba(X)[:, 1].mean() - (y == "rare").mean()) < 0.08
    heavy.save(tmp_path)
    assert TabularClassifier.load(tmp_path).class_weight == {"rare": 6.0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"class_weight": "equal"}, "class_weight must be 'balanced', weights by label or None, however: 'equal'"),
        ({"class_weight": {2: 1.0}}, r"label 2, which is no class of y; its classes: 0, 1"),
        ({"class_weight": {1: -1.0}}, "must be positive numbers, however: -1.0 for 1"),
        ({"class_weight": "balanced", "method": "balanced_softmax"}, "'balanced_softmax' makes up for unequal class"),
        ({"class_weight": "balanced", "model": "extra-trees", "method": None}, "pure leaves of extra-trees"),
        ({"monitor": "loss"}, "^monitor must be one of"),
        ({"minutes": -1.0}, "^minutes must be more than 0"),
    ],
)
def test_settings_that_a_model_cannot_take_are_refused_in_words(settings: dict[str, Any], message: str) -> None:
    X, y = make_classification(60, random_state=0)
    model = clone(TABLES).set_params(**settings)
    if settings.get("model") == "extra-trees":
        model = TabularClassifier(**settings)
    with pytest.raises(TailtuneError, match=message):
        model.fit(X, y)


def test_a_set_to_validate_on_takes_the_place_of_a_share() -> None:
    X, y = make_classification(300, random_state=0)
    given = (X[200:], y[200:])
    model = clone(TABLES).fit(X[:200], y[:200], eval_set=given)
    same = clone(TABLES).fit(X[:200], y[:200], eval_set=[given])
    np.testing.assert_array_equal(model.predict_proba(X), same.predict_proba(X))
    assert model.decided_.rows == 100
    for wrong, message in (
        ([given, given], "no more than one"),
        (given[0], r"must be \(X, y\)"),
        ((X[200:], y[200:] + 1), "class 2, which y does not have"),
        ((X[200:], y[:9]), "100 rows and 9 labels"),
        ((X[200:, :3], y[200:]), "features"),
    ):
        with pytest.raises(ValueError, match=message):
            clone(TABLES).fit(X[:200], y[:200], eval_set=wrong)
    pictures = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    fitted = clone(IMAGES).set_params(epochs=1).fit(pictures[:40], y[:40], eval_set=(pictures[40:], y[40:60]))
    assert fitted.run_.selection == "validation"


def test_groups_stay_together_and_are_routed_as_metadata() -> None:
    X, y = make_classification(240, random_state=0)
    groups = np.arange(240) // 4
    seen: list[Any] = []

    class Watched(TabularClassifier):
        def _encode(self, preprocessor: Any, X: Any, training: Any = None) -> Any:
            seen.append(X["f0"].to_list())
            return super()._encode(preprocessor, X, training)

    Watched(model="xgboost").fit(X, y, groups=groups)
    of = dict(zip(X[:, 0].tolist(), groups.tolist(), strict=True))
    train, val = ({of[value] for value in values} for values in seen[:2])
    assert not train & val
    with pytest.raises(TailtuneError, match=r"one a row, of shape \(240,\)"):
        TabularClassifier(model="xgboost").fit(X, y, groups=groups[:9])
    with config_context(enable_metadata_routing=True):
        model = TabularClassifier(model="xgboost").set_fit_request(groups=True)
        scored = cross_validate(model, X, y, cv=GroupKFold(3), params={"groups": groups})
    assert len(scored["test_score"]) == 3


def test_verbose_prints_and_minutes_end_training(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = make_classification(300, random_state=0)
    clone(TABLES).fit(X, y)
    assert capsys.readouterr().out == ""
    model = clone(TABLES).set_params(verbose=1, minutes=0.05, epochs=None, batch_size=None, monitor="balanced_accuracy")
    began = time.monotonic()
    model.fit(X, y)
    assert time.monotonic() - began < 20
    assert "Training by erm: mlp" in capsys.readouterr().out
    assert model.run_.monitor == "balanced_accuracy"


def test_columns_to_keep_and_text_to_hash() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(300) < 0.3).astype(int)
    X = pl.DataFrame({
        "id": [f"K{k}" for k in range(300)],
        "note": [f"number {k} came {'late' if y[k] else 'early'}" for k in range(300)],
    })  # fmt: skip
    with pytest.raises(TailtuneError, match="no column is left to learn from"):
        TabularClassifier(model="xgboost").fit(X, y)
    model = TabularClassifier(model="xgboost", text="hash", keep=["id"]).fit(X, y)
    assert model.score(X, y) > 0.95
