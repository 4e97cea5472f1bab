"""Warnings of other libraries that a user can do nothing about."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_script_warnings() -> Iterator[None]:
    """Hide that torch.jit.script is deprecated: torch's own forward derivatives and libraries on torch still use it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit.script` is deprecated")
        yield


@contextmanager
def without_size_warnings() -> Iterator[None]:
    """Hide that a picture is large: it is scaled down. Pillow still refuses what may fill the memory."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield
