"""Names that do not exist and values out of range are refused before any data are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import SMALL, TABLE, Cli, Refused

from tailtune.errors import TailtuneError
from tailtune.run.execute import check_run
from tailtune.settings import Run, check

Table = Callable[..., Path]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--method", "tunned", "there is no method 'tunned'. Did you mean 'tuned'?"),
        ("--model", "mpl", "no model for tables is called 'mpl'. Did you mean 'mlp'?"),
        ("--model", "resnet20", "resnet20 is a model for images"),
        ("--baselines", "xgbost", "there is no baseline 'xgbost'. Did you mean 'xgboost'?"),
        ("--policy", "flip+corp", "Did you mean 'crop'?"),
        ("--method", "nowhere.py:own", "there is no file nowhere.py"),
        ("--method", "nowhere_at_all:own", "cannot import 'nowhere_at_all'"),
        ("--method", "erm(rho=0.1)", "method 'erm' takes no 'rho'"),
        ("--logger", "nowhere:Logger", "cannot make the logger 'nowhere:Logger'"),
        ("--accelerator", "cuda", "no CUDA device was found"),
        ("--jobs", "0", "--jobs must be 1 or more, however: 0"),
        ("--val-fraction", "0", "no validation rows"),
        ("--test-fraction", "0", "no test rows"),
        ("--ratio", "0.1", "is taken as it is, leave it out"),
        ("--policy", "flip", "--policy flip augments images"),
        ("--model", "xgboost", "--epochs is a setting of networks, and xgboost has none"),
    ],
)
def test_a_name_or_a_choice_that_does_not_fit(
    option: str, value: str, words: str, table: Table, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    fixed = {"--target": "label", "--model": "mlp", "--method": "erm", "--epochs": "2", "--accelerator": "cpu"}
    options = [word for pair in (fixed | {option: value}).items() for word in pair]
    assert words in refused(table(), *options)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--model", "resnett20", "no model for images is called 'resnett20'. Did you mean 'resnet20'?"),
        ("--model", "mlp", "mlp is a model for tables"),
        ("--baselines", "xgboost", "the baseline xgboost takes tables"),
        ("--group", "patient", "--group patient needs a column, of a table or a --manifest"),
    ],
)
def test_a_choice_that_does_not_fit_images(option: str, value: str, words: str, images: Path, refused: Refused) -> None:
    fixed = {"--method": "erm", "--epochs": "2", "--accelerator": "cpu", "--model": "resnet8"}
    options = [word for pair in (fixed | {option: value}).items() for word in pair]
    assert words in refused(images, *options)


def test_trees_take_no_images(images: Path, refused: Refused) -> None:
    assert "xgboost takes tables, not images" in refused(images, "--model", "xgboost")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--epochs", "0"),
        ("--epochs", "-3"),
        ("--batch-size", "0"),
        ("--lr", "0"),
        ("--lr", "-0.1"),
        ("--lr", "nan"),
        ("--lr", "inf"),
        ("--minutes", "0"),
        ("--momentum", "1"),
        ("--weight-decay", "-1"),
        ("--warmup", "1.5"),
        ("--clip", "0"),
        ("--ema", "1"),
        ("--patience", "-1"),
        ("--val-fraction", "1"),
        ("--val-fraction", "-0.1"),
        ("--test-fraction", "1.5"),
        ("--image-size", "0"),
        ("--devices", "0"),
        ("--seed", "-1"),
        ("--split-seed", "-1"),
        ("--checkpoint-minutes", "-1"),
    ],
)
def test_a_number_out_of_range(option: str, value: str, refused: Refused) -> None:
    line = refused("there-is-no-such-file.csv", option, value)
    assert line.startswith(f"tailtune: {option} must be ")
    assert f"however: {float(value):g}" in line


def test_a_choice_from_python_that_does_not_exist() -> None:
    with pytest.raises(TailtuneError, match=r"--selection must be one of .* Did you mean 'validation'\?"):
        check(Run("digits", selection="validations"))  # type: ignore[arg-type]
    with pytest.raises(TailtuneError, match=r"--optimizer must be one of sgd, adamw, however: 'adam'"):
        check(Run("digits", optimizer="adam"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments", [("fit",), ("fit", "digits", "--epochs", "many"), ("fit", "digits", "--selection", "best"), ("trian",)]
)
def test_what_the_parser_refuses_ends_with_2(arguments: tuple[str, ...], cli: Cli) -> None:
    got = cli(*arguments)
    assert got.code == 2
    assert "Traceback" not in got.err


def test_a_failed_run_leaves_its_folder_free_for_the_next(table: Table, cli: Cli, tmp_path: Path) -> None:
    path, out = table(), tmp_path / "new" / "run"
    loss = cli("fit", path, *TABLE, *SMALL, "--optimizer", "sgd", "--lr", "1e30", "--out", out)
    assert loss.code == 2
    (line,) = loss.notes
    assert line.startswith("tailtune: the loss became nan at step 2 of ")
    assert not out.exists()
    assert cli("fit", path, *TABLE, *SMALL, "--out", out).code == 0


def test_a_folder_that_was_empty_stays_when_the_run_fails(table: Table, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    assert cli("fit", table(), *TABLE, *SMALL, "--val-fraction", "0", "--out", out).code == 2
    assert out.is_dir()
    assert not list(out.iterdir())


def test_zero_is_a_setting_that_trees_do_not_have() -> None:
    with pytest.raises(TailtuneError, match="--ema is a setting of networks, and xgboost has none"):
        check_run(Run("rows.csv", model="xgboost", ema=0.0))
    check_run(Run("rows.csv", model="xgboost"))
