"""How a picture of any size and depth becomes 8-bit pixels of one size: its proportions, and what is black."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.uint8]
Resize = Literal["pad", "crop", "stretch"]
Levels = tuple[float, float]  # the grey values that become 0 and 255


@dataclass(frozen=True)
class Rendering:
    """What is done to pictures that are not yet as the network takes them.

    Attributes:
        resize: "pad" scales a picture until it fits in and adds black on two sides; "crop" scales it until it fills
            all and cuts two sides off, the same from both; "stretch" scales height and width apart, so that shapes
            change where proportions do.
        levels: grey values of deep pictures (12 or 16 bits, floats) that become 0 and 255, with what lies beyond; None
            where no training picture was deep, so that 16 bits are taken as 0 to 65535.
    """

    resize: Resize = "stretch"
    levels: Levels | None = None


STRETCHED = Rendering()


def scaled_size(width: int, height: int, to: tuple[int, int], resize: Resize) -> tuple[int, int]:
    """Return the width and height to which a picture is scaled before anything is added or cut off.

    >>> scaled_size(1000, 700, (96, 96), "pad"), scaled_size(1000, 700, (96, 96), "crop")
    ((96, 67), (137, 96))
    """
    if resize == "stretch":
        return to
    ratios = to[0] / width, to[1] / height
    factor = min(ratios) if resize == "pad" else max(ratios)
    within = min if resize == "pad" else max
    return max(1, within(to[0], round(width * factor))), max(1, within(to[1], round(height * factor)))


def fitted(image: Image, channels: int, height: int, width: int, resize: Resize = "stretch") -> Pixels:
    """Return an 8-bit picture as uint8 [channels, height, width], scaled with an antialiasing linear filter."""
    from PIL import Image

    converted = image.convert("L" if channels == 1 else "RGB")
    if converted.size != (width, height):
        size = scaled_size(*converted.size, (width, height), resize)
        if converted.size != size:
            converted = converted.resize(size, Image.Resampling.BILINEAR)
        if size != (width, height):  # what is outside of a picture that is cut out is black
            left, top = (size[0] - width) // 2, (size[1] - height) // 2
            converted = converted.crop((left, top, left + width, top + height))
    array = np.asarray(converted, dtype=np.uint8)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def eight_bits(values: NDArray[np.floating | np.integer], levels: Levels) -> Pixels:
    """Return grey values as levels of 0 to 255, rounded to the nearest, those outside of `levels` as the ends.

    >>> eight_bits(np.array([100, 2000, 4095, 9000]), (100, 4095)).tolist()
    [0, 121, 255, 255]
    """
    low, high = levels
    span = high - low if high > low else 1.0
    return np.rint(np.clip((values.astype(np.float64) - low) * (255 / span), 0, 255)).astype(np.uint8)
