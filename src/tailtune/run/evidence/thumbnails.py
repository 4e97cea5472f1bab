"""Small pictures for a page, as data URIs."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.data.dataset import Part
from tailtune.data.stored_pictures import StoredPictures

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

Heat = NDArray[np.float64]
EXACT = 16  # pixels of a side up to which a picture is kept as it is, without loss
SIDES = ((40, 96), (120, 64))  # up to so many pictures they have so many pixels a side; more have the last
SMALLEST = 40
ORANGE = np.array([213.0, 94.0, 0.0])


def side_of(pictures: int) -> int:
    """Longest side in pixels of each of so many thumbnails, so that all together stay a few hundred kilobytes."""
    return next((side for most, side in SIDES if pictures <= most), SMALLEST)


def pixels_of(part: Part, rows: NDArray[np.int64]) -> torch.Tensor:
    """Pictures of a part at `rows` [B], uint8 [B, C, H, W]."""
    import torch

    pictures = part.inputs[0]
    return pictures.read(rows) if isinstance(pictures, StoredPictures) else pictures[torch.as_tensor(rows)]


def thumbnail(pixels: torch.Tensor, side: int) -> str:
    """Return a picture uint8 [C, H, W] as a data URI, no side longer than `side`."""
    return _uri(_image(pixels), side)


def heat_thumbnail(pixels: torch.Tensor, heat: Heat, side: int) -> str:
    """Return a picture in grey, its heat [H, W] laid over it in orange; the hottest hundredth of it is full."""
    grey = np.asarray(_image(pixels).convert("L"), dtype=np.float64)[..., None]
    full = np.quantile(heat, 0.99)
    alpha = np.clip(heat / full if full > 0 else np.zeros_like(heat), 0, 1)[..., None] ** 0.7
    pale = 110 + 145 * grey / 255
    from PIL import Image

    return _uri(Image.fromarray((pale * (1 - alpha) + ORANGE * alpha).round().astype(np.uint8)), side)


def _image(pixels: torch.Tensor) -> Image:
    from PIL import Image

    array = pixels.numpy()
    return Image.fromarray(array[0] if len(array) == 1 else np.ascontiguousarray(array.transpose(1, 2, 0)))


def _uri(image: Image, side: int) -> str:
    exact, buffer = max(image.size) <= EXACT, io.BytesIO()
    if exact:
        image.save(buffer, "PNG", optimize=True)
    else:
        image.thumbnail((side, side))
        image.save(buffer, "JPEG", quality=85)
    return f"data:image/{'png' if exact else 'jpeg'};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
