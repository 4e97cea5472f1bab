"""Claims on a correlation over several things: that two figures go together, or that they do not."""

from __future__ import annotations

from collections.abc import Sequence

from tailtune.paper.correlation import Correlation
from tailtune.paper.page import Claim, Effect, Row, Verdict
from tailtune.paper.verdict import UNTOLD

LINKED = 0.5  # an r from which two figures are no longer virtually uncorrelated; ours, the paper names none


def apart(words: str, number: str, found: Correlation | None, rows: Sequence[Row], of: str) -> Claim:
    """Return a claim that two figures hardly go together: held if the interval of r lies below `LINKED`, failed if
    above.

    Args:
        words: the paper's.
        number: the paper's.
        found: the correlation, or None where it has none.
        rows: that it comes from; those of the scale smoke tell nothing.
        of: what it is over, such as networks.
    """
    return _judged(words, number, found, rows, of, f"; held below {LINKED}", -1.0, LINKED)


def together(words: str, number: str, found: Correlation | None, rows: Sequence[Row], of: str) -> Claim:
    """Return a claim that two figures rise together: held if the interval of r lies above 0, failed if below.

    The arguments are those of `apart`.
    """
    return _judged(words, number, found, rows, of, "; held above 0", 1.0, 0.0)


def _judged(
    words: str, number: str, found: Correlation | None, rows: Sequence[Row], of: str, bound: str, sign: float, at: float
) -> Claim:
    if found is None or found.interval is None:
        said = f"too few {of}" if found is None else f"r = {found.r:.2f} of {found.n} {of}"
        return Claim(words, number, said, UNTOLD)
    low, high = sorted(sign * (end - at) for end in found.interval)
    smoke = any(row["scale"] == "smoke" for row in rows)
    verdict: Verdict = UNTOLD if smoke or low <= 0 <= high else "held" if low > 0 else "failed"
    said = f"r = {found.r:.2f} [{found.interval[0]:.2f}, {found.interval[1]:.2f}] over {found.n} {of}{bound}"
    return Claim(words, number, said, verdict, Effect(sign * (found.r - at), (low, high), "correlation"))
