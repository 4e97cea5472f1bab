"""A run is not gone on with, repeated or scored on other data than it was made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from command_line import SMALL, TABLE, Cli, made_table

Change = Callable[[pl.DataFrame], pl.DataFrame]
OTHER = {"common": "rare", "rare": "common", "middling": "middling"}


CHANGES: dict[str, tuple[Change, str]] = {
    "appended": (lambda frame: pl.concat([frame, frame.tail(7)]), "247 rows instead of 240"),
    "taken away": (lambda frame: frame.head(230), "230 rows instead of 240"),
    "shuffled": (lambda frame: frame.sample(fraction=1, shuffle=True, seed=0), "rows have other classes, or stand"),
    "labels flipped": (
        lambda frame: frame.with_columns(pl.col("label").replace(OTHER)),
        "rows have other classes, or stand",
    ),
    "a class renamed": (
        lambda frame: frame.with_columns(pl.col("label").replace({"rare": "scarce"})),
        "class no longer 'rare' and now also 'scarce'",
    ),
    "a column more": (
        lambda frame: frame.with_columns(extra=pl.int_range(frame.height) % 7),
        "now also 'extra (numeric)'",
    ),
    "one value": (
        lambda frame: frame.with_columns(
            pl.when(pl.int_range(frame.height) == 17).then(9.0).otherwise(pl.col("height")).alias("height")
        ),
        "rows have other values",
    ),
}


@pytest.fixture(scope="module")
def finish(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rows.csv and the run made of it."""
    from command_line import answer

    folder = tmp_path_factory.mktemp("changed")
    made_table().write_csv(folder / "rows.csv")
    assert answer("fit", folder / "rows.csv", *TABLE, *SMALL, "--out", folder / "run").code == 0
    return folder


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES)
def test_a_run_is_not_gone_on_with_on_other_data(change: Change, words: str, finish: Path, cli: Cli) -> None:
    rows, run = finish / "rows.csv", finish / "run"
    again = ("fit", rows, *TABLE, *SMALL, "--out", run, "--resume")
    done = (run / "DONE").read_bytes()
    try:
        change(made_table()).write_csv(rows)
        for whole in (True, False):
            if not whole:
                (run / "DONE").unlink()
            got = cli(*again)
            assert got.code == 2, got.out
            (line,) = got.notes
            assert f"is not what {run} was made of: " in line
            assert words in line
        got = cli("fit", "--from", run / "run.yaml", "--out", finish / "repeated")
        assert got.code == 2
        assert words in got.err
        assert not (finish / "repeated").exists()
    finally:
        made_table().write_csv(rows)
        (run / "DONE").write_bytes(done)
    got = cli(*again)
    assert got.code == 0
    assert "there is nothing left to do" in got.err


def test_the_same_rows_in_a_file_of_another_kind_are_the_same_data(finish: Path, cli: Cli, tmp_path: Path) -> None:
    """What counts is what is read, not the bytes of a file."""
    rows = finish / "rows.csv"
    made_table().write_csv(rows, separator=";")
    try:
        assert cli("fit", rows, *TABLE, *SMALL, "--out", finish / "run", "--resume").code == 0
    finally:
        made_table().write_csv(rows)
