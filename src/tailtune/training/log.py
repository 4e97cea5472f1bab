"""metrics.jsonl: one line an epoch, cut back to the checkpoint on resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tailtune.errors import TailtuneError


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
                raise TailtuneError(f"cannot write {self.path}: {why}; free some space, then use --resume") from error

    def size(self) -> int:
        """Length in bytes, which a checkpoint remembers."""
        return self.path.stat().st_size if self.path and self.path.exists() else 0

    def cut(self, size: int) -> None:
        """Drop what was written after the file was `size` bytes long."""
        if self.path and self.path.exists():
            with self.path.open("r+b") as file:
                file.truncate(size)
