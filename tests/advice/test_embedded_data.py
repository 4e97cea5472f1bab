"""The advice on data that scikit-learn brings: which checks speak, and that no two of them contradict each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from tailtune.advice.advice import Advice
from tailtune.advice.all_checks import advise
from tailtune.advice.facts import Facts, facts_of_dataset
from tailtune.data.open import open_dataset
from tailtune.data.table_dataset import Rows, table_dataset
from tailtune.data.table_preprocessor import row_numbers
from tailtune.settings import Reading

IMBALANCED_TABLE = {"TT006", "TT013", "TT016", "TT018"}
FEW_IMBALANCED_IMAGES = {"TT002", "TT006", "TT007", "TT008", "TT013", "TT014"}


def table(load: Callable[[], Any], change: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame) -> Facts:
    """Facts of one of scikit-learn's tables, changed by a function."""
    data = load()
    frame = pl.DataFrame(data.data, schema=[str(name) for name in data.feature_names])
    frame = change(frame.with_columns(target=pl.Series(data.target_names[data.target])))
    reading = Reading("table", target="target")
    return facts_of_dataset(table_dataset(reading, "target", Rows(frame, row_numbers(frame.height), "table")), reading)


def named(**asked: Any) -> Facts:
    reading = Reading("digits", **asked)
    return facts_of_dataset(open_dataset(reading), reading)


def with_leak(frame: pl.DataFrame) -> pl.DataFrame:
    first = frame["target"][0]
    return frame.with_columns(ward=pl.when(pl.col("target") == first).then(pl.lit("A")).otherwise(pl.lit("B")))


def numbered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sample(fraction=1, shuffle=True, seed=0).with_row_index("place")


def codes(advice: list[Advice]) -> set[str]:
    return {piece.code for piece in advice}


@pytest.mark.parametrize(("facts", "expected"), [
    (lambda: table(load_breast_cancer), IMBALANCED_TABLE),
    (lambda: table(load_wine), IMBALANCED_TABLE | {"TT009"}),
    (lambda: table(load_iris), {"TT009", "TT011", "TT016"}),
    (lambda: table(load_breast_cancer, with_leak), IMBALANCED_TABLE | {"TT019"}),
    (lambda: table(load_wine, numbered), IMBALANCED_TABLE | {"TT009", "TT019"}),
    (lambda: table(load_wine, lambda frame: frame[::3]), IMBALANCED_TABLE | {"TT007", "TT009", "TT008"}),
    (lambda: table(load_iris, lambda frame: frame[::3]), {"TT007", "TT008", "TT009", "TT011", "TT016"}),
    (lambda: named(), {"TT011"}),
    (lambda: named(ratio=0.05), FEW_IMBALANCED_IMAGES),
    (lambda: named(ratio=0.01), FEW_IMBALANCED_IMAGES | {"TT010"}),
])  # fmt: skip
def test_which_checks_speak_and_that_they_agree(facts: Callable[[], Facts], expected: set[str]) -> None:
    known = facts()
    advice = advise(known)
    assert codes(advice) == expected
    said = " ".join(piece.recommendation for piece in advice)
    batches = re.findall(r"of (\d+) images a step|\((\d+) (?:rows|images) each\)", said)
    assert {size for pair in batches for size in pair if size} <= {str(known.recipe.batch_size)}
    changes = [option.split()[0] for piece in advice for option in piece.change]
    assert len(changes) == len(set(changes)), "two pieces of advice set one option"


@pytest.mark.parametrize("shown", ["0123", "lr"])
def test_pictures_of_characters_are_not_to_be_mirrored(tmp_path: Path, shown: str) -> None:
    digits = load_digits()
    for k, name in enumerate(shown):
        for row in np.flatnonzero(digits.target == k)[: 40 - 10 * k]:
            file = tmp_path / "pictures" / name / f"{row}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((15 * digits.images[row]).astype(np.uint8)).resize((16, 16)).save(file)
    reading = Reading(str(tmp_path / "pictures"))
    dataset = open_dataset(reading)
    assert "TT015" in codes(advise(facts_of_dataset(dataset, reading)))
    assert "TT015" not in codes(advise(facts_of_dataset(dataset, Reading(reading.data, flip=False))))
