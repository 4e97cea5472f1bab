"""Small made data sets in the form that training takes, without reading any file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tailtune.data.dataset import Dataset, Kind, Part


@dataclass(frozen=True)
class TableShape:
    kind: Kind = "table"

    def shape(self) -> dict[str, object]:
        return {"numeric": 4, "cardinalities": [3]}

    def state(self) -> tuple[dict[str, object], dict[str, Any]]:
        return {}, {}


def table(rows: int = 300, weights: bool = False, seed: int = 0) -> Dataset:
    """Three classes of sizes 6 : 3 : 1 that differ in their means."""
    rng = np.random.default_rng(seed)

    def part(n: int, prefix: str) -> Part:
        y = rng.choice(3, n, p=[0.6, 0.3, 0.1])
        numeric = torch.from_numpy((rng.standard_normal((n, 4)) + 1.5 * y[:, None]).astype(np.float32))
        codes = torch.from_numpy(rng.integers(0, 3, (n, 1)))
        w = torch.from_numpy(rng.uniform(0.5, 1.5, n).astype(np.float32)) if weights else None
        return Part((numeric, codes), torch.from_numpy(y), np.array([f"{prefix}{i}" for i in range(n)]), w)

    names = ("a", "b", "c")
    return Dataset("table", "made", names, part(rows, "t"), part(90, "v"), part(90, "s"), TableShape(), "given", "0")
