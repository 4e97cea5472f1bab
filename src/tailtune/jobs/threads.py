"""The variables by which a new process learns how many processor threads it may use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping


def thread_variables(threads: int) -> dict[str, str]:
    """Return what a process must find in its environment when its libraries are loaded.

    MKL would otherwise take fewer threads where it thinks that best, and sums would come out in another order.
    """
    return {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "MKL_DYNAMIC": "FALSE"}


@contextlib.contextmanager
def environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Let the processes that are started within a ``with`` block inherit variables."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
