"""Columns of a manifest that look like a group or a time, and that nobody named as such."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tailtune.data.open import open_dataset
from tailtune.leaks.check import check_leaks
from tailtune.settings import Reading


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(120):
        Image.fromarray(rng.integers(0, 255, (16, 16), dtype=np.uint8)).save(tmp_path / f"{number:03}.png")
        day = f"2024-{1 + number // 28:02}-{1 + number % 28:02}"
        label = ("common", "common", "rare")[number % 3]
        rows.append({"path": f"{number:03}.png", "label": label, "patient": f"p{number // 4}", "taken_date": day})
    pl.DataFrame(rows).write_csv(tmp_path / "manifest.csv")
    return tmp_path


def test_a_column_of_patients_is_proposed_as_group(pictures: Path) -> None:
    reading = Reading(str(pictures), manifest=str(pictures / "manifest.csv"))
    found = {leak.code: leak for leak in check_leaks(open_dataset(reading)).found}
    assert found["group"].change == ("--group patient",)
    assert found["group"].rows >= 20  # of 24 test pictures
    assert "Column 'patient' looks like a group of pictures" in found["group"].what
    assert found["time"].change == ("--time taken_date",)


def test_a_group_that_is_named_is_proposed_no_more(pictures: Path) -> None:
    reading = Reading(str(pictures), manifest=str(pictures / "manifest.csv"), group="patient", time="taken_date")
    assert not check_leaks(open_dataset(reading)).found
