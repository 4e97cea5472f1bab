from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tailtune.data.catalog import covertype, open_named, otto
from tailtune.errors import TailtuneError
from tailtune.settings import Run

ROWS = 70


def lines(rows: int = ROWS, soil: int = 12) -> str:
    """Rows of covtype.data: the area of row i is i mod 4, its soil 0 or `soil`, its class 1 or 7."""
    rng, made = np.random.default_rng(0), []
    for i in range(rows):
        area, soils = [0] * 4, [0] * 40
        area[i % 4] = 1
        soils[soil if i % 2 else 0] = 1
        made.append(",".join(map(str, [*rng.integers(0, 3000, 10), *area, *soils, 7 if i % 5 == 0 else 1])))
    return "\n".join(made) + "\n"


@pytest.mark.parametrize("name", ["covtype.data", "covtype.data.gz"])
def test_covertype_is_read_from_the_official_file(tmp_path: Path, name: str) -> None:
    content = lines().encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    data = open_named("covertype", Run("covertype", data_root=str(tmp_path), val_fraction=0.2))
    assert (data.names, data.headline) == (("1", "7"), "accuracy")
    assert (len(data.test), len(data.val), len(data.train)) == (14, 11, 45)
    assert data.preprocessor.shape() == {"numeric": 10, "cardinalities": [5, 3]}
    first = covertype._official(tmp_path / name)
    assert first["Wilderness_Area"][:4].to_list() == ["wilderness 1", "wilderness 2", "wilderness 3", "wilderness 4"]
    assert first["Soil_Type"][:2].to_list() == ["soil 1", "soil 13"]
    assert first["Elevation"].to_list() == [int(line.split(",")[0]) for line in lines().splitlines()]
    assert any("70 of the 581,012 rows" in warning for warning in data.warnings)


def test_a_part_of_covertype_is_said_to_be_one(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {name: np.random.default_rng(0).integers(0, 900, ROWS) for name in covertype.NUMBERS}
        | {"Wilderness_Area": np.arange(ROWS) % 4 + 1, "Soil_Type": np.arange(ROWS) % 7 + 1}
        | {"Cover_Type": np.arange(ROWS) % 2 + 1, "source": np.zeros(ROWS, dtype=np.int8)}
    )
    (tmp_path / "covertype").mkdir()
    frame.write_parquet(tmp_path / "covertype" / covertype.SUBSET)
    data = covertype.load(Run("covertype", data_root=str(tmp_path)))
    assert data.warnings[0].endswith("holds 70 of the 581,012 rows of Covertype.")
    assert data.preprocessor.shape()["cardinalities"] == [5, 8]  # `source`, which is not of Covertype, is no input
    frame.drop("Slope").write_parquet(tmp_path / "covertype" / covertype.SUBSET)
    with pytest.raises(TailtuneError, match="lacks the column Slope"):
        covertype.load(Run("covertype", data_root=str(tmp_path)))


def test_files_that_are_not_covertype(tmp_path: Path) -> None:
    run = Run("covertype", data_root=str(tmp_path))
    with pytest.raises(TailtuneError, match=r"covtype\.data is neither in"):
        covertype.load(run)
    (tmp_path / "covtype.data").write_text("1,2,3\n")
    with pytest.raises(TailtuneError, match="3 columns instead of 55"):
        covertype.load(run)
    (tmp_path / "covtype.data").unlink()
    (tmp_path / "covtype.data.gz").write_bytes(b"no archive")
    with pytest.raises(TailtuneError, match="cannot be read"):
        covertype.load(run)


def test_otto_is_read_without_its_numbers(tmp_path: Path) -> None:
    (tmp_path / "otto").mkdir()
    path = tmp_path / "otto" / "train.csv"
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"id": np.arange(60)}
        | {f"feat_{i}": rng.integers(0, 5, 60) for i in range(1, 94)}
        | {"target": [f"Class_{i % 2 + 1}" for i in range(60)]}
    )
    frame.write_csv(path)
    data = open_named("otto", Run("otto", data_root=str(tmp_path)))
    assert (data.names, data.headline, len(data.test)) == (("Class_1", "Class_2"), "accuracy", 12)
    assert data.preprocessor.shape() == {"numeric": 93, "cardinalities": []}
    assert otto.load(Run("otto", data_root=str(tmp_path), target="feat_1")).headline is None
    frame.drop("feat_7").write_csv(path)
    with pytest.raises(TailtuneError, match=r"other columns than train\.csv of Otto"):
        otto.load(Run("otto", data_root=str(tmp_path)))
    path.unlink()
    with pytest.raises(TailtuneError, match=r"put train\.csv of Kaggle's Otto competition there"):
        otto.load(Run("otto", data_root=str(tmp_path)))
