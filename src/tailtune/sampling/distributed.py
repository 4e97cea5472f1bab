"""`ImbalancedSampler`: the samplers of this package for a ``torch.utils.data.DataLoader``, in one process or many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.utils import data

from tailtune.errors import TailtuneError
from tailtune.sampling.sampler import Sampler


class ImbalancedSampler(data.Sampler[int]):
    """Yields the row indices of one epoch after the other, drawn by `sampler`; each rank its own share of them.

    All ranks draw the same epoch, from seed and epoch, and rank r takes every world-th index from the r-th on. An
    epoch has as many rows as the data, rounded up to a multiple of `world`: every rank takes as many steps.

    Every iteration is the next epoch; ``set_epoch``, which some frameworks call and a resumed training must, says
    which one it is.

    Args:
        targets: class index of every row [N].
        sampler: such as ``ClassSampler()``.
        rank: of this process, from 0 on; by default that of torch's process group, 0 where there is none.
        world: number of processes; by default that of the process group. A framework that shares out the batches of a
            DataLoader itself (Accelerate's ``prepare``, Fabric's ``setup_dataloaders``) needs rank=0, world=1.
        seed: of the random choices, the same in every process.
        epochs: how many there will be, from which the progress of training follows. Samplers that change with it
            (progressive, deferred) need either this or ``set_epoch(epoch, progress)``.

    Raises:
        TailtuneError: targets that are not class indices, or a rank outside of the world.

    >>> from tailtune.sampling.balanced import ClassSampler
    >>> targets = torch.tensor([0] * 90 + [1] * 10)
    >>> loader = data.DataLoader(targets, batch_size=50, sampler=ImbalancedSampler(targets, ClassSampler()))
    >>> sum(batch.sum() for batch in loader).item()
    50
    """

    def __init__(
        self,
        targets: ArrayLike | Tensor,
        sampler: Sampler,
        rank: int | None = None,
        world: int | None = None,
        seed: int = 0,
        epochs: int | None = None,
    ) -> None:
        together = torch.distributed.is_available() and torch.distributed.is_initialized()
        if rank is None:
            rank = torch.distributed.get_rank() if together else 0
        if world is None:
            world = torch.distributed.get_world_size() if together else 1
        if not 0 <= rank < world:
            raise TailtuneError(f"rank must lie in 0..world - 1, however: {rank=}, {world=}")
        if epochs is not None and epochs < 1:
            raise TailtuneError(f"epochs must be 1 or more, however: {epochs=}")
        self.targets = torch.as_tensor(targets, device="cpu")
        self.sampler, self.rank, self.world, self.seed, self.epochs = sampler, rank, world, seed, epochs
        if self.targets.ndim != 1 or self.targets.is_floating_point() or len(self.targets) == 0:
            raise TailtuneError(
                f"targets must be class indices [N], however: {self.targets.dtype} {tuple(self.targets.shape)}"
            )
        self.targets = self.targets.long()
        counts = self.targets.bincount().tolist()
        self._changes = not np.allclose(sampler.probabilities(counts, 0.0), sampler.probabilities(counts, 1.0))
        self.set_epoch(0)

    def set_epoch(self, epoch: int, progress: float | None = None) -> None:
        """Say which epoch, from 0 on, the next iteration is, and how much of training, in [0, 1], is over by then.

        Without `progress` it follows from ``epochs``: that of the middle of the epoch, (epoch + 1/2) / epochs, as in
        tailtune's own training.
        """
        self.epoch = epoch
        self._progress = min(1.0, (epoch + 0.5) / self.epochs) if progress is None and self.epochs else progress

    def __len__(self) -> int:
        """Return how many indices this rank gets in an epoch."""
        return -(-len(self.targets) // self.world)

    def __iter__(self) -> Iterator[int]:
        """Return the indices of this rank, and go on to the next epoch.

        Raises:
            TailtuneError: the sampler changes with the progress of training, which nobody has told.
        """
        if self._changes and self._progress is None:
            raise TailtuneError(
                f"{type(self.sampler).__name__} changes while training goes on: give ImbalancedSampler epochs=, "
                "or call set_epoch(epoch, progress) before each epoch"
            )
        words = np.random.SeedSequence([self.seed, self.epoch]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))
        order = self.sampler(self.targets, len(self) * self.world, self._progress or 0.0, generator)
        self.set_epoch(self.epoch + 1)
        return iter(order[self.rank :: self.world].tolist())
