"""Tables 2 to 5 of the paper as printed, and what recomputes from them: facts, copied, and arithmetic on these.

Source: Shwartz-Ziv, Goldblum, Li, Bruss and Wilson, "Simplifying Neural Network Training Under Class Imbalance",
NeurIPS 2023; accuracies in per cent. Table 1 is in `tailtune.paper.image_facts`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tailtune.data.longtail import exponential_counts
from tailtune.paper.correlation import correlation, slope
from tailtune.paper.image_facts import TABLE1
from tailtune.paper.page import Table
from tailtune.profile import FEW, MANY

REAL = ("SIIM-ISIC Melanoma", "APTOS 2019 Blindness", "EuroSAT")
TABLE2: Mapping[str, tuple[float, float, float]] = {  # its last two rows name what they add to the row above
    "ERM": (95.1, 89.1, 99.0),
    "Reweighting": (94.7, 88.4, 98.4),
    "Resampling": (94.9, 88.7, 98.7),
    "Focal Loss": (95.0, 89.2, 98.9),
    "LDAM-DRW": (95.2, 89.0, 99.0),
    "M2m": (95.2, 89.6, 99.3),
    "MiSLAS": (95.4, 89.4, 99.2),
    "Joint-SSL": (95.7, 89.7, 99.1),
    "Joint-SSL + SAM-A": (96.0, 90.1, 99.1),
    "Joint-SSL + SAM-A + Smoothing": (96.2, 90.1, 99.3),
}
TABLE3: Mapping[str, tuple[float, float]] = {  # correlation and slope
    "APTOS 2019 Blindness": (0.11, 0.04),
    "SIIM-ISIC Melanoma": (0.19, 0.03),
    "EuroSAT": (0.03, 0.04),
}
TABLE4: Mapping[str, tuple[float, float, float]] = {  # CDNV, NCC, accuracy
    "ERM": (0.42, 0.92, 84.58),
    "Reweighting": (0.38, 0.94, 82.62),
    "Resampling": (0.38, 0.97, 82.16),
    "LDAM-DRW": (0.41, 0.94, 83.86),
    "Joint-SSL + SAM-A": (0.43, 0.90, 84.80),
}
GROUPS = ("few", "medium", "many")
SPLIT = ("cinic10", "cifar100")
TABLE5: Mapping[str, Mapping[str, tuple[float, float, float]]] = {  # by data set, accuracy of the three groups
    "ERM": {"cinic10": (40.5, 64.1, 90.1), "cifar100": (20.1, 42.3, 70.5)},
    "Reweighting": {"cinic10": (36.6, 63.1, 87.8), "cifar100": (17.1, 39.3, 67.1)},
    "Resampling": {"cinic10": (37.4, 63.6, 87.9), "cifar100": (18.4, 38.1, 68.9)},
    "Focal Loss": {"cinic10": (39.1, 63.9, 88.2), "cifar100": (19.8, 39.0, 69.3)},
    "LDAM-DRW": {"cinic10": (40.1, 64.3, 89.8), "cifar100": (20.8, 42.1, 70.6)},
    "M2m": {"cinic10": (42.8, 64.1, 90.3), "cifar100": (20.1, 41.8, 69.4)},
    "SAM-A": {"cinic10": (43.2, 62.3, 89.7), "cifar100": (22.5, 40.3, 70.1)},
    "Joint-SSL + SAM-A": {"cinic10": (43.9, 63.3, 90.4), "cifar100": (22.9, 41.3, 69.9)},
    "Joint-SSL + SAM-A + M2m": {"cinic10": (44.1, 64.2, 90.9), "cifar100": (23.9, 42.3, 70.4)},
}
LARGEST: Mapping[str, tuple[int, int]] = {"cinic10": (10, 9000), "cifar100": (100, 500)}  # classes, and rows of one


def shared() -> list[str]:
    """The methods that Tables 1 and 2 share.

    >>> len(shared())
    9
    """
    return [method for method in TABLE2 if method in TABLE1]


def from_rows(data: str, methods: list[str]) -> tuple[float, float]:
    """Pearson's r and the slope of a column of Table 2 over CIFAR-10 at 0.01 of Table 1, over some methods."""
    x = [TABLE1[method]["cifar10", 0.01][0] for method in methods]
    y = [TABLE2[method][REAL.index(data)] for method in methods]
    found = correlation(x, y)
    assert found is not None
    return found.r, slope(x, y)


def recomputed3() -> Table:
    """Return Table 3 as printed beside what its own Tables 1 and 2 give."""
    names = shared()
    alike = [method for method in names if "Smoothing" not in method]
    lines = []
    for data, (r, rise) in TABLE3.items():
        of_alike, of_all = from_rows(data, alike), from_rows(data, names)
        lines.append((data, f"{r:.2f}", f"{rise:.2f}", *(f"{value:.2f}" for value in (*of_alike, *of_all))))
    return Table(
        f"Table 3 as printed, and recomputed from the paper's own Tables 1 and 2 over the {len(alike)} methods that "
        f"both have as rows of one name, and over {len(names)} with the last row of increments: Pearson's r with "
        "CIFAR-10 at 0.01, and the least-squares slope. What is printed does not follow from them.",
        ("data set", "printed r", "slope", f"r of {len(alike)}", "slope", f"r of {len(names)}", "slope"),
        tuple(lines),
    )


def recomputed4() -> Table:
    """Return what Table 4 says of its own claim."""
    lines = []
    for name, at in (("CDNV", 0), ("NCC", 1)):
        values = [row[at] for row in TABLE4.values()]
        found = correlation(values, [row[2] for row in TABLE4.values()])
        assert found is not None
        most = min(TABLE4, key=lambda method: TABLE4[method][at] * (1 if name == "CDNV" else -1))
        lines.append((name, f"{TABLE4['ERM'][at]:.2f}", f"{most} {TABLE4[most][at]:.2f}", f"{found.r:.2f}"))
    return Table(
        "Recomputed from the paper's Table 4: the figure of ERM, the most collapsed method, and Pearson's r of the "
        "figure with accuracy over the five methods. In its own table it is reweighting and resampling that collapse "
        "most, not standard training.",
        ("figure", "ERM", "most collapsed", "r with accuracy"),
        tuple(lines),
    )


def group_sizes(data: str, ratio: float = 0.01) -> tuple[int, int, int]:
    """Classes with few (under 20), medium and many (over 100) training rows of a long-tailed set.

    >>> group_sizes("cifar100"), group_sizes("cinic10")
    ((30, 35, 35), (0, 1, 9))
    """
    classes, largest = LARGEST[data]
    counts = exponential_counts(largest, classes, ratio)[0]
    few, many = int((counts < FEW).sum()), int((counts > MANY).sum())
    return few, classes - few - many, many


def recomputed5() -> Table:
    """Return the accuracy of Table 5's groups together beside that of Table 1."""
    lines = []
    for method, columns in TABLE5.items():
        cells = []
        for data in SPLIT:
            together = float(np.average(columns[data], weights=group_sizes(data)))
            printed = TABLE1[method][data, 0.01][0] if method in TABLE1 else None
            cells += [f"{together:.1f}", "–" if printed is None else f"{printed:.1f}"]
        lines.append((method, *cells))
    sizes = "; ".join(f"{data} {'/'.join(map(str, group_sizes(data)))}" for data in SPLIT)
    return Table(
        "Recomputed from the paper's Table 5: accuracy of few, medium and many together, weighted by their classes at "
        f"a ratio of 0.01 ({sizes}), beside Table 1. CINIC-10 has no class of few rows there, although Table 5 prints "
        "one.",
        ("method", *(f"{data}, {what}" for data in SPLIT for what in ("Table 5 together", "Table 1"))),
        tuple(lines),
    )
