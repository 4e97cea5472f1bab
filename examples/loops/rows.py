"""What the loops of this folder share: a long tail of three classes, a network, and how well it tells them apart."""

import torch
from torch import Tensor, nn

COUNTS = (300, 60, 15)


def rows(counts: tuple[int, ...] = COUNTS, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Make rows [N, 8] around a mean of each class, and class indices [N]."""
    means = 0.7 * torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    targets = torch.repeat_interleave(torch.arange(3), torch.tensor(counts))
    return means[targets] + torch.randn(len(targets), 8, generator=torch.Generator().manual_seed(seed)), targets


def network() -> nn.Sequential:
    """Make the same network each time."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))


@torch.no_grad()
def balanced_accuracy(model: nn.Module) -> float:
    """Return the mean recall over 200 fresh rows of each class."""
    model.eval()
    x, y = rows((200, 200, 200), seed=9)
    return float((model(x).argmax(1) == y).float().mean())
