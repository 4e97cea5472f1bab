"""The list of checks: each looks at the facts and speaks up, or returns None."""

from __future__ import annotations

from collections.abc import Callable

from tailtune.advice import data_checks, leak_checks, recipe_checks
from tailtune.advice.advice import LEVELS, Advice
from tailtune.advice.facts import Facts

CHECKS: tuple[Callable[[Facts], Advice | None], ...] = (
    recipe_checks.augmentation,
    recipe_checks.asymmetric_sam,
    data_checks.metric,
    data_checks.few_samples,
    data_checks.small_validation,
    data_checks.small_test,
    data_checks.absent,
    data_checks.nearly_balanced,
    recipe_checks.resampling,
    data_checks.other_balance,
    recipe_checks.mirrored,
    recipe_checks.trees,
    recipe_checks.few_steps,
    data_checks.prior_correction,
    data_checks.suspicious_columns,
    data_checks.sentinels,
    leak_checks.shared_rows,
    leak_checks.undeclared_groups,
    leak_checks.undeclared_time,
)


def advise(facts: Facts) -> list[Advice]:
    """Run every check and return what they say, the most pressing first, then by code.

    >>> from tailtune.profile import ClassProfile
    >>> [a.code for a in advise(Facts(ClassProfile((6000, 5500)), "table"))]
    ['TT011', 'TT016']
    """
    said = (check(facts) for check in CHECKS)
    return sorted((a for a in said if a is not None), key=lambda a: (LEVELS.index(a.level), a.code))
