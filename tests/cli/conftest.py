"""Commands on small made data, and the form that every refusal must have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from command_line import Cli, Fitted, Refused, answer, fitted_on, made_table, write_images


@pytest.fixture
def cli() -> Cli:
    """Run one command in this process."""
    return answer


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Run `fit` (or the command given first); it must end with one line and code 2 and leave no run folder behind."""

    def run(*arguments: str | Path, command: str = "fit") -> str:
        folder = tmp_path / "must-not-appear"
        where = ("--out", folder) if command == "fit" else ()
        got = answer(command, *arguments, *where)
        assert got.code == 2, (got.out, got.err)
        assert got.out == ""
        lines = got.notes
        assert len(lines) == 1, got.err
        assert lines[0].startswith("tailtune: "), got.err
        assert not folder.exists()
        return lines[0]

    return run


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Write `made_table`, changed by a function, as CSV (or what the suffix says)."""

    def write(change: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame, name: str = "rows.csv") -> Path:
        frame = change(made_table())
        path = tmp_path / name
        frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
        return path

    return write


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """An image folder of three classes."""
    return write_images(tmp_path / "pictures", {"common": 60, "middling": 30, "rare": 12})


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A run on a folder with train.csv and test.csv, trained once for all tests that only read it."""
    return fitted_on(200, tmp_path_factory.mktemp("fitted"))
