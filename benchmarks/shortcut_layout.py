"""A training step of the CIFAR ResNets with the shortcut's pixels taken by slicing, and by pooling of one pixel.

    python benchmarks/shortcut_layout.py [--rounds N] [--out FILE]

The two give the same numbers forward. Backwards a slice gives gradients in another memory layout than channels-last,
and what adds and masks them then goes element by element. One thread, batches of 64 pictures of 32 pixels, forward,
backward and a step of SGD; rounds are interleaved, and the quotient is taken within a round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from plain_step import plain_step
from torch import Tensor

from tailtune.models import cifar_resnet
from tailtune.models.cifar_resnet import BasicBlock, CifarResNet
from tailtune.run.environment import command, machine, versions

DEPTHS, BATCH, STEPS = (8, 20, 32), 64, 5


def by_slicing(block: BasicBlock, x: Tensor) -> Tensor:
    """`BasicBlock.forward` with the shortcut as a slice."""
    residual = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))
    if block.stride > 1 or block.padding > 0:
        x = F.pad(x[:, :, :: block.stride, :: block.stride], (0, 0, 0, 0, 0, block.padding))
    return F.relu(x + residual)


def step_of(depth: int, half: bool) -> Callable[[], float]:
    """What does a step on the same rows and returns its milliseconds."""
    torch.manual_seed(0)
    once = plain_step(CifarResNet(depth, 3, 10), BATCH, 32, half)

    def step() -> float:
        began = time.perf_counter()
        once()
        return 1000 * (time.perf_counter() - began)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    pooled = BasicBlock.forward
    found = []
    for depth in DEPTHS:
        for half in (False, True):
            step = step_of(depth, half)
            times: dict[str, list[float]] = {"slice": [], "pool": []}
            for _ in range(options.rounds):
                for name, forward in (("slice", by_slicing), ("pool", pooled)):
                    cifar_resnet.BasicBlock.forward = forward  # type: ignore[method-assign,assignment]
                    step()
                    times[name].append(statistics.median(step() for _ in range(STEPS)))
            quotients = sorted(a / b for a, b in zip(times["slice"], times["pool"], strict=True))
            found.append(
                {
                    "network": f"resnet{depth}",
                    "precision": "bf16" if half else "32",
                    **{f"{name}_ms": round(statistics.median(each), 2) for name, each in times.items()},
                    "speedup": round(statistics.median(quotients), 2),
                    "speedup_range": [round(quotients[0], 2), round(quotients[-1], 2)],
                }
            )
            print(found[-1], flush=True)
    if options.out:
        result = {"command": command(), "versions": versions(), "machine": asdict(machine()), "steps": found}
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
