"""Files of an answer: answer.html, answer.json, answer.csv with the rows, one .csv a table and one .svg a figure."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tailtune.files import write_whole
from tailtune.paper.writing import alone, comma_separated
from tailtune.questions.question import Answer, Row, Subject, short_name
from tailtune.report.rendering import page
from tailtune.version import __version__

PAGE, ROWS, SAID = "answer.html", "answer.csv", "answer.json"


def write_answer(folder: Path, name: str, subject: Subject, rows: Sequence[Row], answer: Answer) -> Path:
    """Write everything that is made of `rows`, and return the path of the page.

    Args:
        folder: of the study.
        name: of the question.
        subject: its module.
        rows: of the finished trainings.
        answer: what they say. No space left is a TailtuneError.
    """
    import polars as pl

    text = io.BytesIO()
    pl.DataFrame([dict(row) for row in rows], infer_schema_length=None, strict=False).write_csv(text)
    write_whole(folder / ROWS, text.getvalue())
    for number, table in enumerate(answer.tables):
        stem = "answer-table" if number == 0 else f"answer-table-{number + 1}"
        write_whole(folder / f"{stem}.csv", comma_separated(table).encode())
    for figure, svg in answer.figures.items():
        write_whole(folder / f"{figure}.svg", alone(svg).encode())
    said = {"question": name, "sentence": answer.sentence, "tables": [asdict(table) for table in answer.tables]}
    write_whole(folder / SAID, json.dumps(said, indent=1, ensure_ascii=False).encode())
    view = {
        "version": __version__,
        "name": name,
        "title": subject.TITLE,
        "asks": subject.ASKS,
        "folder": folder.name,
        "data": short_name(rows[0]["dataset"]) if rows else "",
        "sentence": answer.sentence,
        "figures": list(answer.figures.values()),
        "tables": answer.tables,
        "limits": subject.LIMITS,
        "caption": subject.CAPTION,
    }
    write_whole(folder / PAGE, page("answer_page.html.j2", view).encode())
    return folder / PAGE
