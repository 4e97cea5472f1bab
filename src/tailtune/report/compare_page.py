"""report.html of a study that compares methods: one file that opens offline and needs no script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tailtune.files import write_whole
from tailtune.report.compare_view import compare_view
from tailtune.report.wording import whole
from tailtune.study.results import StudyResult
from tailtune.study.statistics import Statistics


def write_compare_page(folder: Path, result: StudyResult) -> Path:
    """Write report.html of a study.

    The file holds its style and figures, asks nothing of the net, forbids scripts, and is the same bytes for the same
    input.

    Args:
        folder: the study's folder.
        result: what it found.

    Returns:
        Path of the report.

    Raises:
        TailtuneError: no space for the report.
    """
    out = folder / "report.html"
    write_whole(out, render_comparison(as_read(result)).encode())
    return out


def as_read(result: StudyResult) -> dict[str, Any]:
    """The result as nested dictionaries, as the page reads it."""
    import msgspec

    content: dict[str, Any] = msgspec.to_builtins(result)
    del content["statistics"]
    comparison = compared_as_read(result.statistics)
    for entry in (*content["curves"], *content["failed"], *content["rows"], *content["searches"]):
        entry["method"] = entry["arm"]
    return content | {"comparison": comparison, "tuning": content["searches"]}


def compared_as_read(statistics: Statistics) -> dict[str, Any]:
    """The statistics as nested dictionaries, as the page reads them."""
    import msgspec

    comparison: dict[str, Any] = msgspec.to_builtins(statistics)
    for group in comparison["groups"]:
        group["methods"] = group.pop("arms")
        group["best"] = {
            key: best and {"method": best["arm"], "level_with": best["level_with"]}
            for key, best in group["best"].items()
        }
    return comparison


def render_comparison(results: Mapping[str, Any]) -> str:
    """Return the report of a comparison as HTML; everything that came from data or from the user is escaped.

    Args:
        results: the content of results.json.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["whole"] = whole
    return environment.get_template("compare.html.j2").render(compare_view(results))
