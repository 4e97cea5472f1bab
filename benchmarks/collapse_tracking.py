"""What --track collapse costs beside an epoch of training, measured within one run; writes a JSON.

python benchmarks/collapse_tracking.py --out benchmarks/collapse_tracking.json

A ResNet trains on made-up pictures of 32 pixels in 10 classes, long-tailed at ratio 0.01. Every epoch is timed as a
whole, and what the measures took of it; the share is that over the rest, which is an epoch without them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from unittest import mock

import numpy as np

from tailtune.data.longtail import exponential_counts
from tailtune.fit import fit
from tailtune.models.network import Network
from tailtune.run.environment import command, machine, versions
from tailtune.settings import Run
from tailtune.training.tracking import Tracker


def made(folder: Path, largest: int) -> tuple[Path, int]:
    """Write an .npz of noise around a pattern of each class; return its path and the number of training rows."""
    rng = np.random.default_rng(0)
    patterns = rng.uniform(60, 196, (10, 32, 32, 3))

    def pictures(counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
        targets = np.repeat(np.arange(10), counts)
        return (patterns[targets] + rng.normal(0, 40, (len(targets), 32, 32, 3))).clip(0, 255).astype(np.uint8), targets

    x_train, y_train = pictures(exponential_counts(largest, 10, 0.01)[0].tolist())
    x_test, y_test = pictures([20] * 10)
    path = folder / "made.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path, len(y_train)


def main() -> None:
    """Train once and write the shares of its epochs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet8")
    parser.add_argument("--method", default="erm")
    parser.add_argument("--largest", type=int, default=2000, help="rows of the largest class")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    spent: list[float] = []
    measure = Tracker.measure

    def timed(
        tracker: Tracker, network: Network, autocast: Callable[[], AbstractContextManager[object]]
    ) -> dict[str, float | None]:
        began = time.perf_counter()
        found = measure(tracker, network, autocast)
        spent.append(time.perf_counter() - began)
        return found

    with tempfile.TemporaryDirectory() as name, mock.patch.object(Tracker, "measure", timed):
        path, rows = made(Path(name), options.largest)
        run = Run(
            str(path),
            model=options.model,
            method=options.method,
            epochs=options.epochs,
            batch_size=128,
            patience=0,
            policy="flip+crop",
            baselines=(),
            track="collapse",
            threads=1,
            out=str(Path(name) / "run"),
        )
        finished = fit(run, say=lambda sentence: None)
        assert finished is not None
        seconds = [row["seconds"] for row in finished.history]
        looked_at = {part: len(inputs.targets) for part, inputs in _rows(finished).items()}
        precision = finished.result.training.precision
    shares = [own / (whole - own) for own, whole in zip(spent, seconds, strict=True)]
    content = {
        "command": command(),
        "versions": versions(),
        "machine": asdict(machine()),
        "model": options.model,
        "method": options.method,
        "batch_size": 128,
        "precision": precision,
        "training_rows": rows,
        "rows_looked_at": looked_at,
        "epoch_seconds": seconds,
        "tracking_seconds": [round(own, 4) for own in spent],
        "share_of_epoch": {"median": statistics.median(shares), "all": [round(share, 4) for share in shares]},
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps(content["share_of_epoch"]), looked_at)


def _rows(finished):
    import torch

    dataset = finished.dataset()
    return Tracker.of(dataset, {"val": dataset.val}, None, torch.device("cpu")).parts


if __name__ == "__main__":
    main()
