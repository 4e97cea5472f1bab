"""Tables and figures of the paper, a module each, which say what is trained and what becomes of it; none trains.

A module has TITLE, CLAIM (the paper's words), and ``design(scale, asked) -> {name: Study}``,
``tables(rows)``, ``figures(rows)`` and ``claims(rows)``, which are functions of the studies' rows alone.
"""

from __future__ import annotations

SUBJECTS = (
    *("table1", "table2", "table4", "table6", "ablation", "recipe"),
    *("fig1", "fig2", "fig3", "fig4", "fig11", "fig15", "fig16", "fig17", "fig20"),
    *("precursor-fig3", "precursor-fig4", "precursor-fig6", "precursor-fig8", "precursor-fig10"),
)
