"""What the fit of a diagonal Laplace approximation costs beside an epoch of training, in one run; writes a JSON.

python benchmarks/laplace_time.py --out benchmarks/laplace_time.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import torch

from tailtune.bayes.diagonal_laplace import fisher_diagonal
from tailtune.models.build import build
from tailtune.run.environment import command, machine, versions

CASES = {  # network, channels and side, rows, and the recipe's or the field's batch size for such data
    "resnet8, 8x8x1, 404 rows": ("resnet8", (1, 8), 404, 16),
    "resnet20, 32x32x3, 2048 rows": ("resnet20", (3, 32), 2048, 128),
}
ROUNDS = 5


def timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    torch.set_num_threads(1)
    results = []
    for case, (name, (channels, side), rows, batch) in CASES.items():
        model = build(name, {"channels": channels, "height": side, "width": side}, 10)
        x = torch.randn(rows, channels, side, side).contiguous(memory_format=torch.channels_last)
        y = torch.randint(10, (rows,))
        optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
        for precision in ("32", "bf16"):
            autocast = nullcontext if precision == "32" else lambda: torch.autocast("cpu", torch.bfloat16)

            def epoch(batch: int = batch, autocast=autocast, model=model, x=x, y=y, optimiser=optimiser) -> None:
                model.train()
                for index in torch.randperm(len(y)).split(batch):
                    with autocast():
                        loss = torch.nn.functional.cross_entropy(model(x[index]).float(), y[index])
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()

            def fit(autocast=autocast, model=model, x=x, y=y) -> None:
                fisher_diagonal(model, list(zip(x.split(512), y.split(512), strict=True)), autocast=autocast)

            epoch()
            fit()
            pairs = [(timed(epoch), timed(fit)) for _ in range(ROUNDS)]
            ratios = [b / a for a, b in pairs]
            results.append(
                {
                    "case": case,
                    "batch_size": batch,
                    "precision": precision,
                    "epoch_seconds": statistics.median(a for a, _ in pairs),
                    "fit_seconds": statistics.median(b for _, b in pairs),
                    "fit_over_epoch": {"median": statistics.median(ratios), "all": ratios},
                }
            )
            print(results[-1])
    content = {
        "command": command(),
        "versions": versions(),
        "machine": asdict(machine()),
        "rounds": ROUNDS,
        "results": results,
    }
    out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
