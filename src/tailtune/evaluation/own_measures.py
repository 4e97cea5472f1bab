"""A person's own measures: from ``file.py:function`` or ``package.module:function`` to a `Measure`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tailtune.by_name import load, naming
from tailtune.errors import TailtuneError
from tailtune.evaluation.measure import Measure
from tailtune.evaluation.measures import BY_KEY, MEASURES
from tailtune.evaluation.scored import Scored
from tailtune.evaluation.weighted import Statistic
from tailtune.profile import ClassProfile
from tailtune.settings import Run

Indices = NDArray[np.int64]
Given = TypeVar("Given")
Found = TypeVar("Found")

TRIED = 2000
# other entries of result.json's metrics and of the rows of a study, whose columns may be fields of a run
_TAKEN = frozenset(
    (
        *("prevalence", "per_class", "confusion", "reliability", "absent", "rows", "headline", "measures", "intervals"),
        *("dataset", "arm", "vary", "status", "seconds", "steps", "split_hash", "config_hash", "folder"),
        *(field.name for field in fields(Run)),
    )
)
_SETTABLE = frozenset(field.name for field in fields(Measure)) - {"key", "value"}


def own_measures(names: Sequence[str]) -> list[Measure]:
    """Return the measures that `names` name, which stand beside tailtune's.

    A name leads to a `Measure` or to a function ``(targets [N], probabilities [N, K], profile) -> float``. Of a
    function, the name is the key and the first line of the docstring the meaning; whatever else a measure may state, it
    may state as an attribute, such as ``my_cost.higher_is_better = False``.

    Raises:
        TailtuneError: a name that leads to nothing of the kind, or to a key that another measure has.
    """
    found: list[Measure] = []
    for name in names:
        if name in BY_KEY:
            raise TailtuneError(f"{name} is one of tailtune's own measures, which are always there; leave it out")
        measure = _measure(name, load(name, "measure"))
        if measure.key in _TAKEN or any(measure.key == other.key for other in (*MEASURES, *found)):
            raise TailtuneError(f"measure {name!r} is called {measure.key}, as something else is; give it another name")
        found.append(measure)
    return found


def try_out(measures: Sequence[Measure], targets: Indices, profile: ClassProfile) -> None:
    """Compute own measures once, so that one that fails does so before the training and not after it.

    Args:
        measures: what `own_measures` gave.
        targets: classes of the training rows [N], of which about TRIED are taken; everyone's answer is the priors.
        profile: their distribution.

    Raises:
        TailtuneError: one fails.
    """
    some = targets[:: max(1, len(targets) // TRIED)]
    rows = Scored(some, np.tile(profile.priors, (len(some), 1)), profile)
    for measure in measures:
        if measure.applies(profile):
            measure.value(rows)


def _measure(name: str, found: object) -> Measure:
    if isinstance(found, Measure):
        resampled = found.resampled

        def told_resampled(rows: Scored) -> Statistic | None:
            assert resampled is not None
            statistic = _told(name, resampled)(rows)
            return None if statistic is None else _told(name, statistic)

        return replace(
            found,
            value=_number(name, _told(name, found.value)),
            applies=_told(name, found.applies),
            resampled=None if resampled is None else told_resampled,
        )
    if not callable(found) or isinstance(found, type):
        raise TailtuneError(f"measure {name!r} must be a function or a Measure, however: {type(found).__name__}")
    function: Callable[..., Any] = found
    key = name.rpartition(":")[2]
    plain = key.replace("_", " ")
    stated: dict[str, Any] = {"words": plain, "term": plain, "short": plain}
    stated["meaning"] = ((function.__doc__ or "").strip().splitlines() or [""])[0]
    stated |= {field: getattr(function, field) for field in _SETTABLE if hasattr(function, field)}

    def value(rows: Scored) -> Any:
        return function(rows.targets.copy(), rows.probabilities.copy(), rows.profile)  # it may write into its arguments

    return Measure(key=key, value=_number(name, _told(name, value)), **stated)


def _told(name: str, function: Callable[[Given], Found]) -> Callable[[Given], Found]:
    """The same function, with one line about what goes wrong in it."""

    def call(given: Given) -> Found:
        with naming(name, "measure"):
            return function(given)

    return call


def _number(name: str, value: Callable[[Scored], Any]) -> Callable[[Scored], float | None]:
    """The same as a float; None where it is not finite, and so undefined.

    Raises:
        TailtuneError: no number.
    """

    def number(rows: Scored) -> float | None:
        found = value(rows)
        try:
            converted = None if found is None else float(found)
        except (TypeError, ValueError) as error:
            raise TailtuneError(
                f"measure {name!r} must return a number or None, however: {type(found).__name__}"
            ) from error
        return converted if converted is not None and math.isfinite(converted) else None

    return number
