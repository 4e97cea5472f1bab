"""last.ckpt: written whole or not at all, and read back as plain tensors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from tailtune.errors import TailtuneError
from tailtune.files import remedy


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, lists, dicts) to `path` atomically.

    Raises:
        TailtuneError: the disk is full or not writable; an earlier checkpoint at `path` is left as it was.
    """
    scratch = path.with_name(f".{path.name}.partial")
    try:
        with scratch.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a short write as a RuntimeError
        scratch.unlink(missing_ok=True)
        mend = remedy(error) if isinstance(error, OSError) else "free some space"
        raise TailtuneError(f"cannot write {path}: {error}; {mend}, then go on with --resume") from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without unpickling code.

    Raises:
        TailtuneError: the file is not a checkpoint of tailtune.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch's own words advise to read the file with weights_only=False, which would run what is in it
        raise TailtuneError(f"{path} is damaged or no checkpoint of tailtune; delete it to start afresh") from error
    return state
