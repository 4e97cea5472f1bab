"""Text as numbers: what they tell, that they are kept, and that new rows get the same."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from tailtune.data.hashed_text import NUMBERS, HashedText
from tailtune.data.table_preprocessor import TablePreprocessor


@pytest.fixture
def column() -> pl.Series:
    rng = np.random.default_rng(0)
    words = [["parcel", "came", "late", "again"], ["friendly", "quick", "service", "thanks"]]
    return pl.Series("note", [" ".join([*rng.permutation(words[k % 2])[:3], str(k)]) for k in range(200)])


def test_texts_of_the_same_words_lie_together(column: pl.Series) -> None:
    made = HashedText.fit(column).transform(column)
    assert made.shape == (200, NUMBERS)
    new = HashedText.fit(column).transform(pl.Series(["late came parcel", "thanks quick service", None]))
    late, quick = made[::2].mean(axis=0), made[1::2].mean(axis=0)
    assert np.linalg.norm(new[0] - late) < np.linalg.norm(new[0] - quick)
    assert np.linalg.norm(new[1] - quick) < np.linalg.norm(new[1] - late)
    assert set(new[2]) == {0}


def test_the_preprocessor_makes_and_keeps_them(column: pl.Series) -> None:
    frame = pl.DataFrame({"note": column, "x": range(200)})
    fitted = TablePreprocessor.fit(frame, text="hash")
    assert fitted.numeric_names == (*(f"note.text{k}" for k in range(1, NUMBERS + 1)), "x")
    settings, arrays = fitted.state()
    restored = TablePreprocessor.from_state(json.loads(json.dumps(settings)), arrays)
    np.testing.assert_array_equal(restored.encode(frame)[0].numpy(), fitted.encode(frame)[0].numpy())
    assert TablePreprocessor.fit(frame).numeric_names == ("x",)
    few = TablePreprocessor.fit(frame.head(5), text="hash")
    assert len(few.numeric_names) == 6
