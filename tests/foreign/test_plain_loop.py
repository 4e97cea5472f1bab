"""A bare PyTorch loop of someone else's, with tailtune's optimiser and loss put in."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tailtune import SAMA, ClassConditionalSmoothing, ClassProfile


def long_tailed(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.repeat_interleave(torch.arange(3), torch.tensor([300, 60, 15]))
    means = 2 * torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    return means[targets] + torch.randn(len(targets), 8, generator=generator), targets


def test_a_plain_loop_learns_every_class() -> None:
    torch.manual_seed(0)
    x, y = long_tailed()
    counts = ClassProfile.from_targets(y).counts
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    model = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))
    criterion = ClassConditionalSmoothing(counts, smoothing=0.05)
    base = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    optimizer = SAMA(base, counts=counts, model=model, rho=0.05)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(base, max_lr=0.1, total_steps=6 * len(loader))
    means = []
    for _ in range(6):
        total = 0.0
        for inputs, targets in loader:

            def closure(inputs: torch.Tensor = inputs, targets: torch.Tensor = targets) -> tuple[torch.Tensor, ...]:
                return criterion(model(inputs), targets), targets

            total += optimizer.step(closure).item()
            scheduler.step()
        means.append(total / len(loader))
    assert means[-1] < means[0]
    assert model[1].num_batches_tracked == 6 * len(loader)
    model.eval()
    x_test, y_test = long_tailed(seed=5)
    predicted = model(x_test).argmax(1)
    recalls = [(predicted[y_test == k] == k).float().mean().item() for k in range(3)]
    assert min(recalls) > 0.6, recalls
