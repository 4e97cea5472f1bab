"""One image file to an array: orientation, palettes, transparency, deep grey, and words for what cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tailtune.data.dicom import SUFFIX as DICOM
from tailtune.data.dicom import is_dicom, read_dicom, read_dicom_header
from tailtune.data.rendering import STRETCHED, Levels, Pixels, Rendering, eight_bits, fitted, scaled_size
from tailtune.errors import TailtuneError
from tailtune.quiet import without_size_warnings

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image

Result = TypeVar("Result")

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".jp2")
_NETPBM = (".ppm", ".pgm", ".pbm", ".pnm")
SUFFIXES = (".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".tga", ".avif", DICOM, *_JPEG, *_NETPBM)
_DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
_GREY_MODES = ("1", "L", "LA", "La", *_DEEP_MODES)
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
    """What a file says about its image before the pixels are read.

    Attributes:
        height: as displayed.
        width: as displayed.
        grey: whether it has no colours.
        deep: whether its grey values are of more than 8 bits, or floats.
    """

    height: int
    width: int
    grey: bool
    deep: bool = False


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
    if is_dicom(path):
        with _in_words(path, name):
            found = read_dicom_header(path)
        return Header(found.height, found.width, found.grey, found.grey)
    with _opened(path, name) as image:
        width, height = image.size
        grey, deep = image.mode in _GREY_MODES, image.mode in _DEEP_MODES
        if image.getexif().get(_ORIENTATION) in _ROTATED:
            width, height = height, width
    return Header(height, width, grey, deep)


def read_pixels(
    path: str | Path, name: str, channels: int, height: int, width: int, rendering: Rendering = STRETCHED
) -> Pixels:
    """Read an image, turned upright and brought to one size.

    Transparent pixels are laid on white; of an animation the first picture counts.

    Args:
        path: the file.
        name: how messages call it.
        channels: 1 for grey, 3 for RGB.
        height: rows of the result.
        width: columns of the result.
        rendering: what is done to other proportions and to deep grey values.

    Returns:
        uint8 [channels, height, width].

    Raises:
        UnreadableImageError: an empty, damaged or truncated file, or grey values without a range.
    """
    from PIL import Image, ImageOps

    if is_dicom(path):
        with _in_words(path, name):
            values = read_dicom(path)
        flat = Image.fromarray(values if values.ndim == 3 else _shallow(values, name, rendering.levels))
        return fitted(flat, channels, height, width, rendering.resize)
    with _opened(path, name) as image:
        image.draft(None, _enough(image, height, width, rendering))
        image.load()
        upright = ImageOps.exif_transpose(image)
        if upright.mode in _DEEP_MODES:
            flat = Image.fromarray(_shallow(np.asarray(upright), name, rendering.levels))
        else:
            flat = _on_white(upright)
    return fitted(flat, channels, height, width, rendering.resize)


def deep_range(path: str | Path, name: str) -> Levels:
    """Return the least and the largest grey value of a deep picture.

    Raises:
        UnreadableImageError: as `read_pixels`, and values that are not finite.
    """
    if is_dicom(path):
        with _in_words(path, name):
            values = read_dicom(path)
    else:
        with _opened(path, name) as image:
            values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise UnreadableImageError(name, "has pixels that are no finite numbers")
    return low, high


def _enough(image: Image, height: int, width: int, rendering: Rendering) -> tuple[int, int]:
    """The size that is enough to be scaled down from, which lets JPEG decode a large photo at a fraction of its own."""
    if rendering.resize == "stretch":
        return (2 * max(height, width),) * 2
    turned = image.getexif().get(_ORIENTATION) in _ROTATED
    size = scaled_size(*image.size, (height, width) if turned else (width, height), rendering.resize)
    return 2 * size[0], 2 * size[1]


def in_threads(work: Callable[..., Result], *arguments: Iterable[object]) -> list[Result]:
    """Map `work` over `arguments` in order; Pillow decodes outside Python's lock."""
    with without_size_warnings(), ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        return list(pool.map(work, *arguments))


def read_all(
    paths: Sequence[str | Path],
    names: Sequence[str],
    channels: int,
    height: int,
    width: int,
    rendering: Rendering = STRETCHED,
) -> tuple[Pixels, list[UnreadableImageError | None]]:
    """Read many images in parallel, as `read_pixels` does each.

    Returns:
        uint8 [N, channels, height, width], and for each image None or what is wrong with it (its pixels are then 0).
    """
    pixels = np.zeros((len(paths), channels, height, width), dtype=np.uint8)

    def read(row: int) -> UnreadableImageError | None:
        try:
            pixels[row] = read_pixels(paths[row], names[row], channels, height, width, rendering)
        except UnreadableImageError as error:
            return error
        return None

    return pixels, in_threads(read, range(len(paths)))


@contextmanager
def _opened(path: str | Path, name: str) -> Iterator[Image]:
    """Open an image and put into words whatever goes wrong while it is in use, see `_in_words`."""
    from PIL import Image

    with _in_words(path, name), Image.open(path) as image:
        yield image


@contextmanager
def _in_words(path: str | Path, name: str) -> Iterator[None]:
    """Put into words whatever goes wrong while the file `path` is read.

    Raises:
        UnreadableImageError: an empty or damaged file, or one that is no image.
        TailtuneError: no such file.
        MemoryError: an image larger than memory.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        if os.path.getsize(path) == 0:
            raise UnreadableImageError(name, "is an empty file (0 bytes)")
        yield
    except (TailtuneError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise TailtuneError(f"there is no image file {name}; check the path") from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(name, "is not in an image format that Pillow can read") from error
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        why = f"has more than {most} million pixels, which may fill the memory and are not decoded"
        raise UnreadableImageError(name, why) from error
    except Exception as error:  # the decoders raise OSError, SyntaxError, struct.error and others
        system = isinstance(error, OSError) and error.errno is not None
        what = "cannot be opened" if system else "is truncated or damaged"
        raise UnreadableImageError(name, f"{what} ({' '.join(str(error).split()) or type(error).__name__})") from error


def _shallow(values: NDArray[Any], name: str, levels: Levels | None) -> Pixels:
    """Return deep grey values as 8 bits.

    Raises:
        UnreadableImageError: values that are not finite, or that have no range because no training picture was deep.
    """
    if levels is not None:
        if not np.isfinite(values).all():
            raise UnreadableImageError(name, "has pixels that are no finite numbers")
        return eight_bits(values, levels)
    if values.dtype.kind == "f":
        raise UnreadableImageError(name, "has floating-point pixels, whose range is unknown")
    if values.min() < 0 or values.max() > 65535:
        raise UnreadableImageError(name, "has 32-bit pixels outside 0..65535")
    return eight_bits(values, (0, 65535))


def _on_white(image: Image) -> Image:
    from PIL import Image

    if image.has_transparency_data:
        see_through = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", see_through.size, "white"), see_through).convert("RGB")
    return image
