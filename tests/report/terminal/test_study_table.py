from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

from fabricated_studies import EFFECTS, study
from rich.console import Console

from tailtune.evaluation.measure import quantity_of
from tailtune.evaluation.measures.macro_f1 import macro_f1
from tailtune.report.terminal.study_table import own_table, protocol_table, study_lines, study_table
from tailtune.study.results import StudyResult


def printed(result: StudyResult, width: int = 80, table: Any = study_table) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(table(result.statistics))
    return console.export_text().splitlines()


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    effects = {"erm": 0.0, "class_conditional_smoothing(rule=printed)": -0.2, "a": 0.06}
    lines = printed(study(effects, datasets=(("digits", 0.01), ("adult", None))))
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "digits at ratio 0.01" in text
    assert "baseline" in text
    assert re.search(r"▲ \+[\d.]+ \[\+[\d.]+, \+[\d.]+\] +< 0\.001", text)
    assert "▼ −20." in text
    assert "…" not in "\n".join(line[21:] for line in lines)  # no figure is cut


def test_the_terminal_has_a_table_of_the_metric_of_the_protocol() -> None:
    results = study(published="kappa")
    lines = printed(results, table=protocol_table)
    assert max(map(len, lines)) <= 80
    rows = [line.split()[0] for line in lines if " ± " in line and "mean" not in line]
    assert rows[0] == "sama"
    assert sorted(rows) == sorted(EFFECTS)
    assert any(re.search(r"sama +0\.\d{3} ± 0\.\d{3} +▲ \+0\.\d{3} \[\+0\.\d{3}, \+0\.\d{3}\]", line) for line in lines)
    [note] = [line for line in study_lines(results.statistics) if "kappa" in line]
    mean = results.statistics.groups[0].results["sama"]["kappa"].mean
    assert f"quadratic-weighted kappa: sama has the best, {mean:.3f}, +" in note
    assert note.endswith("Who is ahead is judged by balanced accuracy all the same.")


def test_the_table_of_one_seed_has_no_errors_and_no_intervals() -> None:
    text = "\n".join(printed(study(seeds=1)))
    assert "·" in text
    assert "[95 %]" in text
    assert re.search(r"\d ± \d", text) is None


def test_the_lines_name_every_method_once_a_data_set() -> None:
    lines = study_lines(study(datasets=(("digits", 0.01), ("adult", None))).statistics)
    text = "\n".join(lines)
    assert lines[0] == "sama is ahead of erm on both data sets; 1 is behind it on at least one."
    assert text.count("  Ahead of erm: sama +") == 2
    assert text.count("  Cannot be told apart from erm: focal") == 2
    assert text.count("  Behind erm: crt −") == 2
    assert len(study_lines(study().statistics)) == 4
    assert study_lines(study({}).statistics) == ["No training finished, so there is nothing to compare."]


def test_measures_of_ones_own_have_a_table() -> None:
    assert own_table(study()) is None
    own = replace(study(), measures=(quantity_of(macro_f1),))  # as if it were one's own
    lines = printed(own, table=lambda _: own_table(own))
    assert any("measures of your own" in line for line in lines)
    assert next(line.split()[0] for line in lines if " ± " in line and "mean" not in line) == "sama"
