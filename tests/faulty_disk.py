"""A shim over every opening of a file for writing, and every renaming, below one folder: the n-th of them fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EROFS": errno.EROFS}
KINDS = (*ERRORS, "torn", "killed")
KILLED = 9


class _Torn:
    """A file of which half of what is written arrives, then the error, or the end of the process."""

    def __init__(self, file: Any, kind: str) -> None:
        self.file, self.kind = file, kind

    def __enter__(self) -> _Torn:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, content: Any) -> int:
        """Write half, and fail."""
        if self.kind != "killed":
            self.file.write(content[: len(content) // 2])
            self.file.flush()
        fail(self.kind)
        return 0

    def truncate(self, size: int) -> int:
        """Fail, or shorten the file and end the process."""
        if self.kind == "torn":
            self.file.truncate(size)
            self.file.flush()
        fail(self.kind)
        return size


def fail(kind: str) -> None:
    """Be the end of the process, or the error.

    Raises:
        OSError: of this kind.
    """
    if kind in ERRORS:
        raise OSError(ERRORS[kind], os.strerror(ERRORS[kind]))
    os._exit(KILLED)


@contextmanager
def faulty(folder: Path, number: int, kind: str) -> Iterator[list[str]]:
    """Let the write with this number (from 0) below `folder` fail; the list names all writes that were begun."""
    opened, renamed, begun = Path.open, Path.replace, list[str]()
    within = folder.resolve()

    def here(path: Path, what: str) -> bool:
        if not path.resolve().is_relative_to(within):
            return False
        begun.append(f"{what} {path.name}")
        return len(begun) - 1 == number

    def faulty_open(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        fails = any(letter in mode for letter in "wa+") and here(path, "write")
        file = opened(path, mode, *args, **kwargs)
        return _Torn(file, kind) if fails else file

    def faulty_replace(path: Path, goal: Path) -> Path:
        if here(path, "rename"):
            fail(kind)
        return renamed(path, goal)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", faulty_open)
        patch.setattr(Path, "replace", faulty_replace)
        yield begun
