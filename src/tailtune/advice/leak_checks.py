"""Checks on what the parts of the data share, and on what asks for another split; see `tailtune.leaks`."""

from __future__ import annotations

from collections.abc import Sequence

from tailtune.advice.advice import Advice, Level
from tailtune.advice.facts import Facts
from tailtune.leaks.leak import Leak


def shared_rows(facts: Facts) -> Advice | None:
    """TT021: test rows that are rows trained on again."""
    return _advice(
        [leak for leak in facts.leaks if leak.code in ("identical", "near")],
        "TT021",
        "Test rows that training has",
        "On a row that it was trained on a model is right because it remembers: no figure on such rows says how well "
        "it does on new ones.",
        "act",
    )


def undeclared_groups(facts: Facts) -> Advice | None:
    """TT022: columns or file names that look like a group, in several parts."""
    return _advice(
        [leak for leak in facts.leaks if leak.code == "group"],
        "TT022",
        "Groups in several parts",
        "Rows of one patient, customer or track are alike beyond what makes their class. Split row by row, the test "
        "part asks how well these are known again (docs/leaks.md).",
        "act" if any(leak.rows for leak in facts.leaks if leak.code == "group") else "consider",
    )


def undeclared_time(facts: Facts) -> Advice | None:
    """TT023: columns that say when a row came about, and a split at random."""
    return _advice(
        [leak for leak in facts.leaks if leak.code == "time"],
        "TT023",
        "Times in the rows",
        "A split at random trains on rows from before and after each test row; in use there are only those before.",
        "consider",
    )


def _advice(leaks: Sequence[Leak], code: str, title: str, finding: str, level: Level) -> Advice | None:
    if not leaks:
        return None
    last = {leak.advice: leak for leak in leaks}  # so that what mends several is said once, behind them
    said = " ".join(leak.sentence if last[leak.advice] is leak else leak.finding for leak in leaks)
    change = tuple(dict.fromkeys(option for leak in leaks for option in leak.change))
    return Advice(code, title, finding, said, level, change)
