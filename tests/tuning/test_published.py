"""Published settings as first trials: of which data set, and moved into what is searched."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.methods.search import Choice, Log, Maybe, Uniform, Whole
from tailtune.paper.tabular_facts import COLUMNS, PUBLISHED, ROWS
from tailtune.settings import Run
from tailtune.tuning.published import nearest, published
from tailtune.tuning.ranges import MODELS
from tailtune.tuning.spaces import Search, searches, within


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    y = np.arange(200) % 4 == 0
    pl.DataFrame({**{f"x{j}": rng.normal(size=200) for j in range(12)}, "y": y.astype(int)}).write_csv(path)
    return open_dataset(Run(str(path), target="y"))


def of(model: str, dataset: Dataset) -> Search:
    (search,) = searches(Run("rows.csv", target="y", model=model), dataset)
    return search


def test_the_data_set_itself_is_the_nearest() -> None:
    for name in ROWS:
        assert nearest(ROWS[name], COLUMNS[name]) == name
        assert nearest(int(0.64 * ROWS[name]), COLUMNS[name]) == name


def test_published_settings_are_those_of_the_facts_within_the_ranges(dataset: Dataset) -> None:
    found = published(of("xgboost", dataset), dataset)
    assert found is not None
    name, settings = found
    facts = PUBLISHED["adult"]["xgboost"].model
    assert name == "adult"
    assert settings["model.max_depth"] == facts["max_depth"]
    assert settings["model.learning_rate"] == facts["learning_rate"]
    assert "model.gamma" not in settings  # is not searched
    network = published(of("mlp-plr", dataset), dataset)
    assert network == ("adult", {"model.layers": 4, "model.width": 512, "model.dropout": 0.0, "model.d_embedding": 24})


def test_what_is_stated_or_unknown_is_left_out(dataset: Dataset) -> None:
    found = published(of("xgboost(max_depth=7)", dataset), dataset)
    assert found is not None
    assert "model.max_depth" not in found[1]
    assert published(of("lightgbm", dataset), dataset) is None


@pytest.mark.parametrize("model", sorted(MODELS))
def test_the_default_of_every_model_is_a_point_of_its_space(model: str, dataset: Dataset) -> None:
    search = of(model, dataset)
    assert search.default.keys() == search.space.keys()
    point = search.point({})
    for name, range_ in search.space.items():
        inside = range_.range if isinstance(range_, Maybe) else range_
        assert within(inside, point[name]) == point[name]
    if model == "mlp-plr":
        assert (point["model.width"], point["lr"]) == (256, 0.1)
        assert (point["method.rho?"], point["method.tau?"]) == (False, False)
    if model == "tabm":
        assert (point["model.width"], point["lr"]) == (512, 2e-3)  # its authors', not those of the recipe
    if model == "ft-transformer":
        assert (point["model.blocks"], point["model.width"]) == (3, 192)


@given(st.floats(-10, 1000), st.integers(1, 9))
def test_a_value_moves_no_further_than_to_the_next_that_is_allowed(value: float, step: int) -> None:
    for range_ in (Log(0.01, 0.3), Uniform(0.0, 0.5), Whole(2, 2 + 10 * step, step)):
        found = within(range_, value)
        assert range_.low <= found <= range_.high
        if isinstance(range_, Whole):
            assert (found - range_.low) % step == 0
        elif range_.low <= value <= range_.high:
            assert found == value
    numbers = (3, 5, 8)
    assert abs(within(Choice(("word", *numbers)), value) - value) == min(abs(each - value) for each in numbers)
