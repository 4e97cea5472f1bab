"""Groups of pictures by their paths: what a regular expression finds there, or the folder that a picture lies in."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tailtune.errors import TailtuneError

PARENT = "parent"


def groups_of_paths(pattern: str, paths: Sequence[str], skip: int = 0) -> NDArray[np.str_]:
    r"""Return the group of each picture [N].

    Args:
        pattern: a regular expression that is searched in the path: its first group, or the whole match if it has none,
            names what stays together. The word ``parent`` stands for the name of the folder that a picture lies in.
        paths: with slashes, relative to the folder of the data [N].
        skip: folders at the beginning that say the part and the class, so that they can be no ``parent``.

    Raises:
        TailtuneError: no regular expression, or a path in which it finds nothing.

    >>> groups_of_paths(r"p(\d+)_", ["cat/p7_1.png", "dog/p7_2.png", "dog/p12_1.png"]).tolist()
    ['7', '7', '12']
    """
    if pattern == PARENT:
        return _parents(paths, skip)
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise TailtuneError(
            f"--group-pattern {pattern!r} is no regular expression ({error}); write one such as '(patient[0-9]+)_', or "
            f"{PARENT}"
        ) from error
    matches = [found.search(path) for path in paths]
    groups = [None if match is None else match[1 if found.groups else 0] for match in matches]
    lacking = [path for path, group in zip(paths, groups, strict=True) if not group]
    if lacking:
        raise TailtuneError(
            f"--group-pattern {pattern!r} finds no group in {len(lacking)} of {len(paths)} paths, such as "
            f"{lacking[0]!r}; widen it, or rename these files"
        )
    return np.array(groups, dtype=np.str_)


def _parents(paths: Sequence[str], skip: int) -> NDArray[np.str_]:
    folders = [path.split("/")[skip:-1] for path in paths]
    lacking = [path for path, within in zip(paths, folders, strict=True) if not within]
    if lacking:
        raise TailtuneError(
            f"--group-pattern {PARENT} needs a folder for each group, and {len(lacking)} of {len(paths)} pictures lie "
            f"in none, such as {lacking[0]!r}; give a regular expression instead"
        )
    return np.array([within[-1] for within in folders], dtype=np.str_)
