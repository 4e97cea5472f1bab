"""An analysis of finished runs: which rows of each class the model is surest about and wrong, as one HTML page.

tailtune fit digits --ratio 0.05 --out runs/digits
python examples/analysis_page.py runs/digits
"""

import html
import sys
from pathlib import Path

import numpy as np

from tailtune import Finished

MOST = 5  # rows a class


def page(folder: str | Path) -> Path:
    """Write the page into the run folder; return its path."""
    run = Finished(folder)
    names, made = run.result.data.names, run.predictions
    answers, sure = made.model.answers, made.model.probabilities.max(axis=1)
    sections = []
    for k, entry in enumerate(run.result.model.per_class):
        wrong = np.flatnonzero((made.targets == k) & (answers != k))
        worst = wrong[np.argsort(-sure[wrong])][:MOST]
        rows = "".join(
            f"<li>{html.escape(str(made.ids[i]))}: called {html.escape(names[answers[i]])} at {sure[i]:.0%}</li>"
            for i in worst
        )
        found = "none" if entry.recall is None else f"{entry.recall:.0%} of {entry.support}"
        sections.append(f"<h2>{html.escape(entry.name)} ({found} found)</h2><ul>{rows or '<li>no mistakes</li>'}</ul>")
    out = run.folder / "mistakes.html"
    title = f"Confident mistakes of {html.escape(run.result.model.label)}"
    out.write_text(f"<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1>{''.join(sections)}")
    return out


if __name__ == "__main__":
    print(page(sys.argv[1]))
