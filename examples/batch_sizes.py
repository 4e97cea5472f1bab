"""A study of one's own, as the paper's Figure 1: which batch size suits which imbalance, as table and figure.

tailtune study examples/batch_sizes.py:design --out runs/batch-sizes
python examples/batch_sizes.py runs/batch-sizes
"""

import sys
from pathlib import Path

import polars as pl

from tailtune import read_study
from tailtune.study import Study, axis


def design() -> Study:
    """Five batch sizes at three ratios, two seeds; every arm takes the same number of passes over the rows."""
    return Study(
        arms=axis("batch_size", [8, 16, 32, 64, 128]),
        data=["digits"],
        ratios=[0.2, 0.05, 0.01],
        seeds=2,
        epochs=20,
        method="erm",
    )


def table(folder: str | Path) -> pl.DataFrame:
    """Mean balanced accuracy by ratio and batch size, a column a batch size."""
    means = read_study(folder).group_by("ratio", "batch_size").agg(pl.col("balanced_accuracy").mean())
    return means.sort("batch_size").pivot("batch_size", index="ratio", values="balanced_accuracy").sort("ratio")


def figure(folder: str | Path) -> Path:
    """Draw the table, a line a ratio; return the picture."""
    from matplotlib.figure import Figure

    drawn = Figure(layout="constrained")
    axes = drawn.subplots()
    for ratio, *values in table(folder).iter_rows():
        axes.plot([int(name) for name in table(folder).columns[1:]], values, marker="o", label=f"ratio {ratio:g}")
    axes.set_xscale("log", base=2)
    axes.set_xlabel("batch size")
    axes.set_ylabel("balanced accuracy")
    axes.legend()
    path = Path(folder) / "batch_sizes.svg"
    drawn.savefig(path)
    return path


if __name__ == "__main__":
    print(table(sys.argv[1]))
    print(figure(sys.argv[1]))
