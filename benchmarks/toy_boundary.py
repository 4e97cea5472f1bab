"""How far minority points lie from the decision boundary under ERM, SAM and SAM-A, on a problem in the plane.

    python benchmarks/toy_boundary.py [--seeds N] [--steps N] [--noises N ...] [--out FILE] [--picture FILE]

After figure 18 of the paper, which draws such boundaries and states neither data nor network: two half moons with
little noise and with more, 500 points of the one and 20 of the other, a network of two hidden layers of 64. A seed is
one draw of the points with one start of the network; all optimisers have the same of both, and the same batches, and
end after as many steps. Radii, noise and steps were settled after a trial of two seeds (noise 0.2, 2,000 steps, radii
0.05 to 0.5), to save time; the trial is not among the results. Distances are measured by
`tailtune.analysis.toy_boundary.boundary_distances`, negative on the wrong side; differences are of the same seeds, with
95 % intervals by Student's t over seeds. New points of both classes, 2,000 each, say whether the boundary is better.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tailtune.analysis.toy_boundary import (
    MAJORITY,
    MINORITY,
    Optimiser,
    Points,
    boundary_distances,
    decided_by,
    train,
    two_moons,
)
from tailtune.run.environment import machine, versions
from tailtune.study.paired import paired_t

COUNTS, NEW = (500, 20), 2000
NOISES = (0.3, 0.2)  # moons that overlap, and moons that hardly touch
RHOS = (0.05, 0.2)
AROUND: tuple[Optimiser, ...] = ("sam", "sama")
ARMS: tuple[tuple[Optimiser, float], ...] = (("erm", 0.0), *((name, rho) for rho in RHOS for name in AROUND))
SHOWN: tuple[tuple[Optimiser, float], ...] = (("erm", 0.0), ("sam", 0.2), ("sama", 0.2))  # in the picture
LOOKED_AT = 50  # majority points whose distance is measured
WORDS = {"erm": "ERM", "sam": "SAM", "sama": "SAM-A"}


def name_of(optimiser: str, rho: float) -> str:
    """The arm in the result file."""
    return optimiser if optimiser == "erm" else f"{optimiser} {rho:g}"


def one(noise: float, optimiser: Optimiser, rho: float, seed: int, steps: int) -> dict[str, float]:
    """Train once and measure."""
    points = two_moons(*COUNTS, noise, seed)
    decide = decided_by(train(points, optimiser, rho, seed, steps))
    rare = of_class(points, MINORITY)
    common = of_class(points, MAJORITY, LOOKED_AT)
    new = two_moons(NEW, NEW, noise, 1000 + seed)
    right = (decide(new.x) == new.targets).double()
    distances = boundary_distances(decide, rare)
    return {
        "minority_distance": float(distances.mean()),
        "minority_least_distance": float(distances.min()),
        "minority_fitted": float((distances > 0).mean()),
        "majority_distance": float(boundary_distances(decide, common).mean()),
        "new_minority_right": float(right[new.targets == MINORITY].mean()),
        "new_majority_right": float(right[new.targets == MAJORITY].mean()),
        "new_balanced_accuracy": float(right.mean()),
    }


def of_class(points: Points, target: int, most: int | None = None) -> Points:
    """The first points of one class."""
    chosen = points.targets == target
    return Points(points.x[chosen][:most], points.targets[chosen][:most])


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds, and differences of the same seeds with intervals."""
    arms: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        arms.setdefault(run["arm"], []).append(run)
    keys = [key for key in runs[0] if key not in ("noise", "arm", "seed", "seconds")]
    means = {arm: {key: float(np.mean([run[key] for run in of])) for key in keys} for arm, of in arms.items()}
    differences = []
    for arm in arms:
        others = [] if arm == "erm" else ["erm"]
        others += [arm.replace("sama", "sam")] if arm.startswith("sama") else []
        for other in others:
            for key in keys:
                found = paired_t([run[key] for run in arms[arm]], [run[key] for run in arms[other]])
                differences.append(
                    {"arm": arm, "minus": other, "key": key, "mean": found.mean, "interval": found.interval}
                )
    return {"means": means, "differences": differences}


def draw(out: Path, told: dict[str, Any], noises: Sequence[float], steps: int) -> None:
    """Draw the decisions of seed 0, a row for each noise."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams["font.size"] = 10
    across, up = np.meshgrid(np.linspace(-2.1, 2.9, 400), np.linspace(-1.4, 1.9, 300))
    grid = torch.from_numpy(np.stack([across.ravel(), up.ravel()], 1).astype(np.float32))
    figure = Figure(figsize=(12, 3.5 * len(noises)), layout="constrained")
    panels = figure.subplots(len(noises), len(SHOWN), sharex=True, sharey=True, squeeze=False)
    for (row, noise), (column, (optimiser, rho)) in product(enumerate(noises), enumerate(SHOWN)):
        axes, points = panels[row, column], two_moons(*COUNTS, noise, 0)
        decided = decided_by(train(points, optimiser, rho, 0, steps))(grid).reshape(across.shape).numpy()
        axes.contourf(across, up, decided, levels=[-0.5, 0.5, 1.5], colors=["#0072b2", "#d55e00"], alpha=0.16)
        axes.contour(across, up, decided, levels=[0.5], colors="#1b1f24", linewidths=1.2)
        for target, colour, marker, size in ((MAJORITY, "#0072b2", "o", 9), (MINORITY, "#d55e00", "^", 46)):
            x = points.x[points.targets == target]
            axes.scatter(x[:, 0], x[:, 1], s=size, c=colour, marker=marker, linewidths=0.6, edgecolors="white")
        title = WORDS[optimiser] + (f", radius {rho:g}" if rho else "")
        distance = told[f"noise {noise:g}"]["means"][name_of(optimiser, rho)]["minority_distance"]
        axes.set_title(f"{title}, noise {noise:g}\nminority {distance:+.3f} from the boundary", fontsize=10)
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color("#e3e0da")
    figure.savefig(out, dpi=110)


def main() -> None:
    """Train all, and write the result file and the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--noises", type=float, nargs="+", default=NOISES)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    runs: list[dict[str, Any]] = []
    for noise, seed, (optimiser, rho) in product(options.noises, range(options.seeds), ARMS):
        start = time.perf_counter()
        found = one(noise, optimiser, rho, seed, options.steps)
        seconds = round(time.perf_counter() - start, 2)
        runs.append({"noise": noise, "arm": name_of(optimiser, rho), "seed": seed, "seconds": seconds, **found})
        print(runs[-1], flush=True)
    told = {f"noise {noise:g}": summary([run for run in runs if run["noise"] == noise]) for noise in options.noises}
    result = {
        "what": {
            "counts": COUNTS,
            "noises": options.noises,
            "seeds": options.seeds,
            "steps": options.steps,
            "new": 2 * NEW,
        },
        "versions": versions(),
        "machine": asdict(machine()),
        **told,
        "runs": runs,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    if options.picture:
        draw(options.picture, told, options.noises, options.steps)


if __name__ == "__main__":
    main()
