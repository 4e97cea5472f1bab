"""One rank of the gathering test: ``gather_worker.py RANK WORLD FILE OUT``; also what one process compares with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from tailtune.losses.nt_xent import nt_xent
from tailtune.losses.vicreg import vicreg

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "vicreg original": vicreg,
    "vicreg printed": lambda z, w: vicreg(z, w, scaling="printed"),
    "nt_xent": nt_xent,
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 4)).double()


def views() -> tuple[Tensor, Tensor]:
    x = torch.randn(8, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x, x + 0.3 * torch.randn(8, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def loss_and_gradient(name: str, model: nn.Module, rank: int = 0, world: int = 1) -> Tensor:
    x, y = (view.chunk(world)[rank] for view in views())
    loss = LOSSES[name](*model(torch.cat((x, y))).chunk(2))
    loss.backward()
    return torch.cat([loss.detach()[None], *(p.grad.flatten() for p in model.parameters() if p.grad is not None)])


def main(rank: int, world: int, rendezvous: str, out: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world)
    results = {name: loss_and_gradient(name, DistributedDataParallel(network()), rank, world) for name in LOSSES}
    torch.save(results, Path(out))
    torch.distributed.barrier()  # none ends while another still talks to it
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
