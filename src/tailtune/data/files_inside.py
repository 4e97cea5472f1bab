"""Files that a list names, which must be there, and in the folder that the list is about."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tailtune.errors import TailtuneError


def lacking_files(root: Path, paths: Sequence[str], outside: Callable[[str], TailtuneError]) -> list[str]:
    """Return those of `paths` that are not in the folder `root`, with one reading of each folder.

    Args:
        root: the folder.
        paths: relative to it, with slashes.
        outside: the error for a path that leads out of the folder: an absolute one, one with .. or a link.

    Raises:
        TailtuneError: what `outside` makes of the first such path.
    """

    def refuse_outside(path: str) -> None:
        if not (root / path).resolve().is_relative_to(root.resolve()):
            raise outside(path)

    there: set[str] = set()
    for folder in {os.path.dirname(path) for path in paths}:
        refuse_outside(folder)
        if (root / folder).is_dir():
            for entry in os.scandir(root / folder):
                path = f"{folder}/{entry.name}" if folder else entry.name
                there.add(path)
                if entry.is_symlink():
                    refuse_outside(path)
    return [path for path in paths if path not in there]
