"""Predicting and scoring rows as people have them: the likeliest classes, unreadable pictures, unknown classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import CLASSES, SMALL, Cli, Fitted, answer, picture, write_images
from PIL import Image

PROBABILITIES = [f"probability_{name}" for name in CLASSES]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on pictures of three classes."""
    home = tmp_path_factory.mktemp("pictures")
    data = write_images(home / "data", {"common": 30, "middling": 15, "rare": 8})
    got = answer("fit", data, *SMALL, "--model", "resnet8", "--out", home / "run")
    assert got.code == 0, got.err
    return home / "run"


def line(cli: Cli, *command: str | Path) -> str:
    got = cli(*command)
    assert (got.code, got.out, len(got.err.splitlines())) == (2, "", 1), got
    return got.err


def test_the_likeliest_classes_come_first_in_columns_of_their_own(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    got = cli("predict", fitted.folder, fitted.test, "--out", tmp_path / "p.parquet", "--top", "2")
    assert got.code == 0, got.err
    frame = pl.read_parquet(tmp_path / "p.parquet")
    top = ["top_1", "top_1_probability", "top_2", "top_2_probability"]
    assert frame.columns == ["id", "predicted", *top, *PROBABILITIES]
    probabilities = frame.select(PROBABILITIES).to_numpy()
    for row, values in enumerate(probabilities):
        order = sorted(range(3), key=lambda k: -values[k])
        assert (frame["top_1"][row], frame["top_2"][row]) == (CLASSES[order[0]], CLASSES[order[1]])
        assert (frame["top_1_probability"][row], frame["top_2_probability"][row]) == tuple(values[order[:2]])


@pytest.mark.parametrize("top", ["0", "4", "-1"])
def test_more_classes_than_there_are_or_fewer_than_one(top: str, fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    said = line(cli, "predict", fitted.folder, fitted.test, "--out", tmp_path / "p.csv", "--top", top)
    assert f"--top must be from 1 to 3, the number of classes, however: {top}" in said
    assert not (tmp_path / "p.csv").exists()


def test_one_bad_picture_does_not_block_the_others(pictures: Path, cli: Cli, tmp_path: Path) -> None:
    data = write_images(tmp_path / "new", {"common": 4, "rare": 3})
    out = tmp_path / "p.csv"
    assert cli("predict", pictures, data, "--out", out).code == 0
    whole = pl.read_csv(out)
    (data / "common" / "002.png").write_bytes(b"no picture")
    assert "--skip-bad-images" in line(cli, "predict", pictures, data, "--out", out, "--force")
    got = cli("predict", pictures, data, "--out", out, "--force", "--skip-bad-images", "--top", "1")
    assert got.code == 0, got.err
    said = "1 of 7 images cannot be read: common/002.png is not in an image format that Pillow can read."
    assert got.err.splitlines() == [said]
    assert got.out.startswith("6 rows: ")
    frame = pl.read_csv(out)
    assert frame["id"].to_list() == whole["id"].to_list()
    bad = frame.filter(pl.col("id") == "common/002.png").row(0, named=True)
    assert bad.pop("unreadable") == "is not in an image format that Pillow can read"
    assert set(bad.values()) == {"common/002.png", None}
    others = frame.filter(pl.col("unreadable").is_null())
    assert others.select(whole.columns).equals(whole.filter(pl.col("id") != "common/002.png"))


def test_evaluate_scores_the_readable_pictures(pictures: Path, cli: Cli, tmp_path: Path) -> None:
    data = write_images(tmp_path / "new", {"common": 4, "rare": 3})
    for row, path in enumerate(sorted(data.rglob("*.png"))):  # none that the run was trained on
        Image.fromarray(picture(9000 + row, 90)).save(path)
    (data / "rare" / "000.png").write_bytes(b"")
    assert "rare/000.png" in line(cli, "evaluate", pictures, data)
    got = cli("evaluate", pictures, data, "--skip-bad-images", "--json")
    assert got.code == 0, got.err
    assert got.err == "1 of 7 images cannot be read: rare/000.png is an empty file (0 bytes).\n"
    assert json.loads(got.out)["rows"] == 6


def test_when_no_picture_can_be_read(pictures: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    said = line(cli, "predict", pictures, tmp_path / "a.png", "--out", tmp_path / "p.csv", "--skip-bad-images")
    assert "none of 1 images can be read, the first: a.png is an empty file" in said


def test_a_single_picture(pictures: Path, cli: Cli, tmp_path: Path) -> None:
    Image.fromarray(picture(1, 0)).save(tmp_path / "one.png")
    assert cli("predict", pictures, tmp_path / "one.png", "--out", tmp_path / "p.csv", "--top", "3").code == 0
    assert pl.read_csv(tmp_path / "p.csv")["id"].to_list() == ["one.png"]


def test_tables_have_no_pictures_to_skip(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    for command in (
        ("predict", fitted.folder, fitted.test, "--out", tmp_path / "p.csv"),
        ("evaluate", fitted.folder, fitted.test),
    ):
        assert "--skip-bad-images is for images" in line(cli, *command, "--skip-bad-images")


def test_classes_of_a_table_that_the_model_does_not_know(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    rows = pl.read_csv(fitted.test)
    odd = pl.Series(["new"] * 3 + ["other"] + rows["label"].to_list()[4:])
    rows.with_columns(label=odd).write_csv(tmp_path / "odd.csv")
    said = line(cli, "evaluate", fitted.folder, tmp_path / "odd.csv")
    assert "4 of 90 rows in" in said
    assert (
        "are of classes that the model does not know: 'new' (3), 'other' (1); score the others with --skip-unkn" in said
    )
    got = cli("evaluate", fitted.folder, tmp_path / "odd.csv", "--skip-unknown-classes", "--json")
    assert got.code == 0
    assert got.err.endswith("'new' (3), 'other' (1); they are left out.\n")
    rows[4:].write_csv(tmp_path / "known.csv")
    without = cli("evaluate", fitted.folder, tmp_path / "known.csv", "--json")
    scores, expected = json.loads(got.out), json.loads(without.out)
    assert scores.keys() == expected.keys()
    assert (scores["rows"], scores["confusion"]) == (86, expected["confusion"])
    np.testing.assert_allclose(scores["log_loss"], expected["log_loss"], rtol=1e-12)
    rows.with_columns(label=pl.lit("new")).write_csv(tmp_path / "none.csv")
    assert "none is left to score" in line(
        cli, "evaluate", fitted.folder, tmp_path / "none.csv", "--skip-unknown-classes"
    )


def test_a_folder_of_pictures_with_a_class_that_the_model_does_not_know(
    pictures: Path, cli: Cli, tmp_path: Path
) -> None:
    data = write_images(tmp_path / "new", {"common": 4, "zebra": 2})
    for row, path in enumerate(sorted(data.rglob("*.png"))):  # none that the run was trained on
        Image.fromarray(picture(9000 + row, 90)).save(path)
    said = line(cli, "evaluate", pictures, data)
    assert "2 of 6 rows in" in said
    assert "of a class that the model does not know: 'zebra' (2)" in said
    got = cli("evaluate", pictures, data, "--skip-unknown-classes", "--json")
    assert got.code == 0, got.err
    assert json.loads(got.out)["rows"] == 4
    assert cli("predict", pictures, data, "--out", tmp_path / "p.csv").code == 0  # where nobody asks for the class
