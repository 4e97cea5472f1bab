"""The rows that tables and figures are drawn from: those of the studies, and of ensembles of their seeds."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tailtune.errors import TailtuneError
from tailtune.evaluation.measures import MEASURES, at
from tailtune.evaluation.metrics import scores
from tailtune.evaluation.scored import scored
from tailtune.files import naming_files, write_whole
from tailtune.paper.page import Planned, Row, Scale
from tailtune.run.finished import Finished
from tailtune.study.results import read_results
from tailtune.study.tidy_table import CLASS_PARQUET

ROWS = "rows.csv"


def gathered(planned: Mapping[str, Planned], scale: Scale) -> list[Row]:
    """Return a row a training, with ``members`` 1, and a row an ensemble, with as many members as it has.

    A training's ``recalls`` are those of its classes in class order, with spaces between them, and ``sizes`` their
    training rows; from them follows its accuracy on test rows of any class balance. Behind them come the columns that
    the study itself asks for.

    Ensembles average the probabilities of seeds that follow each other: of fifteen seeds and five members there are
    three. An ensemble's `seed` is its number, and it is only made where all of its trainings are finished.

    Args:
        planned: the studies by name, of which what is not begun is left out.
        scale: goes into every row.

    Raises:
        TailtuneError: files of a study that cannot be read.
    """
    found: list[Row] = []
    for name, one in planned.items():
        folder = Path(one.study.out)
        if not (folder / "results.json").is_file():
            continue
        result = read_results(folder)
        own = {"study": name, "scale": scale}
        by_class, more = _by_class(folder), one.columns or (lambda run: {})
        found += [
            own | {"members": 1} | dict(row) | {**by_class[_place(row)], **more(Finished(folder / str(row["folder"])))}
            for row in result.rows
        ]
        if one.members > 1:
            found += [own | row for row in _ensembles(folder, result.rows, one.members)]
    return found


def _by_class(folder: Path) -> dict[tuple[Any, ...], dict[str, str]]:
    import polars as pl

    with naming_files():
        table = pl.read_parquet(folder / CLASS_PARQUET)
    found: dict[tuple[Any, ...], dict[str, list[str]]] = {}
    for row in table.iter_rows(named=True):
        each = found.setdefault(_place(row), {"recalls": [], "sizes": []})
        each["recalls"].append("nan" if row["recall"] is None else f"{row['recall']:.6g}")
        each["sizes"].append(str(row["training_rows"]))
    return {place: {name: " ".join(values) for name, values in each.items()} for place, each in found.items()}


def _place(row: Row) -> tuple[Any, ...]:
    return row["dataset"], row["ratio"], row["arm"], row["seed"]


def _ensembles(folder: Path, rows: Sequence[Row], members: int) -> Iterator[dict[str, Any]]:
    by_arm: dict[str, dict[int, Row]] = {}
    for row in rows:
        by_arm.setdefault(str(row["arm"]), {})[int(row["seed"])] = row
    for seeds in by_arm.values():
        for number in range((max(seeds) + 1) // members):
            together = [seeds.get(seed) for seed in range(number * members, (number + 1) * members)]
            if any(row is None for row in together):
                continue
            runs = [Finished(folder / str(row["folder"])) for row in together if row is not None]
            mean = np.mean([run.predictions.model.probabilities for run in runs], axis=0)
            made = scored(runs[0].predictions.targets, mean, runs[0].result.data.profile)
            first = seeds[number * members]
            kept = {name: first[name] for name in ("dataset", "ratio", "arm", "vary", "split_hash")}
            seconds = sum(run.result.training.seconds for run in runs)
            yield kept | {"members": members, "seed": number, "seconds": seconds} | scores(made, at("study", MEASURES))


def write_rows(folder: Path, rows: Sequence[Row]) -> Path:
    """Write rows.csv and return its path. No space left is a TailtuneError."""
    import polars as pl

    columns = list(dict.fromkeys(name for row in rows for name in row))
    frame = pl.DataFrame(
        [{name: row.get(name) for name in columns} for row in rows], infer_schema_length=None, strict=False
    )
    text = io.BytesIO()
    frame.write_csv(text)
    write_whole(folder / ROWS, text.getvalue())
    return folder / ROWS


def read_rows(path: Path) -> list[Row]:
    """Read what `write_rows` wrote.

    Raises:
        TailtuneError: it is missing or broken.
    """
    import polars as pl

    with naming_files():
        try:
            return list(pl.read_csv(path, infer_schema_length=None).to_dicts())
        except (OSError, pl.exceptions.PolarsError) as error:
            raise TailtuneError(f"{path} cannot be read ({' '.join(str(error).split())[:80]})") from error


def by_study(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the rows of each study, in the order in which they come."""
    names = dict.fromkeys(str(row["study"]) for row in rows)
    return {name: [row for row in rows if row["study"] == name] for name in names}


def ratios_of(rows: Sequence[Row]) -> list[float]:
    """Return the ratios that rows are of, ascending."""
    return sorted({float(row["ratio"]) for row in rows})
