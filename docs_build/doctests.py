"""Extension of griffe: examples in docstrings, which stand there as they are typed, are set as code."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLES = re.compile(r"^>>> .*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


class Doctests(griffe.Extension):
    """Puts the lines from ``>>>`` to the next empty one into a fence."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = EXAMPLES.sub(lambda found: f"```pycon\n{found[0]}\n```", obj.docstring.value)
