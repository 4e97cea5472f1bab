"""Which classes a part of the data lacks: what to say about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.data.target import singleton_warning
from tailtune.words import quoted


def absent_classes(
    names: Sequence[str], parts: Mapping[str, NDArray[Any]], what: Literal["rows", "images"]
) -> list[str]:
    """Return one sentence for the classes of one sample altogether, and one for each part that lacks other classes.

    Args:
        names: of the classes [K].
        parts: class index of each row of the parts, by what they are called: training, validation, test.
        what: how the rows are called.
    """
    counts = {part: np.bincount(targets, minlength=len(names)) for part, targets in parts.items()}
    single = (counts["training"] == 1) & (sum(counts.values()) == 1)
    said = list(singleton_warning([names[k] for k in np.flatnonzero(single).tolist()]))
    for part, count in counts.items():
        lacking = [quoted(names[k]) for k in np.flatnonzero((count == 0) & ~single).tolist()]
        if lacking:
            listed = ", ".join(lacking[:10]) + (f" and {len(lacking) - 10} more" if len(lacking) > 10 else "")
            subject = f"Class {listed} has" if len(lacking) == 1 else f"Classes {listed} have"
            said.append(f"{subject} no {part} {what}, so the {part} figures do not cover them.")
    return said
