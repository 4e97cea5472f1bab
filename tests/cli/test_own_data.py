"""Manifests, groups, times, weights, the class to find and names of classes, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import SMALL, TABLE, Cli, Refused, answer, picture
from PIL import Image

from tailtune.run.finished import Finished
from tailtune.run.folder import read_predictions

Table = Callable[..., Path]
PICTURES = ("--model", "resnet8", *SMALL)


def with_columns(frame: pl.DataFrame) -> pl.DataFrame:
    """A customer for three rows each, a day, an importance and two classes."""
    rows = np.arange(frame.height)
    return frame.with_columns(
        pl.Series("customer", [f"c{i // 3}" for i in rows]),
        pl.Series("day", [f"2024-{1 + i // 28:02}-{1 + i % 28:02}" for i in rows]),
        pl.Series("importance", 1 + rows % 4),
        pl.when(pl.col("label") == "rare").then(pl.lit("rare")).otherwise(pl.lit("common")).alias("label"),
    )


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of 90 pictures and its manifest: three classes, two pictures a patient, sites and weights."""
    home = tmp_path_factory.mktemp("listed")
    folder = home / "pictures"
    folder.mkdir()
    for i in range(90):
        Image.fromarray(picture(i, 60 * (i % 3))).save(folder / f"{i:02}.png")
    frame = pl.DataFrame(
        {
            "path": [f"{i:02}.png" for i in range(90)],
            "label": [("common", "middling", "rare")[i % 3] for i in range(90)],
            "group": [f"p{i // 2}" for i in range(90)],
            "weight": [1 + i % 2 for i in range(90)],
            "site": [("north", "south")[i % 2] for i in range(90)],
        }
    )
    frame.write_csv(home / "manifest.csv")
    return folder, home / "manifest.csv"


@pytest.fixture(scope="module")
def run(listed: tuple[Path, Path]) -> Path:
    """A run on these pictures."""
    folder, manifest = listed
    out = folder.parent / "run"
    got = answer("fit", folder, "--manifest", manifest, *PICTURES, "--out", out)
    assert got.code == 0, got.err
    return out


def test_a_manifest_from_inspection_to_predictions(
    listed: tuple[Path, Path], run: Path, cli: Cli, tmp_path: Path
) -> None:
    folder, manifest = listed
    looked = cli("inspect", folder, "--manifest", manifest, "--json")
    assert looked.code == 0, looked.err
    assert any("one value of 'group' stay in one part" in note for note in json.loads(looked.out)["notes"])

    made = read_predictions(run)
    assert made.groups is not None
    assert made.weights is not None
    held_out = made.held_out
    assert held_out is not None
    assert held_out.groups is not None
    assert not set(made.groups.tolist()) & set(held_out.groups.tolist())
    assert cli("verify", run).code == 0

    scored = cli("evaluate", run, folder, "--manifest", manifest, "--json")
    assert scored.code == 0, scored.err
    scores, result = json.loads(scored.out), Finished(run).result
    assert scores["accuracy"] == pytest.approx(result.model.metrics["accuracy"])  # the other rows were trained on
    assert scores["intervals"]["accuracy"] == pytest.approx(result.model.intervals["accuracy"])

    blind = tmp_path / "blind.csv"
    pl.read_csv(manifest)[::-1].select("path", "site").write_csv(blind)
    out = tmp_path / "predictions.csv"
    assert cli("predict", run, folder, "--manifest", blind, "--out", out).code == 0
    assert pl.read_csv(out)["id"].to_list() == pl.read_csv(blind)["path"].to_list()
    refused = cli("evaluate", run, folder, "--manifest", blind)
    assert refused.code == 2
    assert "blind.csv holds no targets to score against; it needs a column label" in refused.err


def test_a_class_of_a_manifest_that_the_run_does_not_know(
    listed: tuple[Path, Path], run: Path, cli: Cli, tmp_path: Path
) -> None:
    folder, manifest = listed
    other = tmp_path / "other.csv"
    pl.read_csv(manifest).with_columns(label=pl.lit("comon")).write_csv(other)
    got = cli("evaluate", run, folder, "--manifest", other)
    assert got.code == 2
    assert "are of a class that the model does not know: 'comon' (90)" in got.err
    assert "Did you mean 'common'?" in got.err
    got = cli("predict", run, folder, "--manifest", tmp_path / "none.csv", "--out", tmp_path / "p.csv")
    assert got.code == 2
    assert len(got.notes) == 1


def test_a_run_is_not_gone_on_with_on_other_groups(listed: tuple[Path, Path], cli: Cli, tmp_path: Path) -> None:
    folder, manifest = listed
    frame, manifest = pl.read_csv(manifest), tmp_path / "manifest.csv"
    split = pl.Series("split", ["train"] * 50 + ["val"] * 20 + ["test"] * 20)
    frame.with_columns(split).write_csv(manifest)
    command = ("fit", folder, "--manifest", manifest, *PICTURES, "--out", tmp_path / "run")
    assert cli(*command).code == 0
    for change in (
        frame.with_columns(split, pl.col("weight") + pl.lit(1) * (pl.col("site") == "north")),
        frame.with_columns(split, group=pl.lit("p") + pl.int_range(pl.len()).cast(pl.String)),
    ):
        change.write_csv(manifest)
        got = cli(*command, "--resume")
        assert got.code == 2
        assert "rows have other groups, times or weights" in got.err
    frame.with_columns(split.reverse()).write_csv(manifest)
    got = cli(*command, "--resume")
    assert got.code == 2
    assert "is not what" in got.err


def test_a_table_with_time_weights_the_class_to_find_and_names(table: Table, cli: Cli, tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("label,name\nrare,Seldom seen\ncommon,Often seen\n")
    path, run = table(with_columns), tmp_path / "run"
    options = ("--time", "day", "--weight", "importance", "--positive", "common", "--class-names", names)
    got = cli("fit", path, *TABLE, *SMALL, *options, "--objective", "recall@precision=0.9", "--out", run)
    assert got.code == 0, got.err
    result = Finished(run).result
    assert result.data.names == ("Often seen", "Seldom seen")
    assert result.data.split == "by time"
    assert result.data.profile.tail.tolist() == [0]
    assert "recall of “Often seen”" in got.out
    assert "The class to find is 'Often seen'" in got.err
    predicted = tmp_path / "predictions.csv"
    assert cli("predict", run, path, "--out", predicted).code == 0
    assert {"probability_Often seen", "probability_Seldom seen"} <= set(pl.read_csv(predicted).columns)
    scored = cli("evaluate", run, path)
    assert scored.code == 0, scored.err
    assert "Seldom seen" in scored.out
    assert "alarms (answers that name “Often seen”)" in scored.out
    assert cli("verify", run).code == 0
    told = (run / "report.html").read_text()
    assert "Often seen" in told
    assert "importance" in told


def test_a_comparison_shares_the_columns(table: Table, cli: Cli, tmp_path: Path) -> None:
    methods = (
        "--methods",
        "erm,balanced_softmax",
        "--seeds",
        "1",
        "--epochs",
        "1",
        "--accelerator",
        "cpu",
        "--jobs",
        "1",
    )
    options = ("--time", "day", "--weight", "importance", "--group", "customer", "--model", "mlp", "--target", "label")
    got = cli("compare", table(with_columns), *methods, *options, "--out", tmp_path / "study", "--json")
    assert got.code == 0, got.err
    for path in (tmp_path / "study").rglob("predictions.npz"):
        made = read_predictions(path.parent)
        assert made.groups is not None
        assert made.weights is not None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--group", "custmer"), "has no group column 'custmer'. Did you mean 'customer'?"),
        (("--group", "label"), "'label' is the target, so it cannot be the group"),
        (("--time", "dya"), "has no time column 'dya'. Did you mean 'day'?"),
        (("--time", "colour"), "time column 'colour' has "),
        (("--time", "label"), "'label' is the target, so it cannot be the time"),
        (("--weight", "importence"), "has no weight column 'importence'. Did you mean 'importance'?"),
        (("--weight", "colour"), "weight column 'colour' has "),
        (("--weight", "height"), "weight column 'height' has a negative value in"),
        (("--weight", "day", "--time", "day"), "both name the column 'day'"),
        (("--manifest", "list.csv"), "--manifest is for a folder of pictures"),
        (("--group-pattern", "c[0-9]+"), "--group-pattern is for a folder of pictures"),
        (("--positive", "rar"), "--positive rar: there is no such class. Did you mean 'rare'?"),
        (("--class-names", "nowhere.csv"), "no file nowhere.csv in"),
    ],
)
def test_a_bad_value_for_a_table(options: tuple[str, ...], words: str, table: Table, refused: Refused) -> None:
    path = table(with_columns)
    assert words in refused(path, *TABLE, *SMALL, *options)
    assert words in refused(path, "--target", "label", *options, command="inspect")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--group", "pateint"), "--group pateint needs a column, of a table or a --manifest"),
        (("--time", "day"), "--time day needs a column, of a table or a --manifest"),
        (("--weight", "w"), "--weight w needs a column, of a table or a --manifest"),
        (("--group-pattern", "p([0-9]"), "is no regular expression"),
        (("--group-pattern", "patient"), "finds no group in 102 of 102 paths, such as 'common/000.png'"),
        (("--group-pattern", "parent"), "102 of 102 pictures lie in none"),
        (("--manifest", "nowhere.csv"), "no file nowhere.csv"),
        (("--positive", "rare"), "says which of two classes is the one to find, and"),
    ],
)
def test_a_bad_value_for_pictures(options: tuple[str, ...], words: str, images: Path, refused: Refused) -> None:
    assert words in refused(images, *PICTURES, *options)
    assert words in refused(images, *options, command="inspect")
