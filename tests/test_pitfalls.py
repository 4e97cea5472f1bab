"""The page of pitfalls states what its result file holds, and the script does each of them wrong and right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType

import pytest
from two_processes import module_of

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return module_of(ROOT / "benchmarks" / "pitfalls.py")


def test_every_number_of_the_page_is_in_the_result_file() -> None:
    result = json.loads((ROOT / "benchmarks" / "pitfalls.json").read_text())
    held = {
        f"{entry['mean']:.3f} ± {entry['standard_error']:.3f}"
        for pitfall in result.values()
        if isinstance(pitfall, dict)
        for entry in pitfall.values()
        if isinstance(entry, dict) and "mean" in entry
    }
    stated = re.findall(r"\d\.\d{3} ± \d\.\d{3}", (ROOT / "docs" / "pitfalls.md").read_text(encoding="utf-8"))
    assert len(stated) >= 16
    assert set(stated) == held


def test_wrong_ways_flatter_and_priors_mend_probabilities(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "ROWS", 400)
    monkeypatch.setattr(script, "NEW", 500)
    found = script.resampling_before_splitting(0)
    assert found["wrong"] > max(found["right"], found["wrong, new rows"]) + 0.2
    found = script.smote_before_cross_validation(0)
    assert found["wrong"] > found["right"] + 0.2
    found = script.probabilities_after_resampling(0)
    assert found["log loss, right"] < found["log loss, wrong"]
    assert abs(found["mean probability, right"] - found["share of the rare class"]) < 0.05
    found = script.accuracy_of_rare_classes(0)
    assert found["balanced accuracy, never"] == 0.5
