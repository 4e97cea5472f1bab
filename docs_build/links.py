"""Hook of mkdocs: links to files of the repository, which the site does not hold, become the names of these files."""

from __future__ import annotations

import re
from typing import Any


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Return the text of a page without links that lead out of docs/."""
    out = r"(?:\.\./)" * (page.file.src_uri.count("/") + 1)
    return re.sub(rf"\[`?([^\]`]+)`?\]\({out}[^)]*\)", r"`\1`", markdown)
