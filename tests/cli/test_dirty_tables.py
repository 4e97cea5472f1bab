"""A table as people have it: all its columns are read, said and kept with the model, and three rows of a class do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import Cli

ROWS = 400


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    label = np.array(["common"] * 337 + ["rare"] * 60 + ["rarest"] * 3)
    height = {"common": 0, "rare": 1, "rarest": 3}
    rows = [
        {
            "shop": f"shop {rng.integers(0, 300)}",
            "day": f"{rng.integers(1, 29)}.{rng.integers(1, 13)}.2024",
            "price": f"${rng.integers(1, 900) + 1000 * height[name]:,}",
            "score": str(rng.integers(0, 200)) if rng.random() > 0.05 else rng.choice(["see note", "unknown"]),
            "age": str(rng.integers(18, 91)) if rng.random() > 0.2 else "-999",
            "note": f"customer {number} came {'late' if height[name] else 'early'}",
            "code": f"K{number:05}",
            "label": name,
        }
        for number, name in enumerate(rng.permutation(label))
    ]
    path = tmp_path_factory.mktemp("dirty") / "dirty.csv"
    pl.DataFrame(rows).write_csv(path)
    return path


def test_everything_is_read_and_said_and_known_again(dirty: Path, cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit = ("fit", dirty, "--target", "label", "--model", "xgboost", "--baselines", "majority", "--text", "hash")
    got = cli(*fit, "--keep", "code", "--out", run)
    assert got.code == 0, got.err
    for said in (
        "Column 'shop' has 1",
        "Column 'day' is read as dates, written like DD/MM/YYYY.",
        "Column 'price' is read as numbers, written like 1,234.5.",
        "the texts 'see note', 'unknown' in it are read as missing",
    ):
        assert said in got.err
    result = json.loads((run / "result.json").read_text())
    assert result["data"]["left_out"] == []
    counts = result["data"]["counts"]
    assert [counts[part][2] for part in ("train", "val", "test")] == [1, 1, 1]
    assert result["systems"][0]["metrics"]["accuracy"] > 0.95
    again = cli("evaluate", run, dirty, "--json")
    seen = json.loads(again.out)["seen"]
    assert seen["rows"] == sum(counts["train"]) + sum(counts["val"])
    assert cli("predict", run, dirty, "--out", tmp_path / "found.csv").code == 0
    assert pl.read_csv(tmp_path / "found.csv").height == ROWS


def test_text_is_left_out_and_named_and_sentinels_are_pointed_out(dirty: Path, cli: Cli) -> None:
    got = cli("inspect", dirty, "--target", "label", "--json")
    assert got.code == 0
    assert "note (is text; --text hash makes numbers of its words)" in cli("inspect", dirty, "--target", "label").err
    (advice,) = [piece for piece in json.loads(got.out)["advice"] if piece["code"] == "TT020"]
    assert "'age' (-999)" in advice["recommendation"]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--keep", "shops"), "has no column to keep 'shops'. Did you mean 'shop'?"),
        (("--keep", "label"), "'label' is the target or ignored, so it cannot be kept"),
        (("--text", "read"), "invalid choice"),
    ],
)
def test_columns_that_cannot_be_kept_are_refused(
    options: tuple[str, ...], line: str, dirty: Path, cli: Cli, tmp_path: Path
) -> None:
    got = cli("fit", dirty, "--target", "label", "--out", tmp_path / "run", *options)
    assert got.code == 2
    assert line in got.err
