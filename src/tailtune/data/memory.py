"""How much memory can still be taken, asked before something large is read."""

from __future__ import annotations

from pathlib import Path

from tailtune.errors import TailtuneError

CONTAINER = Path("/sys/fs/cgroup")  # where Linux says what the container of this process may use
SHARE = 0.8  # of what is free that data may take


def available_memory() -> int:
    """Bytes of memory that can still be taken, by the system's and the container's account."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = CONTAINER / "memory.max", CONTAINER / "memory.current"
    if limit.exists() and used.exists() and limit.read_text().strip().isdigit():
        return min(free, int(limit.read_text()) - int(used.read_text()))
    return free


def refuse_larger_than_memory(needed: int, what: str, mend: str) -> None:
    """Refuse to begin what there is no memory for.

    Args:
        needed: bytes.
        what: subject of the message, in the plural.
        mend: what can be done.

    Raises:
        TailtuneError: more than `SHARE` of the free memory.
    """
    free = available_memory()
    if needed > SHARE * free:
        raise TailtuneError(f"{what} need {needed / 1e9:,.1f} GB of memory, {free / 1e9:.1f} GB are free; {mend}")
