"""Where in a picture a network looks for its answer: squared gradients, averaged over noisy copies of the picture."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.profile import Indices

if TYPE_CHECKING:
    import torch

    from tailtune.augment.policies import Augment
    from tailtune.models.network import Network

Heat = NDArray[np.float64]
COPIES, FEWEST_COPIES = 16, 4
NOISE = 0.15  # of the range of a picture's values
AT_ONCE = 2**18  # pixels of the pictures that are worked on at a time
SMOOTHED = 24  # pixels of the shorter side from which on neighbours are averaged


def saliency(
    network: Network,
    normalise: Augment,
    pixels: torch.Tensor,
    answers: Indices,
    instead: Indices,
    seconds: float,
    seed: int = 0,
) -> list[Heat]:
    """Return what speaks for an answer rather than another one: SmoothGrad squared of the difference of their logits.

    Unlike methods that only trace edges it depends on the weights, as a sanity check asks (Adebayo et al. 2018).

    Args:
        network: in evaluation mode, on the CPU.
        normalise: what is done to pictures before it.
        pixels: uint8 [B, C, H, W].
        answers: class that was answered [B].
        instead: the class against which it is held, such as the true one [B].
        seconds: that this may take, about; where they are over, later pictures get none.
        seed: of the noise.

    Returns:
        Heat of each pixel [H, W] that sums to 1 (or is 0 everywhere), of as many pictures as there was time for.

    Source: Smilkov et al. 2017, "SmoothGrad"; squared: Hooker et al. 2019, "A benchmark for interpretability methods".
    """
    import torch

    began, found = time.monotonic(), list[Heat]()
    generator = torch.Generator().manual_seed(seed)
    size = max(1, AT_ONCE // (pixels.shape[-1] * pixels.shape[-2]))
    chunks = list(torch.split(torch.arange(len(pixels)), size))
    copies = COPIES
    for place, chunk in enumerate(chunks):
        pictures = normalise.normalise(pixels[chunk])
        reach = NOISE * (pictures.amax(dim=(1, 2, 3), keepdim=True) - pictures.amin(dim=(1, 2, 3), keepdim=True))
        classes = [torch.as_tensor(which)[chunk] for which in (answers, instead)]
        total = torch.zeros_like(pictures)
        started, taken = time.monotonic(), 0
        while taken < copies:
            noisy = pictures + reach * torch.randn(pictures.shape, generator=generator)
            total += _gradient(network, noisy, classes[0], classes[1]) ** 2
            taken += 1
            if place == 0 and taken == FEWEST_COPIES:  # as many as there is time for, the same for every picture
                each = (time.monotonic() - started) / taken
                copies = int(np.clip(seconds / (each * len(chunks)), FEWEST_COPIES, COPIES))
        found += [_spread(heat.double().numpy()) for heat in _smoothed(total.sum(dim=1))]
        if time.monotonic() - began > seconds:
            break
    return found


def _gradient(network: Network, pictures: torch.Tensor, answers: torch.Tensor, instead: torch.Tensor) -> torch.Tensor:
    import torch

    with torch.enable_grad():
        inputs = pictures.detach().requires_grad_()
        logits = network(inputs)
        rows = torch.arange(len(inputs))
        (gradient,) = torch.autograd.grad((logits[rows, answers] - logits[rows, instead]).sum(), inputs)
    return gradient


def _smoothed(heat: torch.Tensor) -> torch.Tensor:
    """Heat [B, H, W] with neighbours averaged, of pictures that are large enough."""
    import torch

    width = 1 + 2 * round(min(heat.shape[1:]) / 64)
    if min(heat.shape[1:]) < SMOOTHED or width == 1:
        return heat
    return torch.nn.functional.avg_pool2d(heat[:, None], width, stride=1, padding=width // 2, count_include_pad=False)[
        :, 0
    ]


def _spread(heat: Heat) -> Heat:
    total = heat.sum()
    return np.asarray(heat / total) if total > 0 else heat
