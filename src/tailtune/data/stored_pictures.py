"""Pictures that stay outside memory until they are read: in a file of pixels, or in the image files themselves."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailtune.data.decode import read_all
from tailtune.data.rendering import STRETCHED, Pixels, Rendering
from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    import torch

Indices = NDArray[np.int64]
Shape = tuple[int, int, int, int]


class DamagedStoreError(TailtuneError):
    """A file of a store is not as it was written; `what` of it is said."""

    def __init__(self, file: Path, what: str) -> None:
        super().__init__(f"{file}: {what} are damaged; delete {file.parent} and the next run builds it again")


@dataclass(frozen=True, eq=False)
class Store:
    """A file of decoded pictures, and what was noted of each when it was written.

    Attributes:
        file: the pixels, uint8 [N, C, H, W] without any header.
        names: of the pictures, as messages call them [N].
        shape: (N, C, H, W).
        checksums: CRC-32 of each picture's pixels, uint32 [N].
        sums: of the pixels of each picture and channel, int64 [N, C].
        squares: likewise of the squared pixels.
        problems: what is wrong with the pictures that could not be read, by row; their pixels are 0.
    """

    file: Path
    names: tuple[str, ...]
    shape: Shape
    checksums: NDArray[np.uint32]
    sums: Indices
    squares: Indices
    problems: Mapping[int, str]

    def read(self, rows: Indices) -> Pixels:
        """Read the pictures at `rows` [B] as uint8 [B, C, H, W].

        Raises:
            DamagedStoreError: the pixels are not those that were written.
            TailtuneError: the file is gone.
        """
        pixels = np.empty((len(rows), *self.shape[1:]), dtype=np.uint8)
        size = int(np.prod(self.shape[1:]))
        try:
            with self.file.open("rb", buffering=0) as file:
                for picture, row in zip(pixels, rows.tolist(), strict=True):
                    taken = os.preadv(file.fileno(), [picture.data], row * size)
                    if taken != size or zlib.crc32(picture.data) != self.checksums[row]:
                        raise DamagedStoreError(self.file, f"the pixels of {self.names[row]}")
        except OSError as error:
            raise TailtuneError(f"cannot read {self.file}: {error.strerror}; start the run again") from error
        return pixels


@dataclass(frozen=True, eq=False)
class StoredPictures:
    """Pictures of a store, chosen but not read: what a `Part` holds in place of a tensor of pixels.

    Attributes:
        store: where they lie.
        rows: which they are, positions in the store [N].
    """

    store: Store
    rows: Indices

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> Shape:
        """(N, C, H, W)."""
        return (len(self.rows), *self.store.shape[1:])

    def take(self, rows: slice | NDArray[Any] | torch.Tensor) -> StoredPictures:
        """Return the pictures at `rows` (a slice, positions or a mask) in that order, still not read."""
        return StoredPictures(self.store, self.rows[rows if isinstance(rows, slice) else np.asarray(rows)])

    def joined(self, other: StoredPictures) -> StoredPictures:
        """Return these pictures and those of `other`, which must be of the same store."""
        assert other.store is self.store
        return StoredPictures(self.store, np.concatenate([self.rows, other.rows]))

    def read(self, rows: Indices) -> torch.Tensor:
        """Read the pictures at `rows` [B] as uint8 [B, C, H, W]; see `Store.read` for what it raises."""
        import torch

        return torch.from_numpy(self.store.read(self.rows[rows]))

    def moments(self) -> tuple[list[int], list[int]]:
        """Return the sum of the pixels of each channel [C], and that of their squares."""
        return self.store.sums[self.rows].sum(0).tolist(), self.store.squares[self.rows].sum(0).tolist()


@dataclass(frozen=True, eq=False)
class PictureFiles:
    """Image files that are decoded whenever they are read.

    Attributes:
        paths: the files [N].
        size: (C, H, W) that they become.
        rendering: what is done to other proportions and depths.
    """

    paths: Sequence[Path]
    size: tuple[int, int, int]
    rendering: Rendering = STRETCHED

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def shape(self) -> Shape:
        """(N, C, H, W)."""
        return (len(self.paths), *self.size)

    def read(self, rows: Indices) -> torch.Tensor:
        """Decode the images at `rows` [B] to uint8 [B, C, H, W].

        Raises:
            UnreadableImageError: one of them cannot be read.
        """
        import torch

        some = [self.paths[row] for row in rows]
        pixels, problems = read_all(some, [str(path) for path in some], *self.size, self.rendering)
        for problem in problems:
            if problem is not None:
                raise problem
        return torch.from_numpy(pixels)
