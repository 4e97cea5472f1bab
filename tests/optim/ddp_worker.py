"""One rank of the DDP test: ``ddp_worker.py RANK WORLD FILE OUT``; also defines what a single process compares with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from tailtune.optim.imbsam import ImbSAM
from tailtune.optim.sam import SAM
from tailtune.optim.sama import SAMA

COUNTS, STEPS, BATCH = (60, 12, 4), 5, 16

MODES: dict[str, Callable[..., SAM]] = {
    "sam": lambda base, **kw: SAM(base, rho=0.3, **kw),
    "mean_radius": lambda base, **kw: SAMA(base, COUNTS, rho=0.3, cap=1.5, **kw),
    "batch_gradient": lambda base, **kw: SAMA(base, COUNTS, rho=0.3, normalise="batch_gradient", **kw),
    "official": lambda base, **kw: SAMA(base, COUNTS, rho=0.3, rule="official", **kw),
    "imbsam": lambda base, **kw: ImbSAM(base, COUNTS, rho=0.3, factor=2.0, **kw),
}


def network(batchnorm: bool) -> nn.Sequential:
    torch.manual_seed(0)
    middle = [nn.BatchNorm1d(8)] if batchnorm else []
    return nn.Sequential(nn.Linear(5, 8), *middle, nn.Tanh(), nn.Linear(8, 3)).double()


def batch(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    targets = torch.multinomial(torch.tensor([0.7, 0.2, 0.1]), BATCH, replacement=True, generator=generator)
    return torch.randn(BATCH, 5, generator=generator, dtype=torch.float64) + targets[:, None], targets


def train(model: nn.Module, optimizer: SAM, rank: int = 0, world: int = 1) -> Tensor:
    for step in range(STEPS):
        x, targets = (part.chunk(world)[rank] for part in batch(step))

        def closure(x: Tensor = x, targets: Tensor = targets) -> tuple[Tensor, Tensor, Tensor]:
            logits = model(x)
            return functional.cross_entropy(logits, targets, reduction="none"), targets, 0.01 * logits.square().mean()

        optimizer.step(closure)
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def base(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, weight_decay=1e-3)


def main(rank: int, world: int, rendezvous: str, out: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world)
    results = {}
    for name, make in MODES.items():
        for batchnorm in (False, True):
            for per_rank in (False, True):
                model = DistributedDataParallel(network(batchnorm))
                optimizer = make(base(model), model=model, no_sync=model.no_sync if per_rank else None)
                results[f"{name} {batchnorm=} {per_rank=}"] = train(model, optimizer, rank, world)
    torch.save(results, Path(out))
    torch.distributed.barrier()  # none ends while another still talks to it
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
