"""report.html of a study that compares methods: one file that opens offline and needs no script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tailtune.errors import TailtuneError
from tailtune.files import write_whole
from tailtune.report.compare_view import compare_view
from tailtune.report.wording import whole


def write_compare_page(folder: Path) -> Path:
    """Write report.html of a comparison from its results.json.

    The file holds its style and figures, asks nothing of the net, forbids scripts, and is the same bytes for the same
    input.

    Args:
        folder: the study's folder.

    Returns:
        Path of the report.

    Raises:
        TailtuneError: results.json is missing, cannot be read or lacks an entry, or no space for the report.
    """
    path = Path(folder) / "results.json"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TailtuneError(f"{path} does not exist; {path.parent} is not the folder of a comparison") from error
    except (OSError, ValueError) as error:
        raise TailtuneError(f"{path} cannot be read ({error}); run tailtune compare again to write it") from error
    needed = ("tailtune", "command", "finished", "versions", "machine", "asked", "rows", "comparison")
    absent = [key for key in needed if key not in results]
    if absent:
        raise TailtuneError(f"{path} lacks {', '.join(absent)}; run tailtune compare again to write it")
    out = Path(folder) / "report.html"
    write_whole(out, render_comparison(results).encode())
    return out


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
