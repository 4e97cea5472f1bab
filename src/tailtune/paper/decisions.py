"""Every training reported under two decisions, argmax and the log class priors off, which share its weights."""

from __future__ import annotations

from collections.abc import Iterable

from tailtune.study.study import Arm

DECISIONS = {"none": "argmax", "prior": "prior off"}


def decided(arm: str, decision: str) -> str:
    """The name of an arm under a decision.

    >>> decided("ERM", "prior")
    'ERM, prior off'
    """
    return f"{arm}, {DECISIONS[decision]}"


def both(arms: Iterable[Arm]) -> list[Arm]:
    """Return every arm under each decision; the two share a training."""
    return [
        Arm(decided(arm.name, decision), {**arm.changes, "decision": decision})
        for arm in arms
        for decision in DECISIONS
    ]
