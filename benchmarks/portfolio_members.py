"""What each model adds to the portfolio, on rows of training that it did not see; no test row is scored.

    python benchmarks/portfolio_members.py --data-root FOLDER --kept members --out portfolio_members.json

Every member is trained as the portfolio trains it and calibrated on the rows held out. The weights of the mean are
chosen on four fifths of these rows and the mean is judged on the others, five times: once with all members, once
without one of them. A figure is the log loss without a member less that with it, with its standard error over rows, and
the average precision of the rarest class with it less that without. `--also` tries models that are no members, each
added to them. Probabilities of the rows held out stay in --kept, so that a further model costs its own training only.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import tables
from numpy.typing import NDArray

from tailtune.data.dataset import Dataset
from tailtune.data.splits import folds
from tailtune.decision.blend import blend
from tailtune.decision.objective import read_objective
from tailtune.decision.use import Asked, HeldOut, fit_use
from tailtune.evaluation.ranking import average_precision
from tailtune.profile import Floats
from tailtune.run.environment import machine, versions
from tailtune.run.learner import Job
from tailtune.run.learners import fit_model, learner_of
from tailtune.run.learners.judged_rows import JudgedRows, judged_rows
from tailtune.run.learners.portfolio import MEMBERS, METHOD
from tailtune.settings import Run

TABLES = [*tables.PUBLISHED, "breast cancer", "clusters", "rare", "adult"]
PARTS = 5  # in turn, those that judge


def held_out(name: str, dataset: Dataset, rows: JudgedRows, seed: int) -> tuple[Floats, float]:
    """Calibrated probabilities [N, K] of the rows held out, and seconds of processor time."""
    assert rows.judged is not None
    began, scores, implied = time.process_time(), np.zeros((len(rows.targets), len(dataset.names))), None
    for training, positions in zip(rows.trainings, rows.held_out, strict=True):
        method = METHOD if learner_of(name).network else None
        run = Run("memory", model=name, seed=seed, threads=1, method=method)
        fitted = fit_model(run, replace(training, as_new=None), Job())
        assert fitted is not None
        assert fitted.held_out is not None
        scores[positions], implied = fitted.held_out.probabilities, fitted.implied
    assert implied is not None
    profile = rows.trainings[0].profile
    use = fit_use(Asked(read_objective("log_loss")), implied, profile, HeldOut.of(scores, rows.judged))
    return use.recalibration(scores), time.process_time() - began


def blended(members: Sequence[Floats], targets: NDArray[np.int64]) -> Floats:
    """The mean of members [N, K], each row with weights that it did not choose; rows outside of the parts are NaN."""
    part, found = folds(targets, PARTS, seed=7), np.full(members[0].shape, np.nan)
    for number in range(PARTS):
        others = part != number
        weights = blend([one[others] for one in members], targets[others]).weights
        found[part == number] = sum(w * one[part == number] for w, one in zip(weights, members, strict=True))
    return found


def compared(with_it: Sequence[Floats], without: Sequence[Floats], targets: NDArray[np.int64]) -> dict[str, float]:
    """What the longer list of members gains over the shorter one."""
    means = [blended(each, targets) for each in (without, with_it)]
    judged = ~np.isnan(means[0][:, 0])
    rows, rarest = np.flatnonzero(judged), int(np.bincount(targets).argmin())
    losses = [-np.log(np.maximum(mean[rows, targets[rows]], 1e-15)) for mean in means]
    gains = losses[0] - losses[1]
    precision = [average_precision(mean[judged, rarest], targets[judged] == rarest) for mean in means]
    return {
        "log_loss": float(gains.mean()),
        "error": float(gains.std(ddof=1) / np.sqrt(len(gains))),
        "average_precision": float(precision[1] or 0) - float(precision[0] or 0),
    }


def line_of(name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """What every model adds on one table."""
    dataset = tables.opened(name, seed, options.data_root)
    rows = judged_rows(Run("memory", seed=seed), dataset)
    kept = options.kept / f"{name.replace(' ', '_')}-{seed}.npz"
    found: dict[str, Any] = dict(np.load(kept)) if kept.exists() else {}
    for model in (*MEMBERS, *options.also):
        if model not in found:
            found[model], seconds = held_out(model, dataset, rows, seed)
            print(f"{name}: {model} took {seconds:.1f} s", flush=True)
            np.savez(kept, **found)
    every = [found[model] for model in MEMBERS]
    of_target = {m: found[m][np.arange(len(rows.targets)), rows.targets] for m in (*MEMBERS, *options.also)}
    return {
        **tables.about_of(name, seed, dataset),
        "judged": len(rows.targets),
        "alone": {model: float(-np.log(np.maximum(p, 1e-15)).mean()) for model, p in of_target.items()},
        "members": {
            model: compared(every, [one for one, of in zip(every, MEMBERS, strict=True) if of != model], rows.targets)
            for model in MEMBERS
        },
        "also": {model: compared([*every, found[model]], every, rows.targets) for model in options.also},
    }


def main() -> None:
    """Compare, table by table."""
    parser = argparse.ArgumentParser(description="What each model adds to the portfolio.")
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--also", nargs="*", default=[])
    parser.add_argument("--data-root")
    parser.add_argument("--kept", type=Path, default=Path("members"))
    parser.add_argument("--out", type=Path, default=Path("portfolio_members.json"))
    options = parser.parse_args()
    options.kept.mkdir(parents=True, exist_ok=True)
    lines = []
    for seed in range(options.seeds):
        for name in options.tables:
            lines.append(line_of(name, seed, options))
            print(name, json.dumps(lines[-1]["members"]), flush=True)
    about = {"command": " ".join(["python", *sys.argv]), "versions": versions(), "machine": asdict(machine())}
    options.out.write_text(json.dumps({**about, "tables": lines}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
