"""The advice on real data: which checks speak, with whose numbers, and that no two of them contradict each other."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tailtune.advice.all_checks import advise
from tailtune.advice.facts import Facts, facts_of_dataset
from tailtune.data.open import open_dataset
from tailtune.settings import Reading

pytestmark = pytest.mark.real

TABLE = {"TT006", "TT013", "TT016", "TT018"}
LONG_TAILED = {"TT002", "TT006", "TT013", "TT014"}  # tested on balanced images
CASES = {
    "adult": TABLE
    | {"TT020", "TT021"},  # a capital gain of 99,999 stands for that and more; some rows are in both parts
    "otto": TABLE | {"TT021"},  # rows that differ in one of 93 counts
    "covertype": TABLE,
    "ham10000": {"TT002", "TT006", "TT009", "TT013", "TT018"},
    "cifar10": LONG_TAILED | {"TT021"},  # pictures that the official parts share
    "cifar100": LONG_TAILED | {"TT007", "TT008", "TT021"},
}


def read(name: str) -> Facts:
    root = Path(os.environ["TAILTUNE_DATA"])
    files = {
        "otto": {"data": str(root / "otto" / "train.csv"), "target": "target"},
        "covertype": {
            "data": str(root / "covertype" / "covtype_subset.parquet"),
            "target": "Cover_Type",
            "ignore": ("source",),
        },
    }
    asked = files.get(name, {"data": name, "data_root": str(root)})
    if name.startswith("cifar"):
        asked["ratio"] = 0.01
    if name == "ham10000":
        asked["image_size"] = 16
    reading = Reading(**asked)
    return facts_of_dataset(open_dataset(reading), reading)


@pytest.mark.parametrize("name", CASES)
def test_advice_on_real_data(name: str) -> None:
    facts = read(name)
    advice = advise(facts)
    assert {piece.code for piece in advice} == CASES[name]
    text = " ".join(piece.recommendation for piece in advice)
    assert set(re.findall(r"(\d+) (?:images|rows) (?:a step|each)", text)) <= {str(facts.recipe.batch_size)}
    changes = [option.split()[0] for piece in advice for option in piece.change]
    assert len(changes) == len(set(changes)), "two pieces of advice set one option"
    assert all(option in piece.recommendation for piece in advice for option in piece.change)
    assert not any(column.leaks for column in facts.columns)
