"""One size for pictures of several sizes, and what is said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import exp, log
from statistics import median

from tailtune.data.decode import Header
from tailtune.data.rendering import Resize

LARGEST_DEFAULT_SIDE = 224


def common_size(headers: Sequence[Header], side: int | None, who: str) -> tuple[int, int, str]:
    """Return height and width for all images, and whose wish it is.

    That is `side`, which `who` asks for; else the size that most of the images have; else, where none is so common, a
    size of their median proportions and median longer side.
    """
    if side is not None:
        return side, side, who
    sizes = Counter((header.height, header.width) for header in headers)
    # the larger one of two sizes that are equally common, so that the order of the files cannot matter
    commonest = max(sizes, key=lambda size: (sizes[size], size))
    if 2 * sizes[commonest] < len(headers):
        height, width = _median_size(headers)
        reason = "the median size"
    else:
        height, width = commonest
        reason = "the commonest size"
    shrink = min(1.0, LARGEST_DEFAULT_SIDE / max(height, width))
    reason += f", at most {LARGEST_DEFAULT_SIDE} a side" if shrink < 1 else ""
    return max(1, round(height * shrink)), max(1, round(width * shrink)), reason


def _median_size(headers: Sequence[Header]) -> tuple[float, float]:
    """Height and width of the median proportions and the median longer side.

    >>> _median_size([Header(40, 60, False), Header(200, 300, False), Header(100, 150, False)])
    (100.0, 150.0)
    """
    longer = median(max(header.height, header.width) for header in headers)
    height_by_width = exp(median(log(header.height / header.width) for header in headers))
    return longer * min(1.0, height_by_width), longer * min(1.0, 1 / height_by_width)


def resized(headers: Sequence[Header], to: tuple[int, int], resize: Resize, why: str) -> list[str]:
    """Say how many images change their size, and what becomes of those that have other proportions."""
    sizes = Counter((header.height, header.width) for header in headers)
    changed = sum(count for size, count in sizes.items() if size != to)
    if not changed:
        return []
    other = sum(count for (height, width), count in sizes.items() if _other_proportions(height, width, to))
    found = f"{len(sizes)} {'size' if len(sizes) == 1 else 'different sizes'} found"
    said = f"{changed} of {len(headers)} images were scaled to {to[0]} x {to[1]} ({why}; {found})"
    if not other:
        return [f"{said}, in their proportions; choose another size with --image-size."]
    words = {
        "pad": "got black beside them, to keep their proportions (--resize crop would cut them)",
        "crop": "lost what stands out on two sides, to keep their proportions (--resize pad would keep all of it)",
        "stretch": "were stretched, which distorts shapes (--resize pad or crop would not)",
    }
    return [f"{said}; {other} of them {words[resize]}. Choose another size with --image-size."]


def _other_proportions(height: int, width: int, to: tuple[int, int]) -> bool:
    # by more than the half pixel to which sizes are rounded
    return abs(width * to[0] / height - to[1]) > 0.5 and abs(height * to[1] / width - to[0]) > 0.5
