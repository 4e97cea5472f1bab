"""The process that reads Parquet files for `parquet.py`: requests and answers are lines of JSON on its pipes."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tailtune.errors import TailtuneError
from tailtune.files import naming_files
from tailtune.interrupt import STOPS


def answer_all(requests: IO[str], answers: IO[str]) -> None:
    """Answer requests until there are no more.

    Args:
        requests: lines ``[file]``, which ask how many cells a Parquet file states, and ``[file, copy]``, which ask for
            its rows in an Arrow file.
        answers: takes a line ``[whether it was done, number of cells or why not]`` for each.
    """
    import polars  # noqa: F401  # while the process that asks may do the same

    for line in requests:
        file, *copy = map(Path, json.loads(line))
        try:
            cells = _copy(file, copy[0]) if copy else _stated(file)
            answer = (True, str(cells))
        except TailtuneError as error:
            answer = (False, str(error))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _stated(path: Path) -> int:
    import polars as pl

    with _opened(path) as file:
        rows = pl.scan_parquet(file)
        return len(rows.collect_schema()) * int(rows.select(pl.len()).collect().item())


def _copy(path: Path, copy: Path) -> int:
    import polars as pl

    with _opened(path) as file:
        frame = pl.read_parquet(file)
    with naming_files(), copy.open("wb") as file:
        frame.write_ipc(file)
    height, width = frame.shape
    return int(height * width)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a Parquet file, whose name polars would take for a pattern, and say in one line what is wrong with it.

    Raises:
        TailtuneError: a file that the system or polars refuses within the ``with`` block.
    """
    import polars as pl

    try:
        with naming_files(), path.open("rb") as file:
            yield file
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TailtuneError(f"{path} cannot be read as Parquet ({reason}); write the file again") from error


if __name__ == "__main__":
    for number in STOPS:  # these are for the process that asks, which ends this one
        signal.signal(number, signal.SIG_IGN)
    answer_all(sys.stdin, sys.stdout)
