"""metrics.jsonl: one line an epoch, cut back to the checkpoint on resume."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tailtune.errors import TailtuneError
from tailtune.files import remedy

METRICS = "metrics.jsonl"


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a run folder's metrics.jsonl, none where there is no such file (trees).

    Raises:
        TailtuneError: a line that is not JSON.
    """
    path = folder / METRICS
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except ValueError as error:
        raise TailtuneError(f"{path} holds a line that is not JSON ({error}); delete it to report without") from error


def watched(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Return which part was scored after the epochs: "val", "test", or None."""
    return next((part for part in ("val", "test") if any(row.get(f"{part}_loss") is not None for row in rows)), None)


class MetricsLog:
    """Appends rows to `path`; keeps nothing on disk when `path` is None."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def append(self, row: dict[str, Any]) -> None:
        """Write `row` as one line.

        Raises:
            TailtuneError: no space left.
        """
        if self.path:
            try:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            except OSError as error:
                why = error.strerror or error
                raise TailtuneError(f"cannot write {self.path}: {why}; {remedy(error)}, then use --resume") from error

    def size(self) -> int:
        """Length in bytes, which a checkpoint remembers."""
        return self.path.stat().st_size if self.path and self.path.exists() else 0

    def cut(self, size: int) -> None:
        """Drop what was written after the file was `size` bytes long."""
        if self.path and self.path.exists():
            with self.path.open("r+b") as file:
                file.truncate(size)
