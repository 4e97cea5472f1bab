"""Data parallelism: ``torchrun --nproc-per-node 2 examples/loops/ddp.py``."""

import torch
from rows import balanced_accuracy, network, rows
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

from tailtune import SAMA, ClassConditionalSmoothing, ClassProfile, ImbalancedSampler
from tailtune.sampling.shuffle import ShuffleSampler


def train(epochs: int = 8) -> torch.nn.Module:
    """Train with SAM-A, whose two passes are those of the whole batch; no_sync=model.no_sync spares one exchange."""
    x, y = rows()
    profile, model = ClassProfile.from_targets(y), DistributedDataParallel(network())
    criterion = ClassConditionalSmoothing(profile, smoothing=0.05)
    optimizer = SAMA(torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9), profile, model=model)
    sampler = ImbalancedSampler(y, ShuffleSampler())  # which asks the process group for its share
    for _ in range(epochs):
        for inputs, targets in DataLoader(TensorDataset(x, y), batch_size=16, sampler=sampler):
            optimizer.step(lambda x=inputs, y=targets: (criterion(model(x), y), y))
    return model.module


if __name__ == "__main__":
    distributed.init_process_group("gloo")
    print(f"rank {distributed.get_rank()}: balanced accuracy {balanced_accuracy(train()):.3f}")
    distributed.destroy_process_group()
