"""Help is quick, output can be piped away, and names in any script reach every output."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import SMALL, Cli, made_table, write_images

import tailtune

HEAVY = {"torch", "polars", "sklearn", "lightning_fabric", "timm", "torchvision", "xgboost", "matplotlib", "numpy"}


@pytest.mark.parametrize(
    "code",
    [
        "from tailtune.cli import main; main(['--help'])",
        "from tailtune.cli import main; main(['fit', '--help'])",
        "import tailtune; raise SystemExit(0)",
    ],
)
def test_help_and_import_are_light(code: str) -> None:
    report = f"import atexit, sys; atexit.register(lambda: print('LOADED', *sys.modules)); {code}"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "tailtune" in loaded
    light = {"numpy"} if "import tailtune;" in code else set()
    assert not loaded & (HEAVY - light)


def test_help_names_every_command(cli: Cli) -> None:
    got = cli("--help")
    assert got.code == 0
    for command in ("demo", "inspect", "fit", "evaluate", "predict", "report", "list"):
        assert command in got.out
    fit = cli("fit", "--help").out
    for option in ("--target", "--method", "--resume", "--no-flip", "--skip-bad-images", "--devices"):
        assert option in fit


def test_a_bare_call_shows_the_help(cli: Cli) -> None:
    assert (cli().code, cli().out) == (0, cli("--help").out)


def test_a_wrong_command_is_one_line(cli: Cli) -> None:
    got = cli("inspekt", "table.csv")
    assert got.code == 2
    assert "no command 'inspekt'. Did you mean 'inspect'? There are demo, inspect" in got.err
    assert got.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("fit", "--tagret", "y", "table.csv"),
            "fit has no option --tagret. Did you mean '--target'? See tailtune fit --help",
        ),
        (("fit", "table.csv", "--foo_bar=3"), "fit has no option --foo-bar. See tailtune fit --help"),
        (("--verson",), "tailtune has no option --verson. Did you mean '--version'? See tailtune --help"),
        (("inspect", "table.csv", "--epochs", "3"), "inspect has no option --epochs. See tailtune inspect --help"),
    ],
)
def test_a_wrong_option_is_one_line(cli: Cli, words: tuple[str, ...], said: str) -> None:
    """Wherever it stands: an option's value would else be taken for DATA, and DATA be said to be missing."""
    got = cli(*words)
    assert (got.code, got.err) == (2, f"tailtune: {said}\n")


def test_completion_of_shells_is_printed(cli: Cli) -> None:
    got = cli("--tyro-print-completion", "bash")
    assert (got.code, got.err) == (0, "")
    assert got.out.count("Bash completion for tailtune") == 1


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version(cli: Cli, option: str) -> None:
    got = cli(option)
    assert (got.code, got.out) == (0, f"tailtune {tailtune.__version__}\n")


@pytest.mark.parametrize("arguments", [("list", "policies", "--json"), ("list", "methods"), ("--help",)])
def test_a_pipe_that_closes_early_is_no_error(arguments: tuple[str, ...]) -> None:
    """As in `tailtune list models | head -1`."""
    pipe, environment = subprocess.PIPE, {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "tailtune", *arguments]
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == ""
    assert process.wait() == 1


STRANGE = ("ärger 😀", "<script>alert(1)</script>", 'so-called "x", y', "[bold]:cat:[/bold]")


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """The made table with names that would break a careless output."""
    names = dict(zip(("common", "middling", "rare"), STRANGE, strict=False))
    frame = made_table().with_columns(pl.col("label").replace(names).alias("the 'label' <b>"))
    frame = frame.drop("label").rename({"height": "größe (cm), “roh”", "colour": STRANGE[3]})
    path = tmp_path / "naïve data.csv"
    frame.write_csv(path)
    return path


def test_names_in_any_script(strange: Path, cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / ":cat: run"
    got = cli("fit", strange, "--target", "the 'label' <b>", "--model", "mlp", *SMALL, "--out", run)
    assert got.code == 0, got.err
    assert f"report: {run / 'report.html'}" in got.out.splitlines()
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "ärger 😀" in page
    out = tmp_path / "p.csv"
    assert cli("predict", run, strange, "--out", out).code == 0
    classes = sorted(STRANGE[:3])
    header, *rows = csv.reader(io.StringIO(out.read_text(encoding="utf-8")))
    assert header == ["id", "predicted", *(f"probability_{name}" for name in classes)]
    assert {row[1] for row in rows} <= set(classes)
    for command in (("evaluate", run, strange), ("inspect", strange, "--target", "the 'label' <b>")):
        shown = cli(*command)
        assert shown.code == 0
        assert "<script>alert(1)" in shown.out
    scores = json.loads(cli("evaluate", run, strange, "--json").out)
    assert [row["name"] for row in scores["per_class"]] == classes


def test_names_of_folders_in_any_script(cli: Cli, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "bilder", {"ärger 😀": 24, "日本語": 16, "a 'b' [i]": 9})
    got = cli("fit", folder, "--model", "resnet8", *SMALL, "--out", tmp_path / "run")
    assert got.code == 0, got.err
    assert "日本語" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert cli("predict", tmp_path / "run", folder / "日本語", "--out", tmp_path / "p.parquet").code == 0
    assert pl.read_parquet(tmp_path / "p.parquet")["id"][0] == "000.png"
    assert np.load(tmp_path / "run" / "predictions.npz")["ids"].dtype.kind == "U"


def test_a_terminal_of_ascii_only(strange: Path) -> None:
    """Encoded output must not stop a command."""
    command = [sys.executable, "-m", "tailtune", "inspect", str(strange), "--target", "the 'label' <b>"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert b"?rger ?" in done.stdout
    assert done.stdout.isascii()
