"""Whose folder is it: finished, unfinished or foreign run folders, and disks without space."""

from __future__ import annotations

import errno
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import SMALL, TABLE, Cli, Fitted, Refused

Table = Callable[..., Path]


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let the system refuse every file longer than `size` bytes, as a full disk refuses all."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refuse(cli: Cli, *arguments: str | Path) -> str:
    """Run `fit`; it must end with one line and code 2."""
    got = cli("fit", *arguments)
    assert (got.code, got.out, len(got.notes)) == (2, "", 1), got
    return got.err


def test_a_finished_run_is_never_overwritten(fitted: Fitted, cli: Cli) -> None:
    before = content(fitted.folder)
    line = refuse(cli, fitted.data, *TABLE, *SMALL, "--out", fitted.folder)
    assert "already holds a finished run" in line
    line = refuse(cli, fitted.data, *TABLE, *SMALL, "--lr", "0.5", "--out", fitted.folder, "--resume")
    assert "was started with lr None, however: now 0.5" in line
    assert content(fitted.folder) == before


def test_resuming_a_finished_run_says_that_it_is_done(fitted: Fitted, cli: Cli) -> None:
    before = content(fitted.folder)
    got = cli(*fitted.command, "--out", fitted.folder, "--json", "--resume")
    assert (got.code, got.out) == (0, fitted.answer.out)
    assert got.err == f"{fitted.folder} is finished: there is nothing left to do\n"
    assert content(fitted.folder) == before


def test_a_folder_of_something_else_is_left_alone(table: Table, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("precious")
    assert "holds no run of tailtune" in refuse(cli, table(), *TABLE, *SMALL, "--out", out)
    assert content(out) == {"thesis.tex": b"precious"}


def test_a_file_as_out(table: Table, cli: Cli) -> None:
    path = table()
    assert "is a file; name a folder" in refuse(cli, path, *TABLE, *SMALL, "--out", path)


def test_a_folder_below_a_file_as_out(table: Table, cli: Cli) -> None:
    path = table()
    assert "cannot create" in refuse(cli, path, *TABLE, *SMALL, "--out", path / "run")


def test_an_unfinished_run_wants_resume_and_the_same_settings(table: Table, cli: Cli, tmp_path: Path) -> None:
    path, out = table(), tmp_path / "run"
    finish = (path, *TABLE, *SMALL, "--out", out)
    assert cli("fit", *finish).code == 0
    (out / "DONE").unlink()
    assert "add --resume to go on with it" in refuse(cli, *finish)
    line = refuse(cli, *finish, "--lr", "0.01", "--resume")
    assert "was started with lr None, however: now 0.01" in line
    for command in (("predict", out, path, "--out", tmp_path / "p.csv"), ("evaluate", out, path), ("report", out)):
        got = cli(*command)
        assert got.code == 2
        assert "holds no finished run" in got.err
    before = content(out)
    assert cli("fit", *finish, "--resume").code == 0
    after = content(out)
    for name in ("metrics.jsonl", "model.safetensors", "predictions.npz"):
        assert after[name] == before[name]


def test_resume_where_nothing_was_begun_starts(table: Table, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / ".run.yaml.partial").write_text("left by a killed process")
    assert cli("fit", table(), *TABLE, *SMALL, "--out", out, "--resume").code == 0


@pytest.mark.parametrize("size", [0, 300, 5_000])  # nothing; not run.yaml; not the checkpoint
def test_no_space_leaves_no_folder(size: int, table: Table, refused: Refused) -> None:
    path = table()
    with files_up_to(size):
        line = refused(path, *TABLE, *SMALL)
    assert "cannot write " in line
    assert "free some space" in line


def test_no_space_for_the_metrics(table: Table, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def full(path: Path, mode: str = "r", *args: object, **kwargs: object) -> object:
        if path.name == "metrics.jsonl" and "a" in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    assert "metrics.jsonl: No space left on device" in refused(table(), *TABLE, *SMALL)


def test_a_checkpoint_outlives_a_full_disk(
    table: Table, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, whole, out = table(), tmp_path / "whole", tmp_path / "run"
    finish = (path, *TABLE, *SMALL, "--checkpoint-minutes", "0")
    assert cli("fit", *finish, "--out", whole).code == 0
    opened, calls = Path.open, iter(range(100))

    def full(path: Path, *args: object, **kwargs: object) -> object:
        if ".last.ckpt" in path.name and next(calls) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    assert "last.ckpt: No space left on device; free some space" in refuse(cli, *finish, "--out", out)
    assert not list(out.glob(".*.partial"))
    assert cli("fit", *finish, "--out", out, "--resume").code == 0
    for name in ("model.safetensors", "predictions.npz"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_no_space_for_the_report_can_be_resumed(
    table: Table, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = (table(), *TABLE, *SMALL, "--out", tmp_path / "run")
    opened = Path.open

    def full(path: Path, *args: object, **kwargs: object) -> object:
        if "report.html" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        assert "report.html: No space left on device; free some space" in refuse(cli, *finish)
    assert cli("fit", *finish, "--resume").code == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_no_space_for_a_new_report_keeps_the_old_one(fitted: Fitted, cli: Cli) -> None:
    before = content(fitted.folder)
    with files_up_to(1000):
        got = cli("report", fitted.folder)
    assert (got.code, len(got.err.splitlines())) == (2, 1)
    assert "report.html: File too large; free some space" in got.err
    assert content(fitted.folder) == before


def test_no_space_for_predictions(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    with files_up_to(100):
        got = cli("predict", fitted.folder, fitted.test, "--out", tmp_path / "p.csv")
    assert got.code == 2
    assert len(got.err.splitlines()) == 1
    assert "p.csv: File too large; free some space" in got.err
    assert not list(tmp_path.iterdir())
