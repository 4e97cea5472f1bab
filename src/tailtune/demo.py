"""`tailtune demo`: plain training against the tuned recipe on embedded digits made long-tailed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tailtune.errors import TailtuneError
from tailtune.evaluation.measures import MEASURES, at
from tailtune.files import write_whole
from tailtune.fit import fit
from tailtune.settings import Run

if TYPE_CHECKING:
    from rich.table import Table

RATIO = 0.01
SHOWN = tuple(measure.key for measure in at("demo", MEASURES))


def compare_on_digits(out: Path, seeds: int, say: Callable[[str], object]) -> tuple[list[dict[str, Any]], Path]:
    """Train `tuned` and ERM on the same long-tailed digits once a seed.

    Args:
        out: folder for the runs; those of an earlier demo are replaced.
        seeds: number of seeds, counted from 0.
        say: told how far it is.

    Returns:
        One row a method with mean and standard error of each figure over the seeds, and the report of seed 0.

    Raises:
        TailtuneError: fewer than one seed, or `out` holds something else than a demo.
    """
    if seeds < 1:
        raise TailtuneError(f"--seeds must be 1 or more, however: {seeds}")
    if out.exists():
        if not (out / "demo.json").exists() and any(out.iterdir()):
            raise TailtuneError(f"{out} exists and holds no demo of tailtune; choose another --out")
        shutil.rmtree(out)
    out.mkdir(parents=True)
    write_whole(out / "demo.json", b"{}")
    results = []
    for seed in range(seeds):
        folder = out / f"seed-{seed}"
        say(f"seed {seed}: tuned and ERM on digits with ratio {RATIO} (about 110 pictures of 0 down to 1 of 9)")
        run = Run(
            data="digits",
            ratio=RATIO,
            out=str(folder),
            seed=seed,
            selection="last",
            baselines=("majority", "erm"),
        )
        finished = fit(run, say=lambda sentence: None)
        assert finished is not None
        results.append(msgspec.to_builtins(finished.result))
    rows = []
    for name in ("erm", "tuned"):
        systems = [next(s for s in result["systems"] if s["name"] == name) for result in results]
        row: dict[str, Any] = {"method": name, "seeds": seeds}
        for figure in SHOWN:
            values = np.array([system["metrics"][figure] for system in systems], dtype=np.float64)
            error = float(values.std(ddof=1) / np.sqrt(seeds)) if seeds > 1 else None
            row[figure] = {"mean": float(values.mean()), "standard_error": error}
        row["seconds"] = float(np.mean([system["seconds"] for system in systems]))
        rows.append(row)
    first = results[0]
    content = {
        "command": first["command"],
        "split_hash": first["data"]["split_hash"],
        "versions": first["versions"],
        "machine": first["machine"],
        "rows": rows,
    }
    write_whole(out / "demo.json", json.dumps(content, indent=1).encode())
    return rows, out / "seed-0" / "report.html"


def demo_table(rows: list[dict[str, Any]]) -> Table:
    """Lay the rows out for a terminal: mean ± standard error."""
    from rich import box
    from rich.table import Table

    title = f"long-tailed digits, {rows[0]['seeds']} seeds: mean ± standard error"
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    table.add_column("")
    for row in rows:
        table.add_column(row["method"], justify="right")
    for figure in SHOWN:
        cells = []
        for row in rows:
            mean, error = row[figure]["mean"], row[figure]["standard_error"]
            cells.append(f"{mean:.3f}" + ("" if error is None else f" ± {error:.3f}"))
        table.add_row(figure.replace("_", " "), *cells)
    table.add_row("seconds a run", *(f"{row['seconds']:.1f}" for row in rows))
    return table
