"""One image file to an array: orientation, palettes, transparency, 16 bits, and words for what cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image

Pixels = NDArray[np.uint8]
Result = TypeVar("Result")

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".jp2")
_NETPBM = (".ppm", ".pgm", ".pbm", ".pnm")
SUFFIXES = (".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".tga", ".avif", *_JPEG, *_NETPBM)
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")
_ROTATED = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_ORIENTATION = 0x0112


class UnreadableImageError(TailtuneError):
    """An image file that cannot be used.

    Attributes:
        name: the file, as the user knows it.
        why: what is wrong with it.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"image {name} {why}; repair or remove it, or leave such images out with --skip-bad-images")
        self.name = name
        self.why = why


@dataclass(frozen=True)
class Header:
    """What a file says about its image before the pixels are read: the size as displayed, and whether it is grey."""

    height: int
    width: int
    grey: bool


def is_image(path: str | Path) -> bool:
    """Whether the name of a file says that it is an image.

    >>> is_image("cat.JPG"), is_image("notes.txt")
    (True, False)
    """
    return Path(path).suffix.lower() in SUFFIXES


def read_header(path: str | Path, name: str) -> Header:
    """Read an image's size and kind.

    Args:
        path: the file.
        name: how messages call it.

    Raises:
        UnreadableImageError: an empty file, or one that is no image.
    """
    with _opened(path, name) as image:
        width, height = image.size
        grey = image.mode in _GREY_MODES
        if image.getexif().get(_ORIENTATION) in _ROTATED:
            width, height = height, width
    return Header(height, width, grey)


def read_pixels(path: str | Path, name: str, channels: int, height: int, width: int) -> Pixels:
    """Read an image, turned upright and stretched to one size.

    Transparent pixels are laid on white; 16-bit grey is divided by 257; of an animation the first picture counts.

    Args:
        path: the file.
        name: how messages call it.
        channels: 1 for grey, 3 for RGB.
        height: rows of the result.
        width: columns of the result.

    Returns:
        uint8 [channels, height, width].

    Raises:
        UnreadableImageError: an empty, damaged or truncated file, or pixels that are not 8 or 16 bits deep.
    """
    from PIL import ImageOps

    with _opened(path, name) as image:
        image.draft(None, (2 * max(height, width),) * 2)  # lets JPEG decode a large photo at a fraction of its size
        image.load()
        flat = _eight_bits(ImageOps.exif_transpose(image), name)
    return fitted(flat, channels, height, width)


def fitted(image: Image, channels: int, height: int, width: int) -> Pixels:
    """Return an 8-bit picture as uint8 [channels, height, width], stretched with an antialiasing linear filter."""
    from PIL import Image

    converted = image.convert("L" if channels == 1 else "RGB")
    if converted.size != (width, height):
        converted = converted.resize((width, height), Image.Resampling.BILINEAR)
    array = np.asarray(converted, dtype=np.uint8)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def in_threads(work: Callable[..., Result], *arguments: Iterable[object]) -> list[Result]:
    """Map `work` over `arguments` in order; Pillow decodes outside Python's lock."""
    with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        return list(pool.map(work, *arguments))


def read_all(
    paths: Sequence[str | Path], names: Sequence[str], channels: int, height: int, width: int
) -> tuple[Pixels, list[UnreadableImageError | None]]:
    """Read many images in parallel, as `read_pixels` does each.

    Returns:
        uint8 [N, channels, height, width], and for each image None or what is wrong with it (its pixels are then 0).
    """
    pixels = np.zeros((len(paths), channels, height, width), dtype=np.uint8)

    def read(row: int) -> UnreadableImageError | None:
        try:
            pixels[row] = read_pixels(paths[row], names[row], channels, height, width)
        except UnreadableImageError as error:
            return error
        return None

    return pixels, in_threads(read, range(len(paths)))


@contextmanager
def _opened(path: str | Path, name: str) -> Iterator[Image]:
    """Open an image and put into words whatever goes wrong while it is in use.

    Raises:
        UnreadableImageError: an empty or damaged file, or one that is no image.
        TailtuneError: no such file.
        MemoryError: an image larger than memory.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        if os.path.getsize(path) == 0:
            raise UnreadableImageError(name, "is an empty file (0 bytes)")
        with Image.open(path) as image:
            yield image
    except (UnreadableImageError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise TailtuneError(f"there is no image file {name}; check the path") from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(name, "is not in an image format that Pillow can read") from error
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error and others
        system = isinstance(error, OSError) and error.errno is not None
        what = "cannot be opened" if system else "is truncated or damaged"
        raise UnreadableImageError(name, f"{what} ({' '.join(str(error).split()) or type(error).__name__})") from error


def _eight_bits(image: Image, name: str) -> Image:
    from PIL import Image

    if image.mode == "F":
        raise UnreadableImageError(name, "has floating-point pixels, whose range is unknown")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise UnreadableImageError(name, "has 32-bit pixels outside 0..65535")
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        see_through = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", see_through.size, "white"), see_through).convert("RGB")
    return image
