"""`tailtune demo`: plain training against the tuned recipe on embedded digits made long-tailed.

The recipe takes the class priors off at the end, so plain training is shown with and without that.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tailtune.evaluation.measures import MEASURES, at
from tailtune.study import Arm, Study
from tailtune.study.results import StudyResult
from tailtune.study.statistics import Figure

if TYPE_CHECKING:
    from rich.table import Table

ARMS = (
    Arm("erm", {"method": "erm", "decision": "none"}),
    Arm("erm, prior", {"method": "erm", "decision": "prior"}),
    Arm("tuned", {"method": "tuned", "decision": "prior"}),
)


def demo(out: Path, seeds: int) -> Study:
    """Return the study: each method with its own routine, because the routine is what the recipe is about."""
    return Study(arms=ARMS, data=("digits",), ratios=(0.01,), seeds=seeds, routine="own", out=str(out), jobs=1)


def demo_table(result: StudyResult) -> Table:
    """Lay the figures out for a terminal: mean ± standard error over the seeds."""
    from rich import box
    from rich.table import Table

    (group,) = result.statistics.groups
    title = f"long-tailed digits, {len(group.seeds)} seeds: mean ± standard error"
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    table.add_column("")
    for arm in group.arms:
        table.add_column(arm, justify="right")
    for measure in at("demo", MEASURES):
        cells = (_cell(group.results[arm][measure.key]) for arm in group.arms)
        table.add_row(measure.key.replace("_", " "), *cells)
    table.add_row("seconds a run", *(f"{group.results[arm]['seconds'].mean:.1f}" for arm in group.arms))
    return table


def _cell(figure: Figure) -> str:
    if figure.mean is None:
        return "–"
    return f"{figure.mean:.3f}" + ("" if figure.standard_error is None else f" ± {figure.standard_error:.3f}")
