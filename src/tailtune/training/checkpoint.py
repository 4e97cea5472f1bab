"""last.ckpt: written whole or not at all, checked when it is read, and followed by the one before it."""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

import torch

from tailtune.errors import TailtuneError
from tailtune.files import write_whole

LOG = logging.getLogger("tailtune")  # the command line shows it
DIGEST = 32  # bytes of the SHA-256 of what stands before it, at the end of the file


def earlier(path: Path) -> Path:
    """Return where the checkpoint before the one at `path` is kept."""
    return path.with_suffix(f".previous{path.suffix}")


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, lists, dicts) and its checksum; keep the checkpoint that was there.

    Raises:
        TailtuneError: the disk is full or not writable; earlier checkpoints are left as they were.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.write(hashlib.sha256(buffer.getbuffer()).digest())
    write_whole(path, buffer.getbuffer(), keep=earlier(path))


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read the newest whole checkpoint of `path` without unpickling code; None where there is none.

    Raises:
        TailtuneError: neither the checkpoint nor the one before it is whole.
    """
    before, wrong = earlier(path), ""
    for candidate in (path, before):
        if not candidate.exists():
            continue
        try:
            state = _read(candidate)
        except (OSError, ValueError) as error:
            wrong = wrong or f"{candidate} is damaged ({error})"
            continue
        if wrong:
            LOG.warning(f"{wrong}; going on from the checkpoint before it")
        return state
    if wrong:
        raise TailtuneError(f"{wrong}, and there is no other; delete {path.parent} and start the run again")
    return None


def _read(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    whole, digest = content[:-DIGEST], content[-DIGEST:]
    if hashlib.sha256(whole).digest() != digest:
        raise ValueError("its checksum is another")
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(whole), map_location="cpu", weights_only=True)
    except Exception as error:
        # torch's own words advise to read the file with weights_only=False, which would run what is in it
        raise ValueError("it is no checkpoint of tailtune") from error
    return state
