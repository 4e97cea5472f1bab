"""`Costs`: what an answer costs, a number or in proportion to a column of the row such as the sum of a payment."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tailtune.data.amounts import Amounts
from tailtune.errors import TailtuneError
from tailtune.files import refuse_special
from tailtune.profile import Floats
from tailtune.words import listed, quoted

Cell = float | str  # a number; or the name of a column, which may follow a number and a star
FORM = "a line of class names, then for each true class its name and what each answer costs"


@dataclass(frozen=True)
class Costs:
    """What each answer costs by the true class; of row i, c_yk(i) = a constant + the sum of rates times its amounts.

    Attributes:
        cells: [K, K], the true classes as rows and the answers as columns: a number, a column ("amount") or so much of
            it ("0.5*amount").

    >>> costs = Costs(((0.0, 3.0), ("amount", 0.0)))
    >>> costs.columns
    ('amount',)
    >>> costs.expected(np.array([[0.9, 0.1]] * 2), Amounts(("amount",), np.array([[10.0], [100.0]]))).round(6).tolist()
    [[1.0, 2.7], [10.0, 2.7]]
    """

    cells: tuple[tuple[Cell, ...], ...]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns [A] that costs depend on, in the order of the cells."""
        named = (_parts(cell)[1] for row in self.cells for cell in row)
        return tuple(name for name in dict.fromkeys(named) if name)

    @cached_property
    def _rates(self) -> Floats:
        """The constant costs, then what a unit of each column adds to them [1 + A, K, K]."""
        rates = np.zeros((1 + len(self.columns), len(self.cells), len(self.cells)))
        place = {name: a for a, name in enumerate(("", *self.columns))}
        for y, row in enumerate(self.cells):
            for k, cell in enumerate(row):
                rate, name = _parts(cell)
                rates[place[name], y, k] = rate
        return rates

    def check(self, amounts: Amounts | None) -> None:
        """Refuse rows that lack a column which costs depend on.

        Raises:
            TailtuneError: naming it.
        """
        known = () if amounts is None else amounts.names
        lacking = [quoted(name) for name in self.columns if name not in known]
        if lacking:
            noun = "column" if len(lacking) == 1 else "columns"
            raise TailtuneError(
                f"the costs depend on the {noun} {listed(lacking)}, which these rows were read without; give a table "
                f"that has it and fit with --amounts, or write numbers into the costs"
            )

    def expected(self, probabilities: Floats, amounts: Amounts | None = None) -> Floats:
        """Return the expected cost of each answer, sum_y p_iy c_yk(i) [N, K] (Elkan 2001).

        Args:
            probabilities: of each row and class [N, K].
            amounts: of the rows [N], where costs depend on columns.

        Raises:
            TailtuneError: a column is not among them.
        """
        self.check(amounts)
        total = probabilities @ self._rates[0]
        for rates, name in zip(self._rates[1:], self.columns, strict=True):
            assert amounts is not None
            total += amounts.values[:, amounts.names.index(name), None] * (probabilities @ rates)
        return np.asarray(total)

    def of(self, targets: np.ndarray, amounts: Amounts | None = None) -> Floats:
        """Return what each answer costs each row [N, K], whose class indices are `targets` [N]."""
        return self.expected(np.eye(len(self.cells))[targets], amounts)


def _parts(cell: Cell) -> tuple[float, str]:
    """The rate and the column of a cell; the column is empty where the cell is a number."""
    if not isinstance(cell, str):
        return cell, ""
    rate, star, name = cell.partition("*")
    try:
        return (float(rate), name.strip()) if star and name.strip() else (1.0, cell)
    except ValueError:  # a star within a name
        return 1.0, cell


def read_costs(path: str, names: Sequence[str] | None = None) -> Costs:
    """Read a cost matrix: a CSV file with the true classes as rows and the answers as columns.

    The first column and the first line name the classes, in any order. A cell is a number, or the name of a column of
    the table, such as ``amount``, or a number times it, ``0.5*amount``.

    Args:
        path: the file.
        names: of the classes, in whose order the costs are wanted; in that of the file by default.

    Raises:
        TailtuneError: the file is missing, or is no such matrix for these classes.
    """
    refuse_special(Path(path))
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if any(cell.strip() for cell in line)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TailtuneError(f"the costs in {path} cannot be read ({error}); give a CSV file with {FORM}") from error
    header = [cell.strip() for cell in lines[0][1:]] if lines else []
    rows = {line[0].strip(): line[1:] for line in lines[1:]}
    names = header if names is None else names
    if sorted(header) != sorted(names) or sorted(rows) != sorted(names):
        raise TailtuneError(f"{path} must have the classes {', '.join(names)} as rows and as columns: {FORM}")
    for true, cells in rows.items():
        if len(cells) < len(header) or not all(cell.strip() for cell in cells[: len(header)]):
            raise TailtuneError(f"{path} lacks a cost where the truth is {true}; give {FORM}")
    costs = Costs(tuple(tuple(_cell(rows[true][header.index(answer)]) for answer in names) for true in names))
    if not all(math.isfinite(_parts(cell)[0]) for row in costs.cells for cell in row):
        raise TailtuneError(f"{path} holds a cost that is no finite number; give {FORM}")
    return costs


def _cell(text: str) -> Cell:
    try:
        return float(text)
    except ValueError:
        return text.strip()
