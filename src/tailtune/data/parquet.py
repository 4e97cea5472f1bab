"""Read Parquet files in a process of their own: a damaged one can make polars abort, which no process survives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, cast

from tailtune.data.memory import refuse_larger_than_memory
from tailtune.errors import TailtuneError
from tailtune.files import naming_files

if TYPE_CHECKING:
    import polars as pl


def read_parquet(path: Path) -> pl.DataFrame:
    """Read a Parquet file.

    Args:
        path: the file.

    Returns:
        The table; rows keep their order.

    Raises:
        TailtuneError: an empty or damaged file, one without rows, or more cells than there is memory for.
    """
    with ParquetReader() as reader:
        return reader.read(path)


class ParquetReader:
    """A process that reads Parquet files, one after the other, until one is so damaged that it dies; a context."""

    def __enter__(self) -> ParquetReader:
        with naming_files(), ExitStack() as opened:
            self._copy = Path(opened.enter_context(tempfile.TemporaryDirectory())) / "rows.arrow"
            self._said = opened.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tailtune.data.parquet_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                bufsize=0,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "RUST_BACKTRACE": "0"},
            )
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._opened, self._process:
            self._process.kill()

    def read(self, path: Path) -> pl.DataFrame:
        """Read a file, see `read_parquet`.

        Raises:
            TailtuneError: as there.
        """
        import polars as pl

        with naming_files():
            if path.stat().st_size == 0:
                raise TailtuneError(f"{path} is empty (0 bytes); write the table again")
        # A compressed file may be full of rows in few bytes. They are in memory here, there, and perhaps in the copy.
        cells = self._ask(path)
        refuse_larger_than_memory(3 * 8 * cells, f"{cells:,} cells of {path}", "write fewer rows or columns")
        self._ask(path, self._copy)
        frame = pl.scan_ipc(self._copy, glob=False).collect()
        self._copy.unlink()  # a frame may look into it, so that the next copy must be another file
        if frame.height == 0:
            raise TailtuneError(f"{path} has columns but no rows; write the table again with its rows")
        return frame

    def _ask(self, path: Path, *copy: Path) -> int:
        """Return how many cells a Parquet file states; with `copy`, that Arrow file then holds its rows.

        Raises:
            TailtuneError: what is wrong with the file.
        """
        request = json.dumps([os.fspath(file) for file in (path, *copy)])
        with suppress(BrokenPipeError):  # it is dead, so that there is no answer either
            cast("IO[bytes]", self._process.stdin).write(f"{request}\n".encode())
        answer = cast("IO[bytes]", self._process.stdout).readline()
        if not answer:
            raise TailtuneError(f"{path} is damaged: {self._last_words()}; write the file again")
        done, told = json.loads(answer)
        if not done:
            raise TailtuneError(told)
        return int(told)

    def _last_words(self) -> str:
        """Say how the process died, as far as possible in its own words."""
        code = self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").splitlines()
        words = [line.strip() for line in said if line.strip() and not line.startswith("note: ")]
        return words[-1] if words else f"its reader ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}"
