"""The ledger's claims of single networks follow from the committed result files."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_they_are_the_committed_ones_and_their_intervals_are_student_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    found = importlib.import_module("analysis_claims").plain(importlib.import_module("analysis_claims").claims())
    assert json.loads(json.dumps(found)) == json.loads((BENCHMARKS / "paper" / "analyses" / "claims.json").read_text())
    verdicts = {one["subject"]: one["verdict"] for one in found}
    untold = "cannot be told at this scale"
    assert verdicts == {"fig18": untold, "precursor-fig9": "failed", "fig19": untold, "precursor-fig7": untold}
    runs = json.loads((BENCHMARKS / "toy_boundary.json").read_text())["runs"]
    distances = {(run["noise"], run["arm"], run["seed"]): run["minority_distance"] for run in runs}
    least = min(
        (
            np.array([distances[noise, f"sam {rho}", s] - distances[noise, "erm", s] for s in range(10)])
            for noise in (0.3, 0.2)
            for rho in ("0.05", "0.2")
        ),
        key=np.mean,
    )
    (effect,) = (one["effect"] for one in found if one["subject"] == "precursor-fig9")
    half = stats.t.ppf(0.975, 9) * least.std(ddof=1) / np.sqrt(10)
    assert effect["interval"] == pytest.approx((least.mean() - half, least.mean() + half))
