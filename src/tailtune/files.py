"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tailtune.errors import TailtuneError


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


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        TailtuneError: no space left, or no right to write.
    """
    writer = f"{socket.gethostname()}.{os.getpid()}"  # several processes may write the table of one study
    scratch = path.with_name(f".{path.name}.{writer}.partial")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        why = error.strerror or error
        raise TailtuneError(f"cannot write {path}: {why}; free some space or write elsewhere") from error
