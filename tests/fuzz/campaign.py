"""Reads very many inputs that nobody meant, and writes how each kind ended: ``make fuzz CASES=100000``.

Every input must be read, or refused by a TailtuneError of one line. Anything else is a traceback, and a defect.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
from fuzz.inputs import KINDS, Read, emptied
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tailtune.data.parquet import ParquetReader
from tailtune.errors import TailtuneError

SLOW = 0.01  # share of run folders, each of which takes as long as a hundred tables
MOST = 20  # defects that are kept, one for each place where they arise


@dataclass
class Tally:
    """How inputs ended, and the first of each kind of defect."""

    outcomes: Counter[str] = field(default_factory=Counter)
    defects: dict[str, str] = field(default_factory=dict)

    def add(self, read: Read) -> None:
        """Read one input and count how it ends."""
        ended, told = outcome(read)
        self.outcomes[ended] += 1
        if ended == "traceback" and len(self.defects) < MOST:
            self.defects.setdefault(told.strip().splitlines()[-1][:200], told)


class KeptReader:
    """Reads Parquet files in one process for all, begun anew after a file that it died of.

    To begin one for each file, as tailtune does, takes longer than to read a hundred of them.
    """

    def __init__(self) -> None:
        self.reader: ParquetReader | None = None
        self.died = 0

    def __call__(self, path: Path) -> pl.DataFrame:
        """Read a file as `tailtune.data.parquet.read_parquet` does."""
        self.reader = self.reader or ParquetReader().__enter__()
        try:
            return self.reader.read(path)
        finally:
            if self.reader._process.poll() is not None:
                self.died += 1
                self.end()

    def end(self) -> None:
        """End the process."""
        if self.reader is not None:
            self.reader.__exit__(None, None, None)
            self.reader = None


@contextmanager
def kept_reader() -> Iterator[KeptReader]:
    """Let one process read all Parquet files within a ``with`` block."""
    reader = KeptReader()
    with mock.patch("tailtune.data.tables.read_parquet", reader):
        try:
            yield reader
        finally:
            reader.end()


def outcome(read: Read) -> tuple[str, str]:
    """Return "accepted", "refused" (in one line) or "traceback", and what was told.

    Raises:
        KeyboardInterrupt: the campaign is stopped.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("error", RuntimeWarning)
        try:
            read()
        except TailtuneError as error:
            return ("refused" if len(str(error).splitlines()) == 1 else "traceback"), str(error)
        except KeyboardInterrupt:
            raise
        except BaseException:  # among them what polars raises for a panic
            return "traceback", traceback.format_exc()
        return "accepted", ""


def fuzz(kind: str, cases: int, number: int) -> Tally:
    """Read `cases` inputs of one kind."""
    tally = Tally()

    @seed(number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        with tempfile.TemporaryDirectory() as folder:
            tally.add(KINDS[kind](data.draw, emptied(Path(folder) / "data")))

    one()
    return tally


def main() -> int:
    """Run all kinds and write the result file; the exit code is 1 if there was a defect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("fuzz.json"))
    asked = parser.parse_args()
    begun = time.monotonic()
    kinds: dict[str, Any] = {}
    defects: dict[str, str] = {}
    died = 0
    for kind in KINDS:
        share = SLOW if kind == "run folder" else (1 - SLOW) / (len(KINDS) - 1)
        with kept_reader() as reader:
            tally = fuzz(kind, max(1, round(share * asked.cases)), asked.seed)
        died += reader.died
        kinds[kind] = {"cases": tally.outcomes.total(), **tally.outcomes}
        defects |= {f"{kind}: {where}": told for where, told in tally.defects.items()}
        print(kind, dict(tally.outcomes), f"{time.monotonic() - begun:.0f} s", flush=True)
    packages = ("tailtune", "hypothesis", "polars", "numpy", "torch", "pillow")
    result = {
        "command": f"make fuzz CASES={asked.cases} FUZZ_SEED={asked.seed}",
        "cases": sum(found["cases"] for found in kinds.values()),
        "seed": asked.seed,
        "kinds": kinds,
        "defects": defects,
        "files_that_parquet_readers_died_of": died,
        "seconds": round(time.monotonic() - begun, 1),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "machine": {"system": platform.platform(), "processors": os.cpu_count()},
    }
    asked.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{asked.out}: {result['cases']} cases, {len(defects)} defects")
    return 1 if defects else 0


if __name__ == "__main__":
    sys.exit(main())
