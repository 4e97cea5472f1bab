"""A loop that calls backward itself, with the two calls of other SAM implementations."""

import torch
from rows import balanced_accuracy, network, rows
from torch.utils.data import DataLoader, TensorDataset

from tailtune import SAMA, ClassConditionalSmoothing, ClassProfile


def train(epochs: int = 8) -> torch.nn.Module:
    """Train with SAM-A; for SAM the first loss may be the plain mean as well."""
    x, y = rows()
    profile, model = ClassProfile.from_targets(y), network()
    criterion = ClassConditionalSmoothing(profile, smoothing=0.05)
    optimizer = SAMA(torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9), profile, model=model)
    for _ in range(epochs):
        for inputs, targets in DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True):
            optimizer.ascent_loss(criterion(model(inputs), targets), targets).backward()
            optimizer.first_step(zero_grad=True)
            criterion(model(inputs), targets).mean().backward()
            optimizer.second_step(zero_grad=True)
    return model


if __name__ == "__main__":
    print(f"balanced accuracy {balanced_accuracy(train()):.3f}")
