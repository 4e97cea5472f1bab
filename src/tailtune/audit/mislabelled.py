"""Rows that are likely mislabelled, found by cleanlab's confident learning from out-of-fold probabilities."""

from __future__ import annotations

from collections import Counter
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from tailtune.audit.finding import SHOWN, Finding, Shown
from tailtune.audit.fold_scores import FoldScores
from tailtune.errors import TailtuneError
from tailtune.words import counted, percent, quoted, short_percent

MISSING = "needs cleanlab, which is not installed: pip install cleanlab"


def mislabelled(
    scores: FoldScores, targets: NDArray[np.int64], ids: NDArray[np.str_], names: tuple[str, ...]
) -> Finding | None:
    """Return the rows whose label is likely wrong, the surest first; None without any.

    Args:
        scores: of rows by models that had not seen them.
        targets: class indices of all rows [N].
        ids: their identities [N].
        names: of the classes [K].

    Raises:
        TailtuneError: cleanlab is not installed.

    Source: Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels".
    """
    try:
        find = import_module("cleanlab.filter").find_label_issues
    except ModuleNotFoundError as error:
        raise TailtuneError(f"looking for mislabelled rows {MISSING}") from error
    labels = targets[scores.rows]
    present, own = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        return None
    likely = scores.probabilities[:, present]
    mass = likely.sum(axis=1, keepdims=True)
    likely = np.divide(likely, mass, out=np.full_like(likely, 1 / len(present)), where=mass > 0)
    found = np.asarray(find(own, likely, return_indices_ranked_by="self_confidence", n_jobs=1), dtype=np.int64)
    if not len(found):
        return None
    other = likely[found].argmax(axis=1)
    pairs = Counter((int(own[row]), int(instead)) for row, instead in zip(found, other, strict=True))
    (given, instead), most = pairs.most_common(1)[0]
    first = f"{quoted(names[present[given]])} that look like {quoted(names[present[instead]])}"
    amount = counted(len(found), "row is", "rows are")
    return Finding(
        "mislabelled",
        "Likely mislabelled",
        f"{amount} likely mislabelled, of {len(targets):,} ({short_percent(len(found) / len(targets))}); most are of "
        f"{first} ({most:,}). Look at them before anything else is tried: a wrong label in a rare class weighs most.",
        _by_class(labels[found], names),
        tuple(
            Shown(
                int(scores.rows[row]),
                str(ids[scores.rows[row]]),
                names[labels[row]],
                f"looks like {names[present[likely[row].argmax()]]} ({percent(float(likely[row].max()), 0)}; its own "
                f"class {percent(float(likely[row, own[row]]), 0)})",
            )
            for row in found[:SHOWN]
        ),
    )


def _by_class(labels: NDArray[np.int64], names: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(names))
    return {names[k]: int(counts[k]) for k in np.argsort(-counts, kind="stable") if counts[k]}
