"""Sharded parameters (FSDP2): ``torchrun --nproc-per-node 2 examples/loops/fsdp.py``."""

import torch
from rows import balanced_accuracy, network, rows
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.utils.data import DataLoader, TensorDataset

from tailtune import SAMA, ClassConditionalSmoothing, ClassProfile, ImbalancedSampler
from tailtune.sampling.shuffle import ShuffleSampler


def train(epochs: int = 8) -> torch.nn.Module:
    """Train with SAM-A; every process perturbs its own shards, by a norm over all of them."""
    x, y = rows()
    profile, model = ClassProfile.from_targets(y), network()
    mesh = init_device_mesh("cpu", (distributed.get_world_size(),))
    for layer in (model[0], model[-1], model):
        fully_shard(layer, mesh=mesh)
    criterion = ClassConditionalSmoothing(profile, smoothing=0.05)
    optimizer = SAMA(torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9), profile, model=model)
    sampler = ImbalancedSampler(y, ShuffleSampler())
    for _ in range(epochs):
        for inputs, targets in DataLoader(TensorDataset(x, y), batch_size=16, sampler=sampler):
            optimizer.step(lambda x=inputs, y=targets: (criterion(model(x), y), y))
    return model


if __name__ == "__main__":
    distributed.init_process_group("gloo")
    print(f"rank {distributed.get_rank()}: balanced accuracy {balanced_accuracy(train()):.3f}")
    distributed.destroy_process_group()
