"""Long-tailed pictures whose test part are their training rows: for curves of how well these are fitted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tailtune.data.long_tailed import long_tailed

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading


@long_tailed
def cifar10(reading: Reading) -> Dataset:
    """Return CIFAR-10, scored on the rows that it trains on."""
    return _of("cifar10", reading)


@long_tailed
def cifar100(reading: Reading) -> Dataset:
    """Return CIFAR-100, scored on the rows that it trains on."""
    return _of("cifar100", reading)


@long_tailed
def digits(reading: Reading) -> Dataset:
    """Return the digits, scored on the rows that they train on."""
    return _of("digits", reading)


def _of(name: str, reading: Reading) -> Dataset:
    from tailtune.data.catalog import open_named

    whole = open_named(name, replace(reading, data=name, selection="last"))
    return replace(whole, source=f"training rows of {whole.source}", val=None, test=whole.train)
