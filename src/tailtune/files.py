"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from pathlib import Path

from tailtune.errors import TailtuneError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # errors that more room would mend


def check_format(path: Path, found: object, expected: int, again: str = "run the fit again") -> None:
    """Refuse a file of another format than the one that is read.

    Args:
        path: of the file.
        found: its format.
        expected: the format that this version of tailtune reads.
        again: how to have the file anew.

    Raises:
        TailtuneError: the two differ.
    """
    if found != expected:
        raise TailtuneError(
            f"{path} is of format {found}, and this version of tailtune reads format {expected}; {again}"
        )


def write_whole(path: Path, content: bytes | memoryview, keep: Path | None = None) -> None:
    """Write a file so that it is there whole or not at all, even if the machine stops.

    Args:
        path: of the file.
        content: of it.
        keep: what to call the file that was at `path` before; None replaces it.

    Raises:
        TailtuneError: no space left, or no right to write; an earlier file at `path` is left as it was.
    """
    writer = f"{socket.gethostname()}.{os.getpid()}"  # several processes may write the table of one study
    scratch = path.with_name(f".{path.name}.{writer}.partial")
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or the new name may come to stand for a file without content
        if keep is not None and path.exists():
            path.replace(keep)
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise TailtuneError(_cannot_write(path, error)) from error


def append_line(path: Path, line: str) -> None:
    """Write a line to the end of a file.

    Raises:
        TailtuneError: no space left, or no right to write.
    """
    try:
        with path.open("ab") as file:
            file.write(f"{line}\n".encode())
    except OSError as error:
        raise TailtuneError(_cannot_write(path, error)) from error


def cut(path: Path, size: int) -> None:
    """Drop what a file holds behind its first `size` bytes.

    Raises:
        TailtuneError: no right to write.
    """
    try:
        with path.open("r+b") as file:
            file.truncate(size)
    except OSError as error:
        raise TailtuneError(_cannot_write(path, error)) from error


def _cannot_write(path: Path, error: OSError) -> str:
    remedy = "free some space or write elsewhere" if error.errno in FULL else "write elsewhere"
    return f"cannot write {path}: {error.strerror or error}; {remedy}"


def check_output(out: Path, force: bool, *inputs: Path) -> None:
    """Refuse to write `out` over what is there.

    Args:
        out: file to write.
        force: whether another file there may be replaced.
        inputs: files and folders that are read, over and into which nothing is ever written.

    Raises:
        TailtuneError: `out` is one of the inputs or lies in one, or it exists and `force` is off.
    """
    for path in inputs:
        if out.resolve().is_relative_to(path.resolve()) or (out.exists() and path.exists() and out.samefile(path)):
            raise TailtuneError(f"{out} would be written over what is read from {path}; name another file")
    if out.exists() and not force:
        raise TailtuneError(f"{out} exists; name another file, or add --force to replace it")


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; an OSError is let through."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
