"""One rank of the sampler's test: ``sampler_worker.py RANK WORLD RENDEZVOUS OUT``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import distributed

from tailtune.sampling.balanced import ClassSampler
from tailtune.sampling.distributed import ImbalancedSampler
from tailtune.sampling.shuffle import ShuffleSampler

TARGETS = torch.repeat_interleave(torch.arange(3), torch.tensor([70, 24, 6]))


def draws(**settings: int) -> dict[str, list[list[int]]]:
    """Two epochs of each sampler."""
    return {
        type(sampler).__name__: [list(rows), list(rows)]
        for sampler in (ShuffleSampler(), ClassSampler())
        for rows in [ImbalancedSampler(TARGETS, sampler, seed=3, **settings)]
    }


def main(rank: int, world: int, rendezvous: str, out: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world)
    torch.save({"share": draws(), "all": draws(rank=0, world=1)}, Path(out))
    distributed.barrier()  # none ends while another still talks to it
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
