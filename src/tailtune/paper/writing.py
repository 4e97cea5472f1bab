"""Files of a table or figure of the paper: page.md, one .tex and .csv a table, one .svg a figure, claims.json."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tailtune.files import write_whole
from tailtune.paper.page import Claim, Row, Subject, Table
from tailtune.report.study_tex import escaped
from tailtune.words import NONE

PAGE, CLAIMS = "page.md", "claims.json"
# what the figures take from a page that they stand in; alone, they bring it
COLOURS = (
    "<style>:root{--ink:#1b1f24;--muted:#5c6570;--line:#e3e0da;--surface:#ffffff;--series-0:#0072b2;--series-1:#d55e00;"
    "--series-2:#00815c;--series-3:#a8497f;--series-4:#8a6d00}svg{background:#fff;font-family:sans-serif}</style>"
)


def write_subject(folder: Path, name: str, subject: Subject, rows: Sequence[Row]) -> Path:
    """Write everything that is made of `rows`, and return the path of the page.

    Args:
        folder: to write into.
        name: of the subject.
        subject: what makes tables, figures and claims of rows.
        rows: see `tailtune.paper.rows`. No space left is a TailtuneError.
    """
    tables, claims, figures = subject.tables(rows), subject.claims(rows), subject.figures(rows)
    for number, table in enumerate(tables):
        stem = name if number == 0 else f"{name}-{number + 1}"
        write_whole(folder / f"{stem}.tex", latex(table).encode())
        write_whole(folder / f"{stem}.csv", comma_separated(table).encode())
    for figure, svg in figures.items():
        write_whole(folder / f"{figure}.svg", alone(svg).encode())
    of = {"subject": name, "scale": next((row["scale"] for row in rows), None)}
    said = [of | asdict(claim) for claim in claims]
    write_whole(folder / CLAIMS, json.dumps(said, indent=1, ensure_ascii=False).encode())
    write_whole(folder / PAGE, page(subject, tables, claims, list(figures)).encode())
    return folder / PAGE


def alone(svg: str) -> str:
    """Return a figure with the colours and the size that it would otherwise take from the page around it."""
    start = svg.index(">") + 1
    opening = re.sub(r'viewBox="0 0 (\d+) (\d+)"', r'width="\1" height="\2" \g<0>', svg[:start], count=1)
    return opening + COLOURS + svg[start:]


def page(subject: Subject, tables: Sequence[Table], claims: Sequence[Claim], figures: Sequence[str]) -> str:
    """Return the page in Markdown: the claim, the tables, the figures by name, and the verdicts."""
    parts = [f"# {subject.TITLE}", f"The paper: “{subject.CLAIM}”."]
    parts += [f"{markdown(table)}\n\n{table.caption}" for table in tables]
    parts += [f"![{figure}]({figure}.svg)" for figure in figures]
    verdicts = Table(
        "",
        ("claim", "the paper's number", "ours, with 95 % intervals over seeds", "verdict"),
        tuple((claim.words, claim.number, claim.ours, f"**{claim.verdict}**") for claim in claims),
    )
    return "\n\n".join([*parts, markdown(verdicts)]) + "\n"


def markdown(table: Table) -> str:
    r"""Return a table in Markdown, without its caption.

    >>> print(markdown(Table("", ("a", "b"), (("1", "2|3"),))))
    | a | b |
    |---|---|
    | 1 | 2\|3 |
    """
    lines = [table.columns, *table.rows]
    first, *rest = ("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return "\n".join([first, "|" + "---|" * len(table.columns), *rest])


def latex(table: Table) -> str:
    """Return a table in LaTeX with booktabs, its caption below."""
    head, *lines = (" & ".join(map(_in_latex, line)) + r" \\" for line in (table.columns, *table.rows))
    return "\n".join(
        [
            r"\begin{table}",
            rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
            r"\toprule",
            head,
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            rf"\caption{{{_in_latex(table.caption)}}}",
            r"\end{table}",
            "",
        ]
    )


def _in_latex(text: str) -> str:
    return escaped(text).replace("±", "$\\pm$").replace(NONE, "--")


def comma_separated(table: Table) -> str:
    """Return a table as CSV, without its caption."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([table.columns, *table.rows])
    return text.getvalue()
