"""An architecture of one's own: a network that is split into features and a head, where imbalance methods cut it.

tailtune fit digits --ratio 0.05 --model examples/my_model.py:patches --out runs/patches
"""

from torch import Tensor, nn

from tailtune.models.network import Network


class Patches(Network):
    """Patches of 2 x 2 pixels through one layer, averaged over the picture."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.feature_dim, self.head = 64, nn.Linear(64, num_classes)
        self.body = nn.Sequential(nn.Conv2d(channels, 64, 2, stride=2), nn.BatchNorm2d(64), nn.ReLU())

    def features(self, pixels: Tensor) -> Tensor:
        """Return features [N, 64] of pictures [N, C, H, W]."""
        return self.body(pixels).mean(dim=(2, 3))


def patches(shape: dict[str, int], num_classes: int) -> Network:
    """Build the network for pictures of a shape; its head becomes a cosine head where a method wants one."""
    return Patches(shape["channels"], num_classes)
