"""Hook of mkdocs: pages of the paper's studies hold what the commands wrote, which stands in benchmarks/paper."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

RESULTS = Path(__file__).parents[1] / "benchmarks" / "paper"
FIGURES = "paper/figures"  # in the site
ALONE = re.compile(r"^\[[^\]]+\]\(\.\./\.\./benchmarks/paper/(?P<path>[\w/-]+\.md)\)$", flags=re.M)
IMAGE = re.compile(r"!\[(?P<words>[^\]]*)\]\(\.\./\.\./benchmarks/paper/(?P<path>[\w/-]+\.svg)\)")


def on_files(files: Any, *, config: Any) -> Any:
    """Take the figures of the committed results up into the site."""
    for figure in sorted(RESULTS.rglob("*.svg")):
        place = f"{FIGURES}/{figure.relative_to(RESULTS).as_posix()}"
        files.append(File.generated(config, place, abs_src_path=str(figure)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Return a page of docs/paper with the results that a link in a paragraph of its own leads to in its place.

    Figures that the page itself shows, and the title and the claim, which it begins with, are not shown twice.
    """
    if not page.file.src_uri.startswith("paper/"):
        return markdown
    shown = {found["path"] for found in IMAGE.finditer(markdown)}
    whole = ALONE.sub(lambda found: _results(found["path"], shown), markdown)
    return IMAGE.sub(r"[![\g<words>](figures/\g<path>)](figures/\g<path>)", whole)  # a click shows it alone


def _results(path: str, shown: set[str]) -> str:
    folder = Path(path).parent
    text = (RESULTS / path).read_text(encoding="utf-8")
    text = re.sub(r"!\[([^\]]*)\]\(([\w-]+\.svg)\)", lambda found: _figure(found[1], folder / found[2], shown), text)
    title, _, rest = text.partition("\n\n")
    assert title.startswith("# "), path
    return re.sub(r"\AThe paper: “[^”]*”\.\n\n", "", rest).strip()


def _figure(words: str, path: Path, shown: set[str]) -> str:
    return "" if path.as_posix() in shown else f"![{words}](../../benchmarks/paper/{path.as_posix()})"
