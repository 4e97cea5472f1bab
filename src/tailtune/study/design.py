"""From what a user writes after `tailtune study` to a `Study`."""

from __future__ import annotations

from tailtune.by_name import load, naming
from tailtune.errors import TailtuneError
from tailtune.study.study import Study


def load_study(text: str) -> Study:
    """Return what the function that `text` names makes.

    Raises:
        TailtuneError: no such file, module or function, one that fails, or one that returns no study.
    """
    design = load(text, "study")
    if isinstance(design, Study):
        return design
    if not callable(design):
        raise TailtuneError(f"{text} must be a function that returns a Study, however: {type(design).__name__}")
    with naming(text, "study"):
        made = design()
    if not isinstance(made, Study):
        raise TailtuneError(f"{text} must return a tailtune.study.Study, however: {type(made).__name__}")
    return made
