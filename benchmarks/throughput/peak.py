"""How much of the device's measured matrix-product rate a training step makes use of."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from tailtune.data.dataset import Dataset
from throughput.cases import SIDE, Case, default_device, synchronise

SIZES = {"cuda": 8192, "cpu": 2048}
DTYPES = {"bf16": torch.bfloat16, "32": torch.float32}


def operations(dataset: Dataset, case: Case) -> int:
    """Floating-point operations of a step in convolutions and matrix products, forward and backward both counted."""
    model = case.network(dataset).to("meta")
    pixels = torch.empty(case.batch, 3, SIDE, SIDE, device="meta")
    targets = torch.empty(case.batch, dtype=torch.int64, device="meta")
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(model(pixels), targets).backward()
    return int(counter.get_total_flops())


def matrix_product(size: int, precision: str, rounds: int) -> dict[str, Any]:
    """The best rate of a product of two square matrices over the rounds, in 10^12 operations a second."""
    device = default_device()
    a, b = (torch.randn(size, size, device=device).to(DTYPES[precision]) for _ in range(2))
    repeats = 20 if device.type == "cuda" else 1
    rates = []
    for _ in range(rounds + 1):
        synchronise(device)
        began = time.perf_counter()
        for _ in range(repeats):
            a @ b
        synchronise(device)
        rates.append(2 * size**3 * repeats / (time.perf_counter() - began) / 1e12)
    return {
        "device": "GPU" if device.type == "cuda" else "processor",
        "precision": precision,
        "size": size,
        "tera_operations_a_second": max(rates[1:]),
        "rounds": rates[1:],
    }
