"""DICOM files through pydicom, where that is installed: a picture's size, and its grey values as a doctor sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tailtune.errors import TailtuneError

SUFFIX = ".dcm"


class DicomHeader(NamedTuple):
    """Size, and whether the picture is grey."""

    height: int
    width: int
    grey: bool


def is_dicom(path: str | Path) -> bool:
    """Whether the name of a file says that it is DICOM."""
    return Path(path).suffix.lower() == SUFFIX


def read_dicom_header(path: str | Path) -> DicomHeader:
    """Read what a file says of its picture; whatever pydicom raises is passed on."""
    found = _read(path, stop_before_pixels=True)
    return DicomHeader(int(found.Rows), int(found.Columns), int(found.SamplesPerPixel) == 1)


def read_dicom(path: str | Path) -> NDArray[Any]:
    """Read a picture: grey values float64 [H, W] in the units of the device (rescaled), or uint8 [H, W, 3].

    Of a film the first picture counts. Where small values are white (MONOCHROME1) they are negated, so that black is
    low in all pictures. Whatever pydicom raises is passed on.

    Raises:
        TailtuneError: pydicom is not installed.
        ValueError: colours of more than 8 bits.
    """
    found = _read(path)
    values = np.asarray(found.pixel_array)
    grey = int(found.SamplesPerPixel) == 1
    if values.ndim > (2 if grey else 3):
        values = values[0]
    if not grey:
        if values.dtype != np.uint8:
            raise ValueError(f"colours are of type {values.dtype}, not 8 bits")
        return values
    rescaled = values.astype(np.float64) * float(found.get("RescaleSlope", 1)) + float(found.get("RescaleIntercept", 0))
    return -rescaled if found.PhotometricInterpretation == "MONOCHROME1" else rescaled


def _read(path: str | Path, **options: bool) -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise TailtuneError(f"{path} is a DICOM file, and reading it takes pydicom: pip install pydicom") from error
    return pydicom.dcmread(path, **options)
