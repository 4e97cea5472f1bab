"""Images a second of the batched augmentation against torchvision's transforms for one image, in one run.

    python benchmarks/augmentation.py [--device cpu] [--batch 128] [--rounds 7] [--out benchmarks/augmentation.json]

Made-up pictures of 32 x 32 pixels, uint8 in, normalised float32 out on both sides. torchvision gets tensors, which are
faster for it than Pillow images. Rounds are interleaved and ratios are taken within a round, because clocks and
neighbours drift. One thread by default, so that the numbers are those of one core. On an accelerator only the batched
side runs there; torchvision stays on one core, where DataLoader workers would run it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tailtune.augment.policies import PARTS, build
from tailtune.augment.reference import per_image
from tailtune.errors import TailtuneError
from tailtune.run.environment import machine, versions

POLICIES = (
    "flip+crop+trivialaugment",
    "flip+crop",
    "flip+crop+autoaugment",
    "flip+crop+randaugment",
    "flip+crop+augmix",
    *PARTS,
)
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


def pictures(number: int, side: int) -> Tensor:
    """Smooth pictures with noise, uint8 [number, 3, side, side]."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(number, 3, 8, 8, generator=generator) * 235
    noise = torch.rand(number, 3, side, side, generator=generator) * 20
    return (F.interpolate(coarse, size=side, mode="bilinear") + noise).to(torch.uint8)


def seconds(work: Callable[[], Any], repeats: int, device: torch.device) -> float:
    """Seconds of one call, over `repeats` calls in a row after one that does not count."""
    work()
    synchronise(device)
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    synchronise(device)
    return (time.perf_counter() - began) / repeats


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def measure(policy: str, device: torch.device, batch: int, side: int, rounds: int) -> dict[str, Any]:
    """Images a second of one policy, and how many times torchvision's where torchvision has it."""
    images = pictures(batch, side)
    moved, targets, numbers = images.to(device), torch.arange(batch, device=device) % 10, torch.arange(batch)
    generator, numbers = torch.Generator(device=device).manual_seed(0), numbers.to(device)
    augment = build(policy, MEAN, STD)
    try:
        reference = per_image(policy, MEAN, STD, side=side)
    except TailtuneError:
        reference = None

    def batched() -> None:
        augment(moved, targets, 10, generator, numbers)

    def single() -> None:
        for image in images[:64]:
            reference(image)

    ours, theirs, ratios = [], [], []
    for _ in range(rounds):
        ours.append(batch / seconds(batched, 10, device))
        if reference is not None:
            theirs.append(len(images[:64]) / seconds(single, 1, torch.device("cpu")))
            ratios.append(ours[-1] / theirs[-1])
    row = {"policy": policy, "batched": round(statistics.median(ours))}
    if ratios:
        row |= {"torchvision": round(statistics.median(theirs)), "ratio": round(statistics.median(ratios), 1)}
        row |= {"ratio_lowest": round(min(ratios), 1), "ratio_highest": round(max(ratios), 1)}
    return row


def main() -> None:
    """Measure every policy and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--policies", nargs="+", default=POLICIES)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("augmentation.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device, batch = options.device, options.batch
    rows = []
    for policy in options.policies:
        rows.append(measure(policy, device, batch, options.side, options.rounds))
        print(json.dumps(rows[-1]), flush=True)
    content = {
        "command": f"python benchmarks/augmentation.py --device {device} --batch {batch} --side {options.side} "
        f"--rounds {options.rounds} --threads {options.threads}",
        "unit": "images a second, medians of rounds; ratios are taken within a round",
        "device": str(device),
        "versions": versions(),
        "machine": asdict(machine()) | {"load": [round(load, 1) for load in os.getloadavg()]},
        "policies": rows,
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
