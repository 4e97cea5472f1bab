"""One rank of the parallel loops: ``loops_worker.py RANK WORLD RENDEZVOUS OUT``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn import functional

from tailtune import SAMA, TailtuneError
from tailtune.optim.imbsam import ImbSAM
from tailtune.optim.sam import SAM

COUNTS, STEPS, BATCH = (60, 12, 4), 3, 16

MODES: dict[str, Callable[..., SAM]] = {
    "sam": lambda base, **more: SAM(base, rho=0.3, **more),
    "asam": lambda base, **more: SAM(base, rho=0.3, adaptive=True, **more),
    "mean_radius": lambda base, **more: SAMA(base, COUNTS, rho=0.3, cap=1.5, **more),
    "official": lambda base, **more: SAMA(base, COUNTS, rho=0.3, rule="official", **more),
}
SEVERAL_BACKWARDS: dict[str, Callable[..., SAM]] = {
    "imbsam": lambda base: ImbSAM(base, COUNTS),
    "batch_gradient": lambda base: SAMA(base, COUNTS, normalise="batch_gradient"),
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def sharded() -> nn.Sequential:
    model, mesh = network(), init_device_mesh("cpu", (distributed.get_world_size(),))
    for layer in (model[0], model):
        fully_shard(layer, mesh=mesh)
    return model


def train(model: nn.Module, make: Callable[..., SAM], rank: int = 0, world: int = 1) -> Tensor:
    optimizer = make(torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9))
    for step in range(STEPS):
        generator = torch.Generator().manual_seed(step)
        targets = torch.randint(3, (BATCH,), generator=generator).chunk(world)[rank]
        x = torch.randn(BATCH, 5, generator=generator, dtype=torch.float64).chunk(world)[rank]

        def closure(x: Tensor = x, targets: Tensor = targets) -> Iterator[tuple[Tensor, Tensor]]:
            for rows in (slice(0, 3), slice(3, None)):  # in microbatches
                yield functional.cross_entropy(model(x[rows]), targets[rows], reduction="none"), targets[rows]

        optimizer.step(closure)
    whole = [p.full_tensor() if hasattr(p, "full_tensor") else p for p in model.parameters()]
    return torch.cat([p.detach().flatten() for p in whole])


def main(rank: int, world: int, rendezvous: str, out: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world)
    results: dict[str, object] = {}
    for name, make in MODES.items():
        results[f"sharded {name}"] = train(sharded(), make, rank, world)
        results[f"parallel {name}"] = train(nn.parallel.DistributedDataParallel(network()), make, rank, world)
    for name, make in SEVERAL_BACKWARDS.items():
        try:
            train(sharded(), make, rank, world)
        except TailtuneError as error:
            results[name] = str(error)
    sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "loops"))
    import ddp  # type: ignore[import-not-found]
    import fsdp  # type: ignore[import-not-found]
    from rows import balanced_accuracy  # type: ignore[import-not-found]

    results["ddp.py"] = balanced_accuracy(ddp.train())
    results["fsdp.py"] = balanced_accuracy(fsdp.train())
    torch.save(results, Path(out))
    distributed.barrier()  # none ends while another still talks to it
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
