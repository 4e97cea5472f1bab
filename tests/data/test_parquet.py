"""Parquet files are read in a process that may die of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from fuzz.inputs import DTYPES

from tailtune.data.parquet import ParquetReader, read_parquet
from tailtune.data.tables import read_table
from tailtune.errors import TailtuneError
from tailtune.interrupt import STOPS


@pytest.fixture
def negative(tmp_path: Path) -> Path:
    """A file whose only page states that it holds -39 values, for which polars asks for 2^61 bytes, and aborts."""
    path = tmp_path / "negative.parquet"
    pl.DataFrame({"x": [1.5, None, 2.0] * 4}).write_parquet(path, compression="uncompressed")
    whole = path.read_bytes()
    assert whole[12:15] == b",\x15\x18"  # 24, which stands for 12; 77 stands for -39
    path.write_bytes(whole[:14] + bytes([77]) + whole[15:])
    return path


def test_polars_itself_would_end_this_process(negative: Path) -> None:
    code = f"import polars; polars.read_parquet({str(negative)!r})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode != 0


def test_a_file_that_makes_polars_abort_is_refused(negative: Path) -> None:
    with pytest.raises(
        TailtuneError, match=r"negative\.parquet is damaged: memory allocation of .* failed; write"
    ) as told:
        read_table(negative)
    assert len(str(told.value).splitlines()) == 1


def test_a_reader_that_is_killed_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"x": [1]}).write_parquet(path)
    with ParquetReader() as reader:
        reader._process.kill()
        reader._process.wait()
        with pytest.raises(TailtuneError, match="is damaged: its reader ended with signal 9; write the file again"):
            reader.read(path)


def test_signals_to_stop_are_left_to_the_process_that_asks(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"x": [1]}).write_parquet(path)
    with ParquetReader() as reader:
        reader.read(path)
        for number in STOPS:
            reader._process.send_signal(number)
        assert reader.read(path).shape == (1, 1)


def test_a_full_disk_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"x": [1]}).write_parquet(path)
    with ParquetReader() as reader:
        reader._copy = Path("/dev/full")
        with pytest.raises(TailtuneError, match="No space left on device"):
            reader.read(path)


def test_every_type_comes_through(tmp_path: Path) -> None:
    empty = [pl.Series(f"c{j}", [None, None, None], dtype=dtype) for j, dtype in enumerate(DTYPES)]
    full = pl.DataFrame(
        {
            "whole": pl.Series([2**100, 1, None], dtype=pl.Int128),
            "word": pl.Series(["a", None, "é"], dtype=pl.Categorical),
            "bytes": [b"\xff", b"", None],
            "list": [[1], [], None],
            "time": pl.Series([1, 2, None]).cast(pl.Datetime("ns", "Asia/Kolkata")),
        }
    )
    full.with_columns(empty).write_parquet(tmp_path / "x.parquet")
    found = read_parquet(tmp_path / "x.parquet")
    expected = pl.read_parquet(tmp_path / "x.parquet")
    assert found.schema == expected.schema
    assert found.equals(expected)


def test_one_reader_reads_several_files_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    frames = [pl.DataFrame({"x": range(rows)}) for rows in (5, 3)]
    with ParquetReader() as reader:
        found = []
        for frame in frames:
            frame.write_parquet(tmp_path / "x.parquet")
            found.append(reader.read(tmp_path / "x.parquet"))
    assert [a.equals(b) for a, b in zip(found, frames, strict=True)] == [True, True]
    assert not os.listdir(tmp_path / "scratch")


def test_modules_of_the_folder_that_one_is_in_are_not_taken_for_those_that_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "x.parquet")
    for name in ("json.py", "polars.py"):
        (tmp_path / name).write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    assert read_parquet(Path("x.parquet")).shape == (1, 1)


def test_what_it_reads_with_needs_no_torch() -> None:
    code = "import sys, tailtune.data.parquet_process; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
