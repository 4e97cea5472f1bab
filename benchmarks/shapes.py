"""Curvature, loss landscape and decision regions of one run beside another, with what it takes to have them again.

    python benchmarks/shapes.py RUN BESIDE --out FILE [--only NAME ...] [--rows N] [--page FILE]

Both runs are of the same network; RUN's training rows are imbalanced, and BESIDE is what it is compared with: the same
recipe on balanced rows (figure 7 of the precursor), or another optimiser (figure 19). Of both the file has a row of
Table 4. `--page` is where the page with the figures goes.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tailtune.analysis.analyses import analyse, as_json
from tailtune.report.analysis_page.page import render
from tailtune.run.environment import command, machine, versions
from tailtune.run.finished import Finished

COMPARING = ("regions", "landscape", "curvature")


def what(run: Finished) -> dict[str, Any]:
    """What one run was."""
    data, found = run.result.data, run.result.undecided
    (collapse,) = analyse(run, ["collapse"])
    return {
        "folder": run.folder.name,
        "source": data.source,
        "label": run.result.model.label,
        "split_hash": data.split_hash,
        "training_rows": list(data.counts.train),
        "seed": run.run.seed,
        "epochs": run.run.epochs,
        "balanced_accuracy": found.metrics["balanced_accuracy"],
        "table4": collapse.data["table4"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("beside", type=Path)
    parser.add_argument("--only", nargs="+", default=list(COMPARING))
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    run, beside = Finished(options.run), Finished(options.beside)
    found, seconds = [], {}
    for name in options.only:
        began = time.process_time()
        rows = options.rows if name in ("landscape", "curvature") else None
        found += analyse(run, [name], beside=beside if name in COMPARING else None, rows=rows)
        seconds[name] = round(time.process_time() - began, 1)
        print(f"{name}: {found[-1].finding} ({seconds[name]:.0f} s)", flush=True)
    result = {
        "command": command(),
        "versions": versions(),
        "machine": asdict(machine()),
        "processor_seconds": seconds,
        "runs": [what(run), what(beside)],
        **as_json(found),
    }
    options.out.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    if options.page:
        options.page.write_text(render(run, found))


if __name__ == "__main__":
    main()
