"""Signatures of the pictures that a run was trained on, kept with it, so that scoring knows those nearly the same."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tailtune.data.likeness.picture_signature import DETAIL_BITS, Centre, Signatures
from tailtune.errors import TailtuneError
from tailtune.files import write_whole
from tailtune.run.manifest import check_file

FILE = "trained_pictures.npz"


def write_trained_pictures(folder: Path, known: Signatures) -> None:
    """Write trained_pictures.npz: 113 bytes a picture, and the medians by which they were taken."""
    arrays: dict[str, NDArray[Any]] = {
        "exact": known.exact,
        "hash": known.hash,
        "detail": known.detail,
        "plain": known.plain,
    }
    if known.centre is not None:
        arrays |= {"centre_hash": known.centre.hash, "centre_detail": known.centre.detail}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_whole(folder / FILE, buffer.getvalue())


def read_trained_pictures(folder: Path) -> Signatures | None:
    """Read trained_pictures.npz of a run; None where it keeps none.

    Raises:
        TailtuneError: a file that cannot be read.
    """
    if not (folder / FILE).exists():
        return None
    path = check_file(folder, FILE)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if arrays["detail"].shape[1:] != (2 * DETAIL_BITS // 64,):
                raise TailtuneError(f"{path} is of another version of tailtune; run the fit again")
            centre = Centre(arrays["centre_hash"], arrays["centre_detail"]) if "centre_hash" in arrays else None
            return Signatures(arrays["exact"], arrays["hash"], arrays["detail"], arrays["plain"], centre)
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        raise TailtuneError(
            f"{path}, which tells pictures that were trained on, cannot be read ({error}); run the fit again"
        ) from error
