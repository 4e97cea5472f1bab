"""Neural collapse by epoch: what is logged, against NumPy, and that training comes to the same bits."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_data import table
from training_runs import RUN, fit

from tailtune.errors import TailtuneError
from tailtune.methods import erm
from tailtune.models.build import build
from tailtune.run.execute import check_run
from tailtune.run.hashing import config_hash
from tailtune.training.tracking import FEWEST, Tracker, alike

TRACKED = replace(RUN, track="collapse")
DEVICE = torch.device("cpu")


def logged(folder: Path) -> list[dict[str, float]]:
    """The lines of metrics.jsonl."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("changes", [{}, {"ema": 0.0}, {"selection": "last"}])
def test_training_comes_to_the_same_bits(changes: dict[str, object], tmp_path: Path) -> None:
    data = replace(table(), val=None) if "selection" in changes else table()
    rows, weights = [], []
    for name, run in (("plain", RUN), ("tracked", TRACKED)):
        (tmp_path / name).mkdir()
        weights.append(fit(data, erm(data.profile), replace(run, **changes), folder=tmp_path / name)[1])
        rows.append(logged(tmp_path / name))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    part = "train" if data.val is None else "val"
    for plain, tracked in zip(*rows, strict=True):
        assert {**tracked, "seconds": 0.0} | {**plain, "seconds": 0.0} == {**tracked, "seconds": 0.0}
        new = tracked.keys() - plain.keys()
        assert {"train_cdnv_majority", "train_ncc_minority", "nc2", "nc3", f"{part}_nc1"} <= new
        assert ("val_nc1" in new) == (part == "val")
    assert rows[1][-1]["train_cdnv_majority"] < rows[1][0]["train_cdnv_majority"]


def test_measures_are_those_of_numpy() -> None:
    data = table()
    k = len(data.names)
    network = build("mlp", data.preprocessor.shape(), k)
    assert data.val is not None
    tracker = Tracker.of(data, {"val": data.val}, None, DEVICE)
    found = tracker.measure(network, nullcontext)
    network.eval()
    rows = {}
    for part, inputs in tracker.parts.items():
        with torch.no_grad():
            features = network.features(*inputs.sources)
        rows[part] = features.double().numpy(), network.head(features).argmax(1).numpy(), inputs.targets.numpy()
    x, _, y = rows["train"]
    means = np.stack([x[y == c].mean(0) for c in range(k)])
    rare = set(data.profile.tail.tolist())
    for part, (features, answers, targets) in rows.items():
        own = np.stack([features[targets == c].mean(0) for c in range(k)])
        spread = [np.square(features[targets == c] - own[c]).sum(1).mean() for c in range(k)]
        pairs = [
            (spread[a] + spread[b]) / (2 * np.square(own[a] - own[b]).sum())
            for a in range(k)
            for b in range(a)
            if not {a, b} & rare
        ]
        assert found[f"{part}_cdnv_majority"] == pytest.approx(np.mean(pairs))
        nearest = np.square(features[:, None] - means).sum(2).argmin(1)
        common = ~np.isin(targets, list(rare))
        assert found[f"{part}_ncc_majority"] == pytest.approx((nearest == targets)[common].mean())
        assert found[f"{part}_fitted_majority"] == pytest.approx((answers == targets)[common].mean())
        assert found[f"{part}_ncc_minority"] == pytest.approx((nearest == targets)[~common].mean())
        assert found[f"{part}_ncc_agreement"] == pytest.approx((nearest == answers).mean())
        within = [np.cov(features[targets == c].T, bias=True) for c in range(k)]
        scatter = np.trace(np.mean(within, 0) @ np.linalg.pinv(np.cov(means.T, bias=True))) / k
        assert found[f"{part}_nc1"] == pytest.approx(scatter, rel=1e-6)
    assert found["train_cdnv_minority"] is None  # one class has no pair


def test_the_rows_are_few_and_always_the_same() -> None:
    data = table()
    first, again = (Tracker.of(data, {}, None, DEVICE).parts["train"] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.sources, again.sources, strict=True))
    assert len(first.targets) <= FEWEST * len(data.names) < len(data.train)
    targets = np.repeat(np.arange(4), [100, 40, 3, 1])
    rows = alike(targets, 4, 44)
    assert np.bincount(targets[rows]).tolist() == [20, 20, 3, 1]
    assert (np.diff(rows) > 0).all()
    assert len(alike(targets, 4, 1000)) == len(targets)


def test_a_network_that_tells_no_classes_apart_is_passed_over() -> None:
    data = table()
    network = build("mlp", data.preprocessor.shape(), len(data.names))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert Tracker.of(data, {}, None, DEVICE).measure(network, nullcontext) == {}


def test_what_is_tracked_is_no_part_of_what_is_trained() -> None:
    assert config_hash(RUN, "rows") == config_hash(TRACKED, "rows")
    with pytest.raises(TailtuneError, match=r"--track must be one of collapse, however: 'colapse'\. Did you mean"):
        check_run(replace(RUN, track="colapse"))
    trees = replace(TRACKED, model="xgboost", epochs=None, batch_size=None, optimizer=None, lr=None, ema=None)
    with pytest.raises(TailtuneError, match="--track is a setting of networks, and xgboost has none"):
        check_run(trees)
