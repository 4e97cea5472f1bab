"""Tables and figures of the paper, a module each, which say what is trained and what becomes of it; none trains.

A module has TITLE, CLAIM (the paper's words), and ``design(scale, asked) -> {name: Study}``,
``tables(rows)``, ``figures(rows)`` and ``claims(rows)``, which are functions of the studies' rows alone.
"""

from __future__ import annotations

__all__ = ["ablation", "fig1", "fig2", "fig3", "fig11", "fig20", "recipe", "table1", "table6"]  # noqa: F822 - submodules, imported when they are asked for
