"""Every kind of data goes all the way from `fit` to predictions that agree with the run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from command_line import CLASSES, SMALL, TABLE, Cli, made_table, picture, write_images
from official_pictures import write_aptos

from tailtune.data.catalog import aptos
from tailtune.settings import Reading


def finish(cli: Cli, tmp_path: Path, *arguments: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Fit, and return result.json and predictions.npz."""
    got = cli("fit", *arguments, *SMALL, "--out", tmp_path / "run")
    assert got.code == 0, got.err
    with np.load(tmp_path / "run" / "predictions.npz") as arrays:
        return json.loads((tmp_path / "run" / "result.json").read_text()), dict(arrays)


def predict(cli: Cli, tmp_path: Path, data: Path) -> pl.DataFrame:
    got = cli("predict", tmp_path / "run", data, "--out", tmp_path / "p.parquet")
    assert got.code == 0, got.err
    return pl.read_parquet(tmp_path / "p.parquet")


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_one_table_file(name: str, table: Callable[..., Path], cli: Cli, tmp_path: Path) -> None:
    path = table(name=name)
    result, run = finish(cli, tmp_path, path, *TABLE)
    assert result["data"]["split"] == "stratified"
    assert result["data"]["names"] == list(CLASSES)
    assert sum(sum(counts) for counts in result["data"]["counts"].values()) == 240
    rows = run["ids"].astype(np.int64) - 1
    frame = predict(cli, tmp_path, path)
    np.testing.assert_array_equal(frame[rows.tolist(), 2:].to_numpy(), run["probabilities"])


def test_csv_and_parquet_give_the_same_model(table: Callable[..., Path], cli: Cli, tmp_path: Path) -> None:
    first = finish(cli, tmp_path, table(name="rows.csv"), *TABLE)[1]
    shutil.rmtree(tmp_path / "run")
    second = finish(cli, tmp_path, table(name="rows.parquet"), *TABLE)[1]
    np.testing.assert_array_equal(first["probabilities"], second["probabilities"])


def test_a_folder_with_validation(cli: Cli, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for seed, (name, rows) in enumerate({"train.csv": 120, "valid.parquet": 50, "test.tsv": 60}.items()):
        frame = made_table(rows, seed)
        path = data / name
        frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(
            path, separator="\t" if path.suffix == ".tsv" else ","
        )
    result, run = finish(cli, tmp_path, data, *TABLE)
    assert [sum(result["data"]["counts"][part]) for part in ("train", "val", "test")] == [120, 50, 60]
    assert result["data"]["split"] == "given"
    frame = predict(cli, tmp_path, data / "test.tsv")
    np.testing.assert_array_equal(frame[:, 2:].to_numpy(), run["probabilities"])


def test_a_table_of_arrays(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.choice(3, 150, p=[0.6, 0.3, 0.1])
    x = rng.standard_normal((150, 4)) + y[:, None]
    np.savez(tmp_path / "a.npz", x_train=x[:100], y_train=y[:100], x_test=x[100:], y_test=y[100:])
    result, run = finish(cli, tmp_path, tmp_path / "a.npz", "--model", "mlp")
    assert result["data"]["features"] == {"numeric": 4, "cardinalities": []}
    frame = predict(cli, tmp_path, tmp_path / "a.npz")
    assert frame["id"].to_list() == run["ids"].tolist() == [f"x_test[{row}]" for row in range(50)]
    np.testing.assert_array_equal(frame[:, 2:].to_numpy(), run["probabilities"])


@pytest.mark.parametrize("channels", [1, 3])
def test_images_as_arrays(channels: int, cli: Cli, tmp_path: Path) -> None:
    y = np.sort(np.arange(90) % 3)
    pixels = np.stack([picture(row, 60 * int(k)) for row, k in enumerate(y)])
    pixels = pixels if channels == 1 else np.repeat(pixels[..., None], 3, axis=-1)
    np.savez(tmp_path / "a.npz", x=pixels, y=np.array(["cat", "dog", "owl"])[y])
    result, run = finish(cli, tmp_path, tmp_path / "a.npz", "--model", "resnet8")
    assert result["data"]["features"] == {"channels": channels, "height": 8, "width": 8}
    assert result["data"]["names"] == ["cat", "dog", "owl"]
    rows = [int(name.removeprefix("x[").removesuffix("]")) for name in run["ids"]]
    frame = predict(cli, tmp_path, tmp_path / "a.npz")
    np.testing.assert_array_equal(frame[rows, 2:].to_numpy(), run["probabilities"])


def test_a_flat_image_folder(cli: Cli, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "pictures", {"one": 40, "two": 20})
    result, run = finish(cli, tmp_path, folder, "--model", "resnet8", "--policy", "flip+crop+trivialaugment+cutmix")
    assert result["data"]["split"] == "stratified"
    assert result["run"]["policy"] == "flip+crop+trivialaugment+cutmix"
    frame = predict(cli, tmp_path, folder)
    place = {path: row for row, path in enumerate(frame["id"])}
    rows = [place[path] for path in run["ids"].tolist()]
    np.testing.assert_array_equal(frame[rows, 2:].to_numpy(), run["probabilities"])


def test_long_tailed_digits_are_never_mirrored(cli: Cli, tmp_path: Path) -> None:
    result, _ = finish(cli, tmp_path, "digits", "--ratio", "0.1", "--model", "resnet8", "--policy", "flip+crop")
    counts = result["data"]["counts"]
    assert [sum(pair) for pair in zip(counts["train"], counts["val"], strict=True)][::9] == [110, 11]
    assert result["run"]["flip"] is False
    assert result["data"]["source"] == "digits at ratio 0.1"


def test_inspect_reads_as_fit_does(table: Callable[..., Path], cli: Cli, tmp_path: Path) -> None:
    asked = ("--target", "label", "--test-fraction", "0.4", "--val-fraction", "0.3", "--split-seed", "2")
    seen = json.loads(cli("inspect", table(), *asked, "--json").out)
    result, _ = finish(cli, tmp_path, table(), *asked, "--model", "mlp")
    assert seen["counts"] == result["data"]["counts"]
    assert sum(seen["counts"]["test"]) == pytest.approx(0.4 * 240, abs=2)
    without = json.loads(cli("inspect", table(), *asked, "--selection", "last", "--json").out)
    assert without["counts"]["val"] is None


def test_inspect_takes_every_option_of_reading(cli: Cli) -> None:
    said = cli("inspect", "--help").out
    for name in Reading.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in said, name


def test_the_metric_of_the_protocol_comes_first(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = (40, 20, 30, 10, 15)
    monkeypatch.setattr(aptos, "COUNTS", counts)
    monkeypatch.setattr(aptos, "SIDE", 16)
    root = tmp_path / "aptos2019"
    write_aptos(root, np.random.default_rng(0).permutation(np.repeat(np.arange(5), counts)))
    got = cli("fit", "aptos", "--data-root", tmp_path, *SMALL, "--model", "resnet8", "--out", tmp_path / "run")
    assert got.code == 0, got.err
    assert "Published results on this data set are compared by quadratic-weighted kappa" in got.out
    assert first_figure(got.out) == "kappa"
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["headline"] == "kappa"
    low, high = result["systems"][0]["intervals"]["kappa"]
    assert low <= result["systems"][0]["metrics"]["kappa"] <= high
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.index("Agreement on ordered classes") < page.index("Rare cases found<small>")

    for row, line in enumerate((root / "train.csv").read_text().splitlines()[1:]):  # as folders, to evaluate on
        name, grade = line.split(",")
        folder = tmp_path / "again" / aptos.NAMES[int(grade)]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "train_images" / f"{name}.png", folder / f"{row}.png")
    got = cli("evaluate", tmp_path / "run", tmp_path / "again")
    assert got.code == 0, got.err
    assert first_figure(got.out.partition("rows, 95 % intervals")[2]) == "kappa"


def first_figure(table: str) -> str:
    """The name of the first figure in a table of the terminal."""
    return next(line.split()[0] for line in table.splitlines() if re.match(r" +[a-z ]+ +-?[01]\.\d{3} \[", line))
