"""TabICL behind the contract of classical models, with a stand-in that has the package's signatures."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hub_cache import use_cache
from standing_in_tabicl import install, keep_weights

from tailtune.data.dataset import Part
from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.models.classical import tabicl
from tailtune.models.classical.library import Library
from tailtune.run.execute import execute
from tailtune.run.learners import fit_model, portfolio
from tailtune.run.portfolio import Portfolio
from tailtune.run.predictor import Predictor
from tailtune.settings import Run

SHAPE = {"numeric": 2, "cardinalities": [3]}


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package and its weights."""
    install(monkeypatch)
    tabicl.digest_of.cache_clear()
    return keep_weights(tmp_path / "hub", monkeypatch)


def part(n: int = 60, classes: int = 2) -> Part:
    rng = np.random.default_rng(n)
    numeric = torch.tensor(rng.normal(size=(n, 2)), dtype=torch.float32)
    codes = torch.tensor(rng.integers(0, 3, size=(n, 1)))
    targets = (numeric[:, 0] > 0.5).long() * (classes - 1)
    return Part((numeric, codes), targets, np.arange(n).astype(str))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 2))
    path = tmp_path / "rows.csv"
    y = np.where(x[:, 0] + 0.3 * rng.normal(size=240) > 0.9, "yes", "no")
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y}).write_csv(path)
    return path


@pytest.mark.usefixtures("there")
def test_the_context_is_saved_with_the_name_and_the_hash_of_the_checkpoint(there: Path) -> None:
    library: Library = tabicl
    model = library.fit(part(), None, SHAPE, 4, seed=3)
    test = part(20)
    found = model.predict_proba(test.inputs)
    assert found.shape == (20, 4)
    assert found[:, 2:].max() == 0  # classes without rows
    assert (found.argmax(1) == test.targets.numpy()).mean() > 0.8
    again = library.from_bytes(model.to_bytes())
    assert isinstance(again, tabicl.TabICL)
    assert np.array_equal(again.predict_proba(test.inputs), found)
    assert again.digest == hashlib.sha256(there.read_bytes()).hexdigest()
    assert again.checkpoint == there.name
    assert again.predict_proba((torch.zeros(0, 2), torch.zeros(0, 1, dtype=torch.int64))).shape == (0, 4)
    with pytest.raises(TailtuneError, match="2 numeric and 1 categorical"):
        again.predict_proba((torch.zeros(1, 3), torch.zeros(1, 1)))
    with pytest.raises(TailtuneError, match="no model that tailtune saved"):
        library.from_bytes(b"something else")


def test_another_checkpoint_than_that_of_training_is_refused(there: Path) -> None:
    saved = tabicl.fit(part(), None, SHAPE, 2, seed=0).to_bytes()
    there.write_bytes(b"weights of another day")
    tabicl.digest_of.cache_clear()
    with pytest.raises(TailtuneError, match="is another checkpoint than that of this model"):
        tabicl.from_bytes(saved).predict_proba(part().inputs)


def test_what_is_missing_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tabicl", None)
    with pytest.raises(TailtuneError, match="pip install tabicl"):
        tabicl.fit(part(), None, SHAPE, 2, seed=0)
    install(monkeypatch)
    use_cache(tmp_path, monkeypatch)
    with pytest.raises(TailtuneError, match=r"weights jingang/TabICL are not in the cache .*; fetch https?://.*ckpt"):
        tabicl.fit(part(), None, SHAPE, 2, seed=0)


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"method": "class_balanced"}, "sets the class weights of training, which tabicl does not have"),
        ({"method": "oversample"}, "sets the sampler of training, which tabicl does not have"),
        ({"method": "focal"}, "sets the loss of training, which tabicl does not have"),
        ({"model": "tabicl(estimators=0)"}, "estimators of tabicl must be 1 or more, however: 0"),
        ({"model": "tabicl(checkpoint='other.ckpt')"}, "weights jingang/TabICL are not in the cache"),
        ({"model": "tabicl(rate=1)"}, "takes no 'rate'"),
        ({"weight": "b"}, "knows no weights of them"),
    ],
)
def test_what_it_cannot_take_is_refused(table: Path, changed: dict[str, str], said: str) -> None:
    if "weight" in changed:
        pl.read_csv(table).with_columns(pl.col("b").abs()).write_csv(table)
    run = Run(str(table), target="y", **{"model": "tabicl", **changed})  # type: ignore[arg-type]
    with pytest.raises(TailtuneError, match=said.replace("(", r"\(")):
        fit_model(run, open_dataset(run))


@pytest.mark.usefixtures("there")
def test_a_run_with_it_predicts_from_its_folder(table: Path, tmp_path: Path) -> None:
    run = Run(str(table), target="y", model="tabicl", out=str(tmp_path / "run"), baselines=("majority",))
    finished = execute(run, say=lambda _: None)
    assert finished is not None
    test = open_dataset(run).test
    loaded = Predictor.load(tmp_path / "run").probabilities(test.inputs)
    assert np.allclose(loaded, finished.predictions.model.probabilities)
    assert b"pickle" not in (tmp_path / "run" / "model.safetensors").read_bytes()


def test_a_portfolio_takes_it_where_it_can_be_had_and_says_so(
    there: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portfolio, "MEMBERS", ("logistic-regression",))
    run = Run(str(table), target="y")
    dataset = open_dataset(run)
    fitted = fit_model(run, dataset)
    assert fitted is not None
    assert fitted.run.model == "portfolio(members=('logistic-regression', 'tabicl'))"
    assert isinstance(fitted.predictor.model, Portfolio)
    assert [record.name for record in fitted.training.portfolio] == ["logistic-regression", "tabicl"]
    there.unlink()
    again = fit_model(run, dataset)
    assert again is not None
    assert again.run.model == "portfolio"


@pytest.mark.usefixtures("there")
def test_it_joins_within_bounds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert tabicl.joins(10_000, 2_000, 10)
    assert not tabicl.joins(10_001, 10, 2)
    assert not tabicl.joins(100, 2_001, 2)
    assert not tabicl.joins(100, 10, 11)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert tabicl.joins(100_000, 10, 2)
    monkeypatch.setitem(sys.modules, "tabicl", None)
    assert not tabicl.joins(100, 10, 2)
