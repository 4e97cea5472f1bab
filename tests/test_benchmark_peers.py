"""Peers in an environment of their own: the rows that they get, and what becomes of their probabilities."""

from __future__ import annotations

import ast
import importlib
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


class StandIn:
    """Has what the peers' estimators have; a logistic regression that takes what they take."""

    def __init__(self, random_state: int, device: str, n_threads: int, **settings: Any) -> None:
        assert (device, n_threads) == ("cpu", 1)

    def fit(self, rows: Any, targets: Any) -> StandIn:
        from sklearn.compose import make_column_selector, make_column_transformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        assert not rows.select_dtypes("number").isna().any(axis=None)
        columns = make_column_transformer(
            (StandardScaler(), make_column_selector(dtype_include="number")),
            (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
        )
        self.model = make_pipeline(columns, LogisticRegression()).fit(rows, targets)
        self.classes_ = self.model.classes_
        return self

    def predict_proba(self, rows: Any) -> Any:
        return self.model.predict_proba(rows)


class Slow(StandIn):
    def fit(self, rows: Any, targets: Any) -> StandIn:
        time.sleep(30)
        return self


class Refusing(StandIn):
    def fit(self, rows: Any, targets: Any) -> StandIn:
        raise ValueError("a class has too few rows")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    standing_in = ModuleType("pytabkit")
    vars(standing_in).update(RealMLP_TD_Classifier=StandIn, TabM_D_Classifier=StandIn)
    monkeypatch.setitem(sys.modules, "pytabkit", standing_in)
    names = ("tables", "pytabkit_peers", "exported_rows", "read_tables")
    found = {name: importlib.import_module(name) for name in names}
    monkeypatch.setattr(found["pytabkit_peers"], "PACKAGES", ("numpy",))
    return found


def call(script: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["script", *map(str, arguments)])
    script.main()


def test_peers_get_the_rows_and_are_measured_as_all_others(
    scripts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.metrics import average_precision_score, log_loss

    rows, out = tmp_path / "rows", tmp_path / "tables.jsonl"
    call(scripts["tables"], monkeypatch, "--export", rows, "--seeds", 1, "--tables", "breast cancer")
    call(scripts["pytabkit_peers"], monkeypatch, rows, "--cap", 60)
    call(scripts["tables"], monkeypatch, "--collect", rows, "--out", out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted(line["system"] for line in lines) == ["RealMLP-TD", "RealMLP-TD, log loss", "TabM-D"]
    dataset = scripts["tables"].opened("breast cancer", 0, None)
    made = scripts["exported_rows"].Made.read(next(rows.glob("*TabM-D*")))
    (line,) = (line for line in lines if line["system"] == "TabM-D")
    targets, rarer = dataset.test.targets.numpy(), int(np.argmin(dataset.profile.counts))
    assert line["log_loss"] == pytest.approx(log_loss(targets, made.probabilities))
    expected = average_precision_score(targets == rarer, made.probabilities[:, rarer])
    assert line["average_precision"] == pytest.approx(expected)
    assert (line["split_hash"], line["seconds_at_most"]) == (dataset.split_hash, 60)
    assert (line["rows"], line["rarest"]) == (len(dataset.train), min(dataset.profile.counts))
    call(scripts["tables"], monkeypatch, "--collect", rows, "--out", out)
    assert len(out.read_text().splitlines()) == 3  # nothing is added twice
    other = {**lines[0], "system": "portfolio", "split_hash": "another"}
    out.write_text(json.dumps(other))
    with pytest.raises(SystemExit, match="is of other rows"):
        call(scripts["tables"], monkeypatch, "--collect", rows, "--out", out)


def test_missing_values_and_unknown_levels(scripts: dict[str, Any], tmp_path: Path) -> None:
    numbers = (np.array([[1.0, 5.0], [3.0, np.nan], [np.nan, 7.0]]), np.array([[np.nan, np.nan]]))
    categories = (np.array([["a"], [""], ["b"]]), np.array([["c"]]))
    written = scripts["exported_rows"].Rows(numbers, categories, (np.array([0, 1, 0]), np.array([1])), {"counts": [2]})
    written.write(tmp_path / "t-0.npz")
    train, test = scripts["pytabkit_peers"].tables(scripts["exported_rows"].Rows.read(tmp_path / "t-0.npz"))
    assert train["n0"].tolist() == [1.0, 3.0, 2.0]
    assert train["n1 is missing"].tolist() == [0.0, 1.0, 0.0]
    assert test["n0"].tolist() == [2.0]
    assert train["c0"].tolist() == ["a", "", "b"]
    assert test["c0"].isna().all()


@pytest.mark.parametrize(("estimator", "said"), [(Slow, "given up after 0.2 s"), (Refusing, "too few rows")])
def test_what_takes_too_long_or_fails_leaves_the_others(
    scripts: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    estimator: type[StandIn],
    said: str,
) -> None:
    monkeypatch.setattr(sys.modules["pytabkit"], "TabM_D_Classifier", estimator)
    rng = np.random.default_rng(0)
    numbers, targets = (rng.normal(size=(40, 2)), rng.normal(size=(4, 2))), (np.arange(40) % 2, np.arange(4) % 2)
    none = (np.zeros((40, 0)), np.zeros((4, 0)))
    scripts["exported_rows"].Rows(numbers, none, targets, {"counts": [20, 20]}).write(tmp_path / "t-0.npz")
    call(scripts["pytabkit_peers"], monkeypatch, tmp_path, "--cap", 0.2, "--systems", "TabM-D", "RealMLP-TD")
    assert said in capsys.readouterr().out
    assert [path.name for path in tmp_path.glob("*.made.npz")] == ["t-0.RealMLP-TD.made.npz"]


def test_the_peers_environment_needs_nothing_of_tailtune() -> None:
    for name in ("pytabkit_peers", "exported_rows"):
        for node in ast.walk(ast.parse((BENCHMARKS / f"{name}.py").read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            used = {each.partition(".")[0] for each in names}
            allowed = {"numpy", "pandas", "pytabkit", "torch", "exported_rows"}
            assert used <= sys.stdlib_module_names | allowed


def test_peers_have_tables_of_their_own_and_take_no_seeds_from_the_others(scripts: dict[str, Any]) -> None:
    lines = [json.loads(line) for line in (BENCHMARKS / "tables.jsonl").read_text().splitlines()]
    own = scripts["read_tables"].OWN
    lines = [line for line in lines if line["table"] in ("glass", "email") and line["system"] in own]
    seeds = str(len({line["seed"] for line in lines}))
    (glass,) = (line for line in lines if (line["table"], line["seed"], line["system"]) == ("glass", 0, "portfolio"))
    lines.append({**glass, "system": "RealMLP-TD", "log_loss": 0.1})
    said = scripts["read_tables"].table(lines, own, "log_loss", "Log loss", False, 4)
    assert said[2].endswith("| LightGBM | CatBoost |")
    assert [line.split(" | ")[3] for line in said if line.startswith(("| glass", "| email"))] == [seeds] * 2
    (systems,) = scripts["read_tables"].elsewhere(lines)
    assert systems == ("portfolio", "CatBoost", "RealMLP-TD")
    said = scripts["read_tables"].table(lines, systems, "log_loss", "Log loss", False, 4)
    (of_glass,) = (line for line in said if line.startswith(("| glass", "| email")))  # email has no such peer
    assert "**0.1000**" in of_glass
    assert of_glass.split(" | ")[3] == "1"
