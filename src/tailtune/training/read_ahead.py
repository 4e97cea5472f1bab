"""Pictures that do not live on the training device, read ahead batch by batch in processes that do nothing else."""

from __future__ import annotations

import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from tailtune.data.sources import Readable
from tailtune.errors import TailtuneError
from tailtune.interrupt import STOPS
from tailtune.processors import cores

WORKERS = 4  # at most: they read and check bytes, which one process does at a gigabyte a second or so
AHEAD = 2**29  # bytes of pictures that wait for training
BATCHES_AHEAD = 8  # for each worker, where they are small


@dataclass(frozen=True, eq=False)
class HostPictures:
    """Pictures uint8 [N, C, H, W] in the memory of the processor, for a device that they would fill."""

    pixels: torch.Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        return tuple(self.pixels.shape)

    def read(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return the pictures at `rows`."""
        return self.pixels.index_select(0, torch.from_numpy(rows))


def stays_on_host(size: int, free: int) -> bool:
    """Whether pictures of `size` bytes are to be streamed to a device that has `free` bytes, which training needs too.

    >>> stays_on_host(6, free=10), stays_on_host(4, free=10)
    (True, False)
    """
    return 2 * size > free


class ReadAhead:
    """Reads batches in the order in which they will be asked for. The processes start with the first batches.

    Args:
        pictures: what to read.
        device: where the batches go.
    """

    def __init__(self, pictures: Readable, device: torch.device) -> None:
        self.pictures, self.device = pictures, device
        self._order = _Order()
        self._loader: DataLoader[Any] | None = None
        self._expected: deque[torch.Tensor] = deque()
        self._coming: Iterator[Any] = iter(())

    def begin(self, batches: Sequence[torch.Tensor]) -> None:
        """Begin to read `batches`, the positions [B] of each, and forget those that were not taken."""
        self._expected = deque(batches)
        self._order.batches = [index.cpu().numpy() for index in batches]
        if batches:
            with plain_words():
                self._loader = self._loader or self._started(len(batches[0]))
                self._coming = iter(self._loader)

    def take(self, index: torch.Tensor) -> torch.Tensor:
        """Return the pictures of the next batch, uint8 [B, C, H, W] on the device.

        Args:
            index: the batch, the very tensor that `begin` was given.

        Raises:
            TailtuneError: a picture cannot be read, or a process that reads has died.
            RuntimeError: another batch than the next one is asked for.
        """
        if not self._expected or self._expected.popleft() is not index:
            raise RuntimeError("another batch is asked for than the next one that was read ahead")
        with plain_words():
            pixels = next(self._coming)
        if isinstance(pixels, str):
            raise TailtuneError(pixels)
        moved: torch.Tensor = pixels.to(self.device, non_blocking=True)
        return moved

    def close(self) -> None:
        """End the processes."""
        self._coming, self._loader = iter(()), None  # without a reference to them, torch ends them

    def _started(self, batch: int) -> DataLoader[Any]:
        ahead = max(1, AHEAD // max(1, batch * int(np.prod(self.pictures.shape[1:]))))
        workers = min(WORKERS, ahead, max(1, cores() // 2))
        return DataLoader(
            _Answers(self.pictures),
            batch_size=None,
            sampler=self._order,
            num_workers=workers,
            prefetch_factor=min(BATCHES_AHEAD, max(1, ahead // workers)),
            persistent_workers=True,
            pin_memory=self.device.type == "cuda",
            worker_init_fn=_leave_signals_to_the_parent,
            # a new process would take seconds to import torch, and a copy of pictures in memory
            multiprocessing_context="fork" if sys.platform == "linux" else None,
            generator=torch.Generator(),  # torch's global one would no longer draw what it draws without a loader
        )


def stream(pictures: Readable, batches: Sequence[torch.Tensor], device: torch.device) -> Iterator[torch.Tensor]:
    """Yield the pictures of each of `batches` (positions [B]) as uint8 [B, C, H, W] on `device`."""
    reader = ReadAhead(pictures, device)
    try:
        reader.begin(batches)
        for index in batches:
            yield reader.take(index)
    finally:
        reader.close()


@contextmanager
def plain_words() -> Iterator[None]:
    """Say in one line that a process which reads has died; torch notices it anywhere in what this one does.

    Raises:
        TailtuneError: one has died.
        RuntimeError: whatever else goes wrong.
    """
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise TailtuneError(
            f"a process that reads pictures ahead has died ({' '.join(str(error).split())}); probably memory or shared "
            "memory (/dev/shm) ran out: free some, or take a smaller --batch-size, and go on with --resume"
        ) from error


class _Order:
    """The batches of the current epoch, for a loader that serves them all."""

    def __init__(self) -> None:
        self.batches: list[NDArray[np.int64]] = []

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


@dataclass(frozen=True)
class _Answers(Dataset[torch.Tensor | str]):
    """Pictures by their positions, or the line that says why not: torch would make a page of an exception."""

    pictures: Readable

    def __getitem__(self, rows: NDArray[np.int64]) -> torch.Tensor | str:
        try:
            return self.pictures.read(rows)
        except TailtuneError as error:
            return str(error)


def _leave_signals_to_the_parent(worker: int) -> None:
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
