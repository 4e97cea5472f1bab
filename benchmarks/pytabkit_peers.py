"""RealMLP-TD and TabM-D of pytabkit on rows that tables.py exported; see there for the three commands.

    python benchmarks/pytabkit_peers.py ROWS [--cap 1800] [--systems "RealMLP-TD" "TabM-D"]

Needs numpy, pandas, scikit-learn and pytabkit, and nothing of tailtune. Each peer gets all rows that are not test rows,
splits its own validation rows off them, and has its own defaults, one thread and no GPU. "RealMLP-TD, log loss" is the
setting that pytabkit's documentation names for those who look at log loss: no label smoothing, and the epoch of the
lowest cross-entropy. Missing numbers, which both refuse, are the median of the rows for training, with a column beside
them that says so; missing categories are a category. A training of more than --cap seconds is given up, and nothing is
written of it but a line on the terminal; likewise where a peer cannot take a table. What is there already is not made
again.
"""

from __future__ import annotations

import argparse
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from exported_rows import MADE, Made, Rows

PACKAGES = ("pytabkit", "torch", "numpy", "pandas", "scikit-learn")


def systems() -> dict[str, Callable[[int], Any]]:
    """Estimators by name, each from a seed."""
    from pytabkit import RealMLP_TD_Classifier, TabM_D_Classifier

    plain = {"device": "cpu", "n_threads": 1}
    return {
        "RealMLP-TD": lambda seed: RealMLP_TD_Classifier(random_state=seed, **plain),
        "RealMLP-TD, log loss": lambda seed: RealMLP_TD_Classifier(
            random_state=seed, val_metric_name="cross_entropy", use_ls=False, **plain
        ),
        "TabM-D": lambda seed: TabM_D_Classifier(random_state=seed, **plain),
    }


def tables(rows: Rows) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows for training and for testing as data frames, with categorical columns of the levels of training."""
    numbers, categories = rows.numbers, rows.categories
    absent = np.isnan(numbers[0]).any(axis=0)
    known = ~np.isnan(numbers[0]).all(axis=0)
    middle = np.zeros(numbers[0].shape[1])
    middle[known] = np.nanmedian(numbers[0][:, known], axis=0)
    frames = []
    for part in (0, 1):
        gone = np.isnan(numbers[part])
        filled = np.where(gone, middle, numbers[part])
        columns: dict[str, Any] = {f"n{j}": filled[:, j] for j in range(filled.shape[1])}
        columns |= {f"n{j} is missing": gone[:, j].astype(np.float64) for j in np.flatnonzero(absent)}
        for j in range(categories[0].shape[1]):
            values, levels = categories[part][:, j], np.unique(categories[0][:, j])
            known_values = np.where(np.isin(values, levels), values.astype(object), None)
            columns[f"c{j}"] = pd.Categorical(known_values, categories=levels.astype(object))
        frames.append(pd.DataFrame(columns))
    return frames[0], frames[1]


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise a TimeoutError in what takes longer."""

    def over(number: int, frame: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def made(path: Path, system: str, estimator: Any, cap: float, about: dict[str, Any]) -> Made:
    """Train `estimator` on the rows of `path`, and let it look at the test rows."""
    rows = Rows.read(path)
    train, test = tables(rows)
    began = time.perf_counter()
    with at_most(cap):
        estimator.fit(train, rows.targets[0])
    seconds = time.perf_counter() - began
    probabilities = np.zeros((len(test), len(rows.about["counts"])))
    probabilities[:, np.asarray(estimator.classes_, dtype=int)] = estimator.predict_proba(test)
    return Made(path.name, system, probabilities, seconds, about | {"seconds_at_most": cap})


def main() -> None:
    """Make what the folder lacks."""
    parser = argparse.ArgumentParser(description="RealMLP-TD and TabM-D on exported rows.")
    parser.add_argument("rows", type=Path)
    parser.add_argument("--cap", type=float, default=1800)
    parser.add_argument("--systems", nargs="*")
    options = parser.parse_args()
    known = systems()
    for name in options.systems or ():
        if name not in known:
            parser.error(f"there is no peer {name!r}; take of {', '.join(known)}")
    import torch

    torch.set_num_threads(1)
    about = {
        "command": " ".join(["python", *sys.argv]),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "machine": {"processor": processor(), "system": platform.system(), "threads": 1},
    }
    files = [path for path in options.rows.glob("*.npz") if not path.name.endswith(MADE)]
    for path in sorted(files, key=lambda path: path.stat().st_size):
        for system in options.systems or known:
            out = path.with_name(f"{path.stem}.{system.replace(' ', '_')}{MADE}")
            if out.exists():
                continue
            print(f"{path.stem}, {system}", flush=True)
            seed = int(path.stem.rpartition("-")[2])
            try:
                found = made(path, system, known[system](seed), options.cap, about)
            except TimeoutError:
                print(f"  given up after {options.cap:g} s", flush=True)
                continue
            except Exception as error:  # a table that a peer cannot take must not keep the others from it
                print(f"  {type(error).__name__}: {error}", flush=True)
                continue
            found.write(out)
            print(f"  {found.seconds:.0f} s", flush=True)


def processor() -> str:
    """Name of the processor, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


if __name__ == "__main__":
    main()
