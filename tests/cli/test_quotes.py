"""Class names that bring quotation marks of their own, as files of some programs have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from command_line import Cli

Table = Callable[..., Path]


@pytest.mark.parametrize("marks", ["''", '""', "“”", "«»"])
def test_labels_are_not_quoted_twice(marks: str, table: Table, cli: Cli) -> None:
    path = table(lambda frame: frame.with_columns(label=marks[0] + pl.col("label") + marks[1]))
    got = cli("inspect", path, "--target", "label")
    assert got.code == 0, got.err
    assert f"{marks[0]}rare{marks[1]}" in got.out
    for doubled in (f"'{marks[0]}", f"{marks[1]}'", f"“{marks[0]}"):
        assert doubled not in got.out


def test_a_refusal_does_not_quote_a_label_twice(table: Table, cli: Cli) -> None:
    path = table(lambda frame: frame.with_columns(label=pl.lit('"all"')))
    got = cli("fit", path, "--target", "label", "--out", path.parent / "run")
    assert got.code == 2
    assert """one class only ("all" in all 240 rows)""" in got.err
