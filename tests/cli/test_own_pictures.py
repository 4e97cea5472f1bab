"""A folder of one's own pictures: what is said without published weights, the probe, mirrors, and bad values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import Cli, Refused
from hub_cache import TINY, keep_weights, use_cache
from PIL import Image

ADDRESS = f"/timm/{TINY}.r160_in1k/resolve/main/model.safetensors"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of pictures of 64 x 48 pixels, which differ in brightness."""
    rng = np.random.default_rng(0)
    for name, low, count in (("0", 20, 40), ("1", 120, 20)):
        (tmp_path / "own" / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(low, low + 100, (48, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "own" / name / f"{i}.png")
    return tmp_path / "own"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no connection, and a tiny network in the place of the default one."""
    for module in ("tailtune.models.build", "tailtune.run.learners.picture_default"):
        monkeypatch.setattr(f"{module}.PRETRAINED", TINY)
    monkeypatch.setattr("tailtune.run.learners.picture_default.default_for_own_pictures", small)
    use_cache(tmp_path / "hub", monkeypatch)
    return tmp_path / "hub"


def small(rows: int, pretrained: bool) -> str:
    return TINY if pretrained else "resnet8"


def test_the_probe_from_weights_of_the_cache(pictures: Path, cache: Path, cli: Cli, tmp_path: Path) -> None:
    keep_weights(cache)
    got = cli("fit", pictures, "--method", "probe", "--out", tmp_path / "run")
    assert got.code == 0, got.err
    assert f"Training by probe: {TINY} with published weights, one pass for features." in got.err
    assert "scratch" not in got.err
    assert "lower bound" not in got.err
    assert (tmp_path / "run" / "report.html").is_file()
    assert cli("verify", tmp_path / "run").code == 0
    got = cli("predict", tmp_path / "run", pictures, "--out", tmp_path / "out.csv")
    assert got.code == 0, got.err
    table = pl.read_csv(tmp_path / "out.csv")
    assert len(table) == 60


def test_without_weights_one_line_names_the_file(pictures: Path, cli: Cli, tmp_path: Path) -> None:
    got = cli("fit", pictures, "--method", "erm", "--epochs", "1", "--val-fraction", "0.4", "--out", tmp_path / "run")
    assert got.code == 0, got.err
    lines = [line for line in got.err.splitlines() if "scratch" in line]
    assert len(lines) == 1
    assert lines[0].startswith("Trained from scratch, which is worse on few pictures: the weights ")
    assert lines[0].endswith(f"{ADDRESS} elsewhere and give it by --weights FILE.")
    assert len([line for line in got.err.splitlines() if "irrored" in line]) == 1  # kept or not, it is said


def test_the_probe_without_weights_says_what_it_is_worth(pictures: Path, cli: Cli, tmp_path: Path) -> None:
    got = cli("fit", pictures, "--method", "probe", "--pretrained", "False", "--out", tmp_path / "run")
    assert got.code == 0, got.err
    assert got.err.count("no more than a lower bound") == 1
    assert "scratch" not in got.err


def test_weights_that_are_insisted_on_are_an_error_of_one_line(pictures: Path, refused: Refused) -> None:
    for options in (("--pretrained",), ("--pretrained", "True", "--model", TINY)):
        line = refused(pictures, *options, "--epochs", "1")
        assert "could not be had" in line
        assert ADDRESS in line
        assert "--weights FILE" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--weights", "nowhere.pth"), "there is no file nowhere.pth with weights"),
        (("--method", "probe(weight_decay=-1)"), "weight_decay must be 0 or more"),
        (("--model", "resnet8", "--pretrained"), "resnet8 has no pretrained weights"),
        (("--model", "resnet8", "--flip-averaging", "--no-flip"), "--flip-averaging needs mirror images"),
    ],
)
def test_bad_values(options: tuple[str, ...], words: str, pictures: Path, refused: Refused) -> None:
    assert words in refused(pictures, *options, "--epochs", "1")


@pytest.mark.parametrize("option", ["--pretrained", "--flip", "--flip-averaging", "--resize"])
def test_a_choice_that_there_is_not(option: str, pictures: Path, cli: Cli) -> None:
    got = cli("fit", pictures, option, "maybe")
    assert got.code == 2
    assert "maybe" in got.err


def test_the_probe_is_for_images(table: Callable[..., Path], refused: Refused) -> None:
    line = refused(table(), "--target", "label", "--model", "mlp", "--method", "probe", "--epochs", "1")
    assert "method 'probe' is for images, and the data is a table" in line
