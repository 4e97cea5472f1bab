from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tailtune.data.long_tailed import takes_ratio
from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.settings import Reading
from tailtune.study.plan import problems
from tailtune.study.study import Arm, Study

COVERTYPE = "tailtune.paper.binary_tables:covertype"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Covertype with 300, 400, 40 and 30 rows of four kinds."""
    from tailtune.data.catalog.covertype import NUMBERS

    rng = np.random.default_rng(0)
    kinds = np.repeat([1, 2, 3, 7], [300, 400, 40, 30])
    columns = {name: rng.integers(0, 5000, len(kinds)) for name in NUMBERS}
    categories = {"Wilderness_Area": rng.integers(1, 5, len(kinds)), "Soil_Type": rng.integers(1, 41, len(kinds))}
    frame = pl.DataFrame({**columns, **categories, "Cover_Type": kinds})
    (tmp_path / "covertype").mkdir()
    frame.sample(fraction=1, shuffle=True, seed=0).write_parquet(tmp_path / "covertype" / "covtype_subset.parquet")
    return tmp_path


def test_two_kinds_stay_and_a_ratio_leaves_out_training_rows_alone(root: Path) -> None:
    asked = {"data_root": str(root), "selection": "last", "test_fraction": 0.2}
    whole = open_dataset(Reading(COVERTYPE, **asked))  # type: ignore[arg-type]
    assert whole.names == ("2", "1")
    assert [int((whole.train.targets == k).sum()) for k in (0, 1)] == [320, 240]
    assert [int((whole.test.targets == k).sum()) for k in (0, 1)] == [80, 60]
    rare = open_dataset(Reading(COVERTYPE, ratio=0.1, total=220, **asked))  # type: ignore[arg-type]
    assert [int((rare.train.targets == k).sum()) for k in (0, 1)] == [200, 20]
    rarer = open_dataset(Reading(COVERTYPE, ratio=0.05, total=210, **asked))  # type: ignore[arg-type]
    old = {str(id_) for id_, k in zip(rare.train.ids, rare.train.targets.tolist(), strict=True) if k == 1}
    new = {str(id_) for id_, k in zip(rarer.train.ids, rarer.train.targets.tolist(), strict=True) if k == 1}
    assert new < old  # nested
    assert rare.test.ids.tolist() == whole.test.ids.tolist()
    with pytest.raises(TailtuneError, match="ask for fewer"):
        open_dataset(Reading(COVERTYPE, ratio=1.0, total=560, **asked))  # type: ignore[arg-type]


def test_a_study_takes_its_ratios_from_readers_that_say_that_they_heed_them(root: Path, tmp_path: Path) -> None:
    assert takes_ratio(COVERTYPE)
    study = Study(
        arms=(Arm("trees"),),
        data=(COVERTYPE,),
        ratios=(0.1, 1.0),
        total=200,
        model="xgboost",
        method="erm",
        data_root=str(root),
        out=str(tmp_path / "out"),
    )
    found = problems(study, lambda _: None)
    assert [problem.run.ratio for problem in found] == [0.1, 1.0]
    own = tmp_path / "own.py"
    own.write_text("def rows(reading):\n    return {'x': [[1.0], [2.0]], 'y': [0, 1]}\n", encoding="utf-8")
    assert not takes_ratio(f"{own}:rows")
    plain = Study(arms=(Arm("trees"),), data=(f"{own}:rows",), ratios=(0.1,), out=str(tmp_path / "out"))
    with pytest.raises(TailtuneError, match="is taken as it is, leave it out"):
        problems(plain, lambda _: None)
