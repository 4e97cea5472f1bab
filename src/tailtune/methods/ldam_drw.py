"""LDAM-DRW: larger margins for rarer classes, then deferred re-weighting as well (Cao et al. 2019)."""

from __future__ import annotations

from tailtune.losses.weights import Normalise
from tailtune.methods.combine import combine
from tailtune.methods.drw import SEARCH as SEARCH_DRW
from tailtune.methods.drw import drw
from tailtune.methods.ldam import SEARCH as SEARCH_LDAM
from tailtune.methods.ldam import ldam
from tailtune.methods.method import Method
from tailtune.methods.search import Space
from tailtune.profile import ClassProfile

SEARCH: Space = {**SEARCH_LDAM, **SEARCH_DRW}


def ldam_drw(
    profile: ClassProfile,
    *,
    max_margin: float = 0.5,
    beta: float = 0.9999,
    start: float = 0.8,
    normalise: Normalise = "rows",
) -> Method:
    """Combine `ldam` and `drw`."""
    weighted = drw(profile, beta=beta, start=start, normalise=normalise)
    return combine("ldam_drw", ldam(profile, max_margin=max_margin), weighted)
