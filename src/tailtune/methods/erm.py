"""Empirical risk minimisation: plain cross-entropy, the baseline of every comparison."""

from __future__ import annotations

from tailtune.methods.method import Method
from tailtune.profile import ClassProfile


def erm(profile: ClassProfile) -> Method:
    """Train on the mean cross-entropy of the batch; `profile` plays no part."""
    return Method("erm")
