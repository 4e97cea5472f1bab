"""Table 1 of the paper, as printed: facts, copied.

Source: Shwartz-Ziv, Goldblum, Li, Bruss and Wilson, "Simplifying Neural Network Training Under Class Imbalance",
NeurIPS 2023, Table 1: accuracy in per cent, mean and one standard error over 5 trials.
"""

from __future__ import annotations

from collections.abc import Mapping

COLUMNS: tuple[tuple[str, float], ...] = (  # study and ratio
    ("cifar10", 0.01),
    ("cifar10", 0.02),
    ("cifar100", 0.01),
    ("cifar100", 0.02),
    ("cinic10", 0.01),
    ("cinic10", 0.02),
    ("tiny_imagenet-swinv2", 0.1),
    ("tiny_imagenet-convnext", 0.1),
)
_PRINTED = """
ERM: 84.9 0.2, 84.2 0.3, 47.7 0.5, 52.5 0.4, 78.6 0.2, 82.3 0.3, 53.4 0.2, 53.1 0.3
Reweighting: 81.8 0.3, 79.6 0.4, 42.1 0.4, 47.8 0.3, 71.4 0.4, 74.9 0.4, 52.8 0.4, 52.3 0.1
Resampling: 82.1 0.3, 79.0 0.2, 42.8 0.3, 48.2 0.4, 72.1 0.5, 75.6 0.4, 52.5 0.3, 52.1 0.2
Focal Loss: 83.2 0.5, 84.4 0.4, 47.1 0.5, 52.9 0.5, 74.9 0.4, 78.4 0.3, 53.5 0.1, 53.1 0.4
LDAM-DRW: 84.9 0.3, 82.9 0.4, 47.2 0.4, 53.3 0.3, 76.0 0.3, 79.7 0.4, 54.2 0.2, 53.4 0.3
M2m: 84.5 0.2, 84.3 0.2, 47.1 0.3, 52.1 0.3, 78.3 0.5, 81.3 0.5, 54.3 0.4, 53.9 0.2
MiSLAS: 85.1 0.3, 84.3 0.3, 47.3 0.3, 53.1 0.5, 78.1 0.2, 81.8 0.3, 54.1 0.3, 53.4 0.1
SAM-A: 85.4 0.3, 83.3 0.3, 47.1 0.4, 52.7 0.2, 77.3 0.2, 80.9 0.2, 54.7 0.4, 53.9 0.2
Joint-SSL: 85.2 0.2, 84.1 0.2, 47.0 0.2, 51.7 0.5, 77.5 0.3, 81.3 0.3, 54.3 0.2, 53.7 0.3
Joint-SSL + SAM-A + Smoothing: 85.9 0.2, 84.7 0.3, 48.0 0.3, 52.6 0.3, 78.1 0.6, 82.3 0.4, 54.8 0.1, 54.1 0.4
Joint-SSL + SAM-A + M2m: 86.0 0.5, 85.0 0.4, 48.9 0.2, 53.8 0.2, 79.2 0.4, 82.1 0.3, 55.0 0.2, 54.3 0.3
"""


def _read() -> dict[str, dict[tuple[str, float], tuple[float, float]]]:
    found = {}
    for line in _PRINTED.strip().splitlines():
        method, numbers = line.split(": ")
        pairs = [cell.split() for cell in numbers.split(", ")]
        found[method] = {
            column: (float(mean), float(error)) for column, (mean, error) in zip(COLUMNS, pairs, strict=True)
        }
    return found


TABLE1: Mapping[str, Mapping[tuple[str, float], tuple[float, float]]] = _read()
