"""Rows split anew are prepared as if they had been opened like that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from command_line import made_table, write_images

from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.data.open import open_dataset
from tailtune.data.resplit import all_rows, resplit
from tailtune.errors import TailtuneError
from tailtune.settings import Run


def test_a_table_is_prepared_by_its_new_training_rows_alone(tmp_path: Path) -> None:
    frame = made_table(120).with_columns(pl.col("weight").abs())
    frame.write_csv(tmp_path / "rows.csv")
    run = Run(str(tmp_path / "rows.csv"), target="label", amounts=("weight",))
    opened = open_dataset(run)
    rows = all_rows(opened)
    assert sorted(map(int, rows.ids)) == list(range(1, 121))
    order = np.argsort(rows.ids.astype(int))
    train, test = order[:90], order[90:]
    made = resplit(run, opened, rows, train, test)

    (tmp_path / "parts").mkdir()  # the same, as a person would have it done
    frame[:90].write_csv(tmp_path / "parts" / "train.csv")
    frame[90:].write_csv(tmp_path / "parts" / "test.csv")
    expected = open_dataset(Run(str(tmp_path / "parts"), target="label", amounts=("weight",)))
    for name in ("train", "val", "test"):
        part, other = getattr(made, name), getattr(expected, name)
        assert part.targets.equal(other.targets)
        for x, y in zip(part.inputs, other.inputs, strict=True):
            assert x.equal(y)
        np.testing.assert_array_equal(part.amounts.values, other.amounts.values)
    assert made.preprocessor.state()[0] == expected.preprocessor.state()[0]
    assert made.names == expected.names


def test_files_with_other_columns_are_joined_by_name(tmp_path: Path) -> None:
    frame = made_table(80)
    frame[:60].write_csv(tmp_path / "train.csv")
    frame[60:].select("weight", "label", "colour", "height").with_columns(extra=pl.lit(1)).write_csv(
        tmp_path / "test.csv"
    )
    run = Run(str(tmp_path), target="label")
    opened = open_dataset(run)
    rows = all_rows(opened)
    made = resplit(run, opened, rows, np.arange(80), np.arange(60, 80))
    assert made.test.ids.tolist() == opened.test.ids.tolist()
    assert len(made.train) + len(made.val) == 80


def test_pictures_keep_their_pixels_and_are_normalised_by_the_new_training_part(tmp_path: Path) -> None:
    run = Run(str(write_images(tmp_path / "p", {"a": 12, "b": 8})))
    opened = open_dataset(run)
    rows = all_rows(opened)
    train, test = np.arange(0, 20, 2), np.arange(1, 20, 2)
    made = resplit(run, opened, rows, train, test)
    assert sorted([*made.train.ids, *made.val.ids]) == sorted(rows.ids[train])
    assert made.test.ids.tolist() == rows.ids[test].tolist()
    assert torch.equal(made.test.inputs[0], rows.inputs[0][test])
    assert made.preprocessor == ImagePreprocessor.fit(made.train.inputs[0], opened.preprocessor.rendering)
    assert made.preprocessor != opened.preprocessor
    assert made.split_hash != opened.split_hash


def test_a_table_without_its_rows_cannot_be_split_anew(tmp_path: Path) -> None:
    made_table(60).write_csv(tmp_path / "rows.csv")
    run = Run(str(tmp_path / "rows.csv"), target="label")
    opened = open_dataset(run).for_training()
    with pytest.raises(TailtuneError, match="keeps no rows as they were read"):
        resplit(run, opened, all_rows(opened), np.arange(50), np.arange(50, 60))
