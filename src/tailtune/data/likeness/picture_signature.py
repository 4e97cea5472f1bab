"""Signatures of pictures, by which near-duplicates are known: 64 bits to look up, and 384 bits to make sure.

A picture is averaged to 18 x 18 grey values, of which the middle 16 x 16 count; the other windows of 16 x 16 are those
of a picture that is moved by a sixteenth of its side. The 64 bits are the signs of the lowest frequencies of a cosine
transform, the 384 bits those of second differences, which light that fades over the picture leaves alone. Both are
taken against the median of the training pictures, so that what all of them share, such as a dark frame, makes none
alike. 384 more bits say where there is anything to see: where neither of two pictures has, as in the white around
drawings, their bits are not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.data.likeness.row_hashes import BATCH, row_hashes

if TYPE_CHECKING:
    import torch

    from tailtune.data.sources import Source

SIDE, WINDOW, LAG = 18, 16, 2
HASH_BITS, DETAIL_BITS = 64, 384
FEWEST_BITS = 64  # of the 384: fewer tell nothing
FLAT = (
    0.1 / WINDOW
)  # second differences of a window of norm 1 up to which there is nothing to see, a tenth of its mean square
PLAIN = 2.0  # standard deviation of the grey values (of 255) under which there is nothing to compare
AT_ONCE = 4096  # pictures, of which bits are taken
CENTRE_PICTURES = 5000  # of which the medians are taken
GREY = (0.299, 0.587, 0.114)

Words = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Centre:
    """Medians over training pictures: of the frequencies [64], and of the second differences [384]."""

    hash: NDArray[np.float32]
    detail: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Signatures:
    """Of N pictures.

    Attributes:
        exact: hash of the pixels [N].
        hash: 64 bits to look up [N].
        detail: 384 bits to make sure, and of each whether there is anything to see [N, 12].
        plain: pictures of one colour, or nearly, of which nothing can be told [N].
        centre: by which the bits were taken; None where pictures are too small for any.
    """

    exact: Words
    hash: Words
    detail: Words
    plain: NDArray[np.bool_]
    centre: Centre | None

    def __len__(self) -> int:
        return len(self.exact)

    def take(self, rows: NDArray[np.int64]) -> Signatures:
        """Return those of the pictures at `rows`, in that order."""
        return replace(
            self, exact=self.exact[rows], hash=self.hash[rows], detail=self.detail[rows], plain=self.plain[rows]
        )


@dataclass(frozen=True)
class View:
    """A window of a picture: mirrored or not, and moved by (down, right) sixteenths of its side."""

    mirrored: bool = False
    down: int = 0
    right: int = 0


MIDDLE = View()
VIEWS = (MIDDLE, View(mirrored=True), *(View(False, d, r) for d in (-1, 0, 1) for r in (-1, 0, 1) if d or r))


def signatures(pictures: Source, centre: Centre | None = None) -> tuple[Signatures, torch.Tensor]:
    """Take the signatures of pictures, batch by batch.

    Args:
        pictures: pixels, in memory or where they lie.
        centre: that of the training pictures; by default these are they.

    Returns:
        The signatures of the middle window, and the grey values [N, 18, 18] float32 for the other windows; no
        signatures but the exact ones for pictures of fewer than 18 pixels on a side.
    """
    import torch

    reduced, hashes = [torch.zeros((0, SIDE, SIDE))], [np.zeros(0, dtype=np.uint64)]
    for pixels in _batches(pictures):
        reduced.append(_grey(pixels))
        hashes.append(row_hashes((pixels,)))
    grey, exact = torch.cat(reduced), np.concatenate(hashes)
    spread = (grey - grey.mean((1, 2), keepdim=True)).square().mean((1, 2)).sqrt()
    plain = (spread < PLAIN).numpy()
    if not len(grey) or min(pictures.shape[2:]) < SIDE:
        blank = np.zeros((len(exact), 1 + 2 * DETAIL_BITS // 64), dtype=np.uint64)
        return Signatures(exact, blank[:, 0], blank[:, 1:], plain, None), grey
    centre = centre or _centre(grey)
    looked_up, detail = bits(grey, MIDDLE, centre)
    return Signatures(exact, looked_up, detail, plain, centre), grey


def _batches(pictures: Source) -> Iterator[torch.Tensor]:
    """The pixels, so many at a time that pictures in files do not fill the memory."""
    import torch

    for start in range(0, pictures.shape[0], BATCH):
        end = min(start + BATCH, pictures.shape[0])
        if isinstance(pictures, torch.Tensor):
            yield pictures[start:end]
        else:
            yield pictures.read(np.arange(start, end))


def _grey(pixels: torch.Tensor) -> torch.Tensor:
    """Average pictures uint8 [B, C, H, W] to 18 x 18 grey values [B, 18, 18] float32, of 0 to 255.

    Bars beside a picture that kept its proportions are left out: all pictures of its proportions have them.
    """
    import torch
    from torch.nn.functional import adaptive_avg_pool2d

    channels = pixels.shape[1]
    weights = torch.tensor(GREY) if channels == 3 else torch.full((channels,), 1 / channels)
    found = torch.empty((len(pixels), SIDE, SIDE))
    bars = _bars(pixels)
    for down, right in torch.unique(bars, dim=0).tolist():
        rows = (bars == torch.tensor([down, right])).all(1)
        inside = pixels[rows, :, down : pixels.shape[2] - down, right : pixels.shape[3] - right]
        found[rows] = torch.einsum("nchw,c->nhw", adaptive_avg_pool2d(inside.float(), SIDE), weights)
    return found


def _bars(pixels: torch.Tensor) -> torch.Tensor:
    """Rows above and below, and columns to both sides, that are black and make a frame of two bars [B, 2]; else 0."""
    import torch

    black = [pixels.amax(axes) == 0 for axes in ((1, 3), (1, 2))]
    first = torch.stack([line.cumprod(1).sum(1) for line in black], 1)
    last = torch.stack([line.flip(1).cumprod(1).sum(1) for line in black], 1)
    alike = (first - last).abs() <= 1  # as beside a picture that lies in the middle
    alone = ((first == 0) & (last == 0)).flip(1)
    return torch.minimum(first, last) * (alike & alone)


def bits(grey: torch.Tensor, view: View, centre: Centre) -> tuple[Words, Words]:
    """Return the bits of one window of pictures [N, 18, 18]: those to look up [N], and those to make sure [N, 12]."""
    looked_up = _packed(grey, view, _frequencies, centre.hash)
    detail = _packed(grey, view, _second_differences, centre.detail)
    seen = _packed(grey, view, lambda window: _second_differences(window).abs(), np.float32(FLAT))
    return looked_up[:, 0], np.concatenate([detail, seen], axis=1)


def differing(first: Words, second: Words) -> NDArray[np.int64]:
    """Count the bits in which rows of words [M, W] differ [M].

    >>> differing(np.array([[7, 0]], dtype=np.uint64), np.array([[4, 1]], dtype=np.uint64)).tolist()
    [3]
    """
    return _ones(first ^ second)


def agreement(first: Words, second: Words) -> NDArray[np.float64]:
    """Return of the bits that count the share that agrees less the share that does not [M]; 0 where too few count.

    Args:
        first: 384 bits and where there is anything to see, of M pictures [M, 12].
        second: of those that they are compared with [M, 12].
    """
    words = DETAIL_BITS // 64
    counts = first[:, words:] | second[:, words:]
    compared = _ones(counts)
    apart = _ones((first[:, :words] ^ second[:, :words]) & counts)
    return np.where(compared >= FEWEST_BITS, 1 - 2 * apart / np.maximum(compared, 1), 0.0)


def _ones(words: Words) -> NDArray[np.int64]:
    """Count the bits that are set in each row of words [M, W], [M]."""
    octets = np.ascontiguousarray(words).view(np.uint8).reshape(len(words), 8 * words.shape[1])
    counted: NDArray[np.int64] = _ONES[octets].sum(axis=1, dtype=np.int64)
    return counted


_ONES = np.array([bin(octet).count("1") for octet in range(256)], dtype=np.uint8)


def _centre(grey: torch.Tensor) -> Centre:
    rows = np.random.default_rng(0).permutation(len(grey))[:CENTRE_PICTURES]
    middle = _window(grey[np.sort(rows)], MIDDLE)
    return Centre(
        _frequencies(middle).median(0).values.numpy(),
        _second_differences(middle).median(0).values.numpy(),
    )


def _packed(
    grey: torch.Tensor,
    view: View,
    values: Callable[[torch.Tensor], torch.Tensor],
    border: NDArray[np.float32] | np.float32,
) -> Words:
    import torch

    middle, found = torch.as_tensor(border), []
    for start in range(0, len(grey), AT_ONCE):
        over = (values(_window(grey[start : start + AT_ONCE], view)) > middle).numpy()
        found.append(np.packbits(over, axis=1).view(np.uint64))
    return (
        np.concatenate(found) if found else np.zeros((0, values(_window(grey, view)).shape[1] // 64), dtype=np.uint64)
    )


def _window(grey: torch.Tensor, view: View) -> torch.Tensor:
    """16 x 16 of 18 x 18 grey values, less their mean and over their norm."""
    import torch

    whole = grey.flip(2) if view.mirrored else grey
    seen = whole[:, 1 + view.down : 1 + view.down + WINDOW, 1 + view.right : 1 + view.right + WINDOW]
    seen = seen - seen.mean((1, 2), keepdim=True)
    norms: torch.Tensor = torch.linalg.vector_norm(seen, dim=(1, 2), keepdim=True)
    return seen / norms.clamp(min=1e-6)


def _frequencies(window: torch.Tensor) -> torch.Tensor:
    """The 64 lowest frequencies of the cosine transform, without the constant [N, 64]."""
    import torch

    down, right = _lowest()
    steps = torch.arange(WINDOW)
    waves = torch.cos(torch.pi * (2 * steps[None] + 1) * steps[:, None] / (2 * WINDOW))
    return (waves @ window @ waves.T)[:, down, right]


@lru_cache
def _lowest() -> tuple[list[int], list[int]]:
    places = sorted((d * d + r * r, d, r) for d in range(WINDOW) for r in range(WINDOW))[1 : HASH_BITS + 1]
    return [d for _, d, _ in places], [r for _, _, r in places]


def _second_differences(window: torch.Tensor) -> torch.Tensor:
    """Twice each grey value less its neighbours at two steps, to the sides and up and down [N, 384]."""
    import torch

    across = 2 * window[:, :, LAG:-LAG] - window[:, :, : -2 * LAG] - window[:, :, 2 * LAG :]
    along = 2 * window[:, LAG:-LAG] - window[:, : -2 * LAG] - window[:, 2 * LAG :]
    return torch.cat([across.flatten(1), along.flatten(1)], dim=1)


def joined(first: Signatures, second: Signatures) -> Signatures:
    """Return the signatures of both, which have one centre."""
    return replace(
        first,
        exact=np.concatenate([first.exact, second.exact]),
        hash=np.concatenate([first.hash, second.hash]),
        detail=np.concatenate([first.detail, second.detail]),
        plain=np.concatenate([first.plain, second.plain]),
    )
