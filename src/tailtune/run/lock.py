"""One writer a folder: a second fit, resume or report that would write into it is refused, and told who is there."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tailtune.errors import TailtuneError
from tailtune.files import write_whole

LOCK, HOLDER = ".lock", ".holder"  # the second says who holds the first, which the system lets go if a process dies


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Create `folder` if need be and be its only writer; a new one in which nothing stays is taken away again.

    Raises:
        TailtuneError: another process writes there, or the folder cannot be created.
    """
    from filelock import FileLock, Timeout

    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if folder.exists():
            raise TailtuneError(f"--out {folder} is a file; name a folder") from error
        raise TailtuneError(f"cannot create {folder}: {error.strerror or error}; choose another --out") from error
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TailtuneError(f"{_holder(folder)} writes into {folder}; wait for it, or choose another --out") from error
    except (OSError, NotImplementedError) as error:
        raise TailtuneError(f"cannot lock {folder} ({error}); choose an --out where files can be locked") from error
    try:
        write_whole(folder / HOLDER, json.dumps(_self()).encode())
        yield
    finally:
        for name in (HOLDER, LOCK):  # while it is held, so that whoever comes next makes a lock of their own
            (folder / name).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # the first that is not empty
            for path in new:
                path.rmdir()


def _self() -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since}


def _holder(folder: Path) -> str:
    try:
        holder = json.loads((folder / HOLDER).read_bytes())
        return f"process {holder['pid']} on {holder['host']} (since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # it has just begun, or is just about to end
        return "another process"
