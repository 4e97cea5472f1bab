"""A bare PyTorch loop: ``python examples/loops/plain.py``."""

import torch
from rows import balanced_accuracy, network, rows
from torch.utils.data import DataLoader, TensorDataset

from tailtune import SAMA, ClassConditionalSmoothing, ClassProfile


def train(epochs: int = 8) -> torch.nn.Module:
    """Train with SAM-A and class-conditional smoothing."""
    x, y = rows()
    profile, model = ClassProfile.from_targets(y), network()
    criterion = ClassConditionalSmoothing(profile, smoothing=0.05)
    optimizer = SAMA(torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9), profile, model=model)
    for _ in range(epochs):
        for inputs, targets in DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True):
            optimizer.step(lambda x=inputs, y=targets: (criterion(model(x), y), y))
    return model


if __name__ == "__main__":
    print(f"balanced accuracy {balanced_accuracy(train()):.3f}")
