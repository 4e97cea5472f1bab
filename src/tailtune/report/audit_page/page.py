"""The page of an audit: each finding with its rows or pictures; one file that opens offline and needs no script."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tailtune.audit.finding import Audit, Finding
from tailtune.data.dataset import Part
from tailtune.files import write_whole
from tailtune.report.rendering import page
from tailtune.run.evidence.thumbnails import pixels_of, side_of, thumbnail
from tailtune.version import __version__
from tailtune.words import shortened

COLUMNS = 6  # of a table that are shown
LONGEST = 24  # characters of a value


def write_audit_page(out: Path, found: Audit, rows: Part) -> None:
    """Write the page.

    Args:
        out: file to write.
        found: the audit.
        rows: all rows, in the order of its positions.

    Raises:
        TailtuneError: no space for the page, or no right to write it.
    """
    write_whole(out, render(found, rows).encode())


def render(found: Audit, rows: Part) -> str:
    """Return the page as HTML; everything that came from data is escaped."""
    pictures = found.kind == "image"
    side = side_of(sum(len(finding.shown) for finding in found.findings))
    columns = [] if pictures or rows.frame is None else rows.frame.columns[:COLUMNS]
    return page(
        "audit_page.html.j2",
        {
            "version": __version__,
            "audit": found,
            "pictures": pictures,
            "columns": columns,
            "findings": [
                {
                    "found": finding,
                    "largest": max(finding.by_class.values(), default=0),
                    "images": _thumbnails(finding, rows, side) if pictures else [],
                    "values": _values(finding, rows, columns),
                }
                for finding in found.findings
            ],
        },
    )


def _thumbnails(finding: Finding, rows: Part, side: int) -> list[str]:
    if not finding.shown:
        return []
    positions = np.array([shown.position for shown in finding.shown])
    return [thumbnail(pixels, side) for pixels in pixels_of(rows, positions)]


def _values(finding: Finding, rows: Part, columns: list[str]) -> list[list[str]]:
    if rows.frame is None:
        return []
    return [
        [shortened(str(rows.frame[column][shown.position]), LONGEST) for column in columns] for shown in finding.shown
    ]
