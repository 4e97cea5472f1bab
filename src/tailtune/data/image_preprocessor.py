"""`ImagePreprocessor`: image files or arrays to pixels of one size, with the statistics that normalise them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tailtune.data.dataset import Kind
from tailtune.data.decode import read_all
from tailtune.data.rendering import STRETCHED, Pixels, Rendering, fitted
from tailtune.data.stored_pictures import StoredPictures
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ImagePreprocessor:
    """Turns images into uint8 tensors; augmentation and normalisation follow batch by batch on the device.

    Attributes:
        channels: 1 for grey, 3 for RGB.
        height: rows.
        width: columns.
        mean: of each channel of the training pixels [C], on the scale of 0 to 1.
        std: likewise; 1 for a channel that is constant.
        rendering: what is done to pictures of other proportions, and to deep grey values.
    """

    channels: int
    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rendering: Rendering = STRETCHED

    kind: ClassVar[Kind] = "image"

    @classmethod
    def fit(cls, pixels: torch.Tensor | StoredPictures, rendering: Rendering = STRETCHED) -> ImagePreprocessor:
        """Take the size and the statistics of the training pixels uint8 [N, C, H, W], and how they were made."""
        rows, channels, height, width = pixels.shape
        sums, squares = pixels.moments() if isinstance(pixels, StoredPictures) else _moments(pixels)
        n = rows * height * width
        mean = tuple(total / (255 * n) for total in sums)
        # in whole numbers, so that no rounding depends on where the pixels are kept
        spread = (n * square - total * total for total, square in zip(sums, squares, strict=True))
        std = tuple(math.sqrt(value) / (255 * n) or 1.0 for value in spread)
        return cls(channels, height, width, mean, std, rendering)

    def encode(self, images: Sequence[str | Path] | NDArray[Any] | torch.Tensor) -> tuple[torch.Tensor]:
        """Read or convert images.

        Args:
            images: paths of image files, or an array [N, H, W], [N, H, W, C] or [N, C, H, W] of values 0 to 255.
                What differs from the training images in size or colour is converted.

        Returns:
            The one input of an image network: pixels uint8 [N, C, H, W].

        Raises:
            TailtuneError: an image that cannot be read, or an array of another shape or range.
        """
        import torch

        if isinstance(images, torch.Tensor):
            images = images.numpy()
        if isinstance(images, np.ndarray):
            return (torch.from_numpy(self._convert(as_nchw(images, "the array of images"))),)
        if self.channels not in (1, 3):
            raise TailtuneError(f"the model takes {self.channels} channels, image files have 1 or 3; pass an array")
        names = [str(path) for path in images]
        pixels, problems = read_all(images, names, self.channels, self.height, self.width, self.rendering)
        for problem in problems:
            if problem is not None:
                raise problem
        return (torch.from_numpy(pixels),)

    def _convert(self, pixels: Pixels) -> Pixels:
        if pixels.shape[1:] == (self.channels, self.height, self.width):
            return np.ascontiguousarray(pixels)
        from PIL import Image

        pictures = (
            Image.fromarray(x[0] if len(x) == 1 else np.ascontiguousarray(x.transpose(1, 2, 0))) for x in pixels
        )
        out = np.empty((len(pixels), self.channels, self.height, self.width), dtype=np.uint8)
        for row, picture in enumerate(pictures):
            out[row] = fitted(picture, self.channels, self.height, self.width, self.rendering.resize)
        return out

    def shape(self) -> dict[str, object]:
        """Input sizes: ``{"channels": C, "height": H, "width": W}``."""
        return {"channels": self.channels, "height": self.height, "width": self.width}

    def state(self) -> tuple[dict[str, object], dict[str, NDArray[np.generic]]]:
        """JSON-ready settings, and no arrays; `from_state` makes an equal preprocessor of them."""
        levels = None if self.rendering.levels is None else list(self.rendering.levels)
        made = {"resize": self.rendering.resize, "levels": levels}
        return {**self.shape(), "mean": list(self.mean), "std": list(self.std), **made}, {}

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[np.generic]]) -> ImagePreprocessor:
        """Return the preprocessor whose `state` this is."""
        levels = settings["levels"]
        rendering = Rendering(settings["resize"], None if levels is None else (float(levels[0]), float(levels[1])))
        return cls(
            int(settings["channels"]),
            int(settings["height"]),
            int(settings["width"]),
            tuple(settings["mean"]),
            tuple(settings["std"]),
            rendering,
        )


def _moments(pixels: torch.Tensor) -> tuple[list[int], list[int]]:
    """Return the sum of the pixels of each channel [C], and that of their squares."""
    levels = np.arange(256)
    # histograms, because they need no copy of all pixels in wider numbers
    counts = [np.bincount(channel.numpy().ravel(), minlength=256) for channel in pixels.unbind(1)]
    return [int(count @ levels) for count in counts], [int(count @ levels**2) for count in counts]


def as_nchw(images: NDArray[Any], what: str) -> Pixels:
    """Return an array of images as uint8 [N, C, H, W].

    Args:
        images: [N, H, W] for grey; or [N, H, W, C] or [N, C, H, W] with C of 1 or 3. Values are whole, 0 to 255.
        what: how messages call the array.

    Returns:
        The same images with C of 1 or 3, as a view where that is possible.

    Raises:
        TailtuneError: another number of axes, a C that cannot be told from H and W, no images, or other values.

    >>> as_nchw(np.zeros((5, 8, 8, 3), np.uint8), "x").shape
    (5, 3, 8, 8)
    """
    shape = images.shape
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4:
        last, second = shape[3] in (1, 3), shape[1] in (1, 3)
        if last == second:
            finding = "which axis holds the channels is ambiguous" if last else "no axis holds 1 or 3 channels"
            raise TailtuneError(
                f"{what} of shape {shape}: {finding}; make it [N, H, W], [N, H, W, 3] or [N, 3, H, W], H and W over 3"
            )
        images = images.transpose(0, 3, 1, 2) if last else images
    else:
        raise TailtuneError(f"{what} must have shape [N, H, W], [N, H, W, C] or [N, C, H, W], however: {shape}")
    if images.size == 0:
        raise TailtuneError(f"{what} holds no pixels, however: shape {shape}; add images")
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind not in "iu":
        raise TailtuneError(
            f"{what} must hold whole values 0..255 (uint8), however: {images.dtype}; for values in 0..1 use "
            "(255 * x).round().astype('uint8')"
        )
    low, high = int(images.min()), int(images.max())
    if low < 0 or high > 255:
        raise TailtuneError(f"{what} must hold values 0..255, however: {low}..{high}; scale them to 8 bits")
    return images.astype(np.uint8)
