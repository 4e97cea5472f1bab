"""Objectives and decisions: the same trainings under each decision, for each objective, as studies.

    tailtune study benchmarks/decisions.py:tables --data-root FOLDER --out decisions_tables
    tailtune study benchmarks/decisions.py:lesions --data-root FOLDER --out decisions_lesions
    tailtune study benchmarks/decisions.py:lesions_default --data-root FOLDER --out default_lesions
    tailtune study benchmarks/decisions.py:digits --out decisions_digits
    tailtune study benchmarks/decisions.py:cifar --data-root FOLDER --out decisions_cifar

An arm is a method, an objective and a decision; arms of one method share its trainings, because a decision is made of
kept scores. Decisions are fitted on validation rows. The result files are the studies' results.json; read_decisions.py
condenses them.

The tables are one column "target" beside the others. Where they are: FOLDER/adult (its official split),
FOLDER/otto/train.csv, FOLDER/covertype/covtype_subset.parquet; breast cancer comes with scikit-learn; `rare` and
`clusters` are generated, with class probabilities that are known exactly.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.settings import Mode, Reading
from tailtune.study import Arm, Study

DECISIONS: tuple[Mode, ...] = ("none", "prior", "fitted")
TABLES = ("adult", "otto", "covertype", "breast_cancer", "rare", "clusters")


def adult(reading: Reading) -> Dataset:
    """Adult's official split."""
    return open_dataset(replace(reading, data="adult", target=None))


def otto(reading: Reading) -> pl.DataFrame:
    """Otto: 61,878 products in nine classes, 93 counts each."""
    return pl.read_csv(Path(str(reading.data_root)) / "otto" / "train.csv").drop("id")


def covertype(reading: Reading) -> pl.DataFrame:
    """A quarter of the subset of Covertype: 27,000 rows in seven classes."""
    frame = pl.read_parquet(Path(str(reading.data_root)) / "covertype" / "covtype_subset.parquet")
    return frame.drop("source").rename({"Cover_Type": "target"}).gather_every(4)


def breast_cancer(reading: Reading) -> pl.DataFrame:
    """Breast cancer, of 357 benign cases and a fifth of the 212 malignant ones."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer(as_frame=True)
    frame = pl.from_pandas(bunch.frame)
    malignant = frame.filter(pl.col("target") == 0).gather_every(5)
    return pl.concat([frame.filter(pl.col("target") == 1), malignant])


def rare(reading: Reading) -> pl.DataFrame:
    """Two Gaussian classes in ten dimensions at a distance of 2.2, 3 % of the rows of the rarer one."""
    rng = np.random.default_rng(0)
    y = (rng.random(12_000) < 0.03).astype(np.int64)
    x = rng.normal(size=(len(y), 10))
    x[:, 0] += 2.2 * y
    return _frame(x, y)


def clusters(reading: Reading) -> pl.DataFrame:
    """Six Gaussian classes in eight dimensions, from 6,000 rows down to 60."""
    rng = np.random.default_rng(1)
    counts = np.geomspace(6000, 60, 6).astype(np.int64)
    y = np.repeat(np.arange(6), counts)
    centres = rng.normal(size=(6, 8))
    return _frame(centres[y] + rng.normal(size=(len(y), 8)), y)


def _frame(x: np.ndarray, y: np.ndarray) -> pl.DataFrame:
    columns = {f"x{j}": x[:, j] for j in range(x.shape[1])}
    return pl.DataFrame({**columns, "target": [f"class {k}" for k in y]})


def arms(methods: tuple[str, ...], objectives: tuple[str, ...]) -> tuple[Arm, ...]:
    """Every method with every decision for every objective."""
    return tuple(
        Arm(f"{method}, {objective}, {decision}", {"method": method, "objective": objective, "decision": decision})
        for method in methods
        for objective in objectives
        for decision in DECISIONS
    )


def tables() -> Study:
    """The recipe as it ships on six tables, three seeds of split and training."""
    return Study(
        arms=arms(("tuned",), ("macro_f1", "balanced_accuracy")),
        data=[f"{Path(__file__)}:{name}" for name in TABLES],
        target="target",
        seeds=3,
        vary="both",
        routine="own",
        selection="validation",
    )


def lesions() -> Study:
    """HAM10000 by lesion at 32 pixels: the recipe, balanced softmax and ERM with one routine, three seeds."""
    return Study(
        arms=arms(("tuned", "balanced_softmax", "erm"), ("balanced_accuracy", "macro_f1")),
        data=["ham10000"],
        image_size=32,
        model="resnet8",
        threads=1,
        epochs=12,
        seeds=3,
        selection="validation",
    )


def lesions_default() -> Study:
    """The same at the default's length, the recipe and plain training each with its own routine, two seeds."""
    return replace(lesions(), arms=arms(("tuned", "erm"), ("balanced_accuracy",)), epochs=None, seeds=2, routine="own")


def digits() -> Study:
    """Long-tailed digits at two ratios, tested on balanced rows: the recipe as it ships, five seeds."""
    return Study(
        arms=arms(("tuned", "erm"), ("balanced_accuracy", "macro_f1")),
        data=["digits"],
        ratios=[0.05, 0.01],
        seeds=5,
        routine="own",
        selection="validation",
    )


def cifar() -> Study:
    """CIFAR-10 at ratio 0.01 with ResNet-8 on balanced test rows, three seeds of 3,300 steps with flips and crops."""
    return Study(
        arms=tuple(Arm(decision, {"decision": decision}) for decision in DECISIONS),
        data=["cifar10"],
        ratios=[0.01],
        model="resnet8",
        policy="flip+crop",
        threads=1,
        epochs=20,
        seeds=3,
        selection="validation",
    )
