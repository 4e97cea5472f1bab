"""Which pictures are another one moved, mirrored, brightened or compressed anew: looked up, then made sure of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tailtune.data.likeness.picture_signature import HASH_BITS, VIEWS, Signatures, Words, agreement, bits, differing
from tailtune.data.likeness.row_hashes import positions

if TYPE_CHECKING:
    import torch

TABLES = 16  # in each of which pictures are found that agree in some of the 64 bits, drawn anew for each
FEWEST_KEY_BITS, MOST_KEY_BITS = 12, 24
MOST_OF_A_KEY = 32  # pictures that are compared of those that agree
HASH_DIFFERING = 22  # of the 64 bits at most
LEAST_AGREEMENT, MOST_AGREEMENT = (
    0.6,
    0.95,
)  # of the bits that count: the share that agrees less the share that does not
SPREADS = 5  # above what unrelated pictures of the same data have
NULL_PAIRS = 20_000

Indices = NDArray[np.int64]


def same_picture(known: Signatures, asked: Signatures) -> Indices:
    """Return of each picture asked for [M] one of the known ones that has the same pixels, or -1; plain ones have none.

    Args:
        known: signatures of N pictures.
        asked: signatures of M pictures.
    """
    return np.where(asked.plain, -1, positions(known.exact, asked.exact))


def near_picture(
    known: Signatures, asked: Signatures, grey: torch.Tensor, sets: tuple[Indices, Indices] | None = None
) -> Indices:
    """Return of each picture asked for [M] one of the known ones that is nearly the same, or -1.

    Pictures are looked up by parts of their 64 bits, so that the time goes with the number of pictures and not with
    that of pairs, and what is found is compared by the 384 bits: at least 80 % of those that count agree, and so many
    more than of unrelated pictures of the same data that it is no chance.

    Args:
        known: signatures of N pictures.
        asked: signatures of M pictures, by the same centre.
        grey: their grey values [M, 18, 18].
        sets: of the known pictures [N] and of those asked for [M]; pictures of one set are not compared. None where all
            are.
    """
    found = np.full(len(asked), -1, dtype=np.int64)
    of_known, of_asked = sets or (np.zeros(len(known), dtype=np.int64), found.copy())
    border = least_agreement(known)
    if known.centre is None or asked.centre is None or border is None:
        return found
    rest, there = np.flatnonzero(~asked.plain), np.flatnonzero(~known.plain)
    views = [bits(grey[rest], view, known.centre) for view in VIEWS]
    width = int(np.clip(np.ceil(np.log2(max(1, len(there)))), FEWEST_KEY_BITS, MOST_KEY_BITS))
    rng = np.random.default_rng(0)
    for _ in range(TABLES):
        drawn = rng.permutation(HASH_BITS)[:width]
        keys = _keys(known.hash[there], drawn)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        for looked_up, detail in views:
            open_ = np.flatnonzero(found[rest] < 0)
            queries = looked_up[open_], detail[open_], of_asked[rest[open_]]
            hits = _first_alike(known, of_known, there[order], keys, *queries, drawn, border)
            found[rest[open_]] = hits
    return found


def least_agreement(known: Signatures) -> float | None:
    """Return the agreement from which on two pictures are nearly the same.

    Unrelated pictures of data in which all are much alike, such as drawings of digits, agree by more than chance, so
    that the border is set above them.

    Returns:
        A value of `agreement`; None where unrelated pictures agree too well for anything to be told.
    """
    rows = np.flatnonzero(~known.plain)
    if len(rows) < 2 or known.centre is None:
        return None
    rng = np.random.default_rng(0)
    first, second = rows[rng.integers(0, len(rows), (2, NULL_PAIRS))]
    apart = first != second
    by_chance = agreement(known.detail[first[apart]], known.detail[second[apart]])
    low, middle = np.quantile(
        by_chance, [0.16, 0.5]
    )  # the lower half: the upper one may hold pictures that belong together
    border = max(LEAST_AGREEMENT, float(middle + SPREADS * (middle - low)))
    return border if border <= MOST_AGREEMENT else None


def _keys(hashes: Words, drawn: Indices) -> NDArray[np.int64]:
    """The drawn bits of each hash [N] as a number."""
    every = np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8).reshape(-1, 8), axis=1)
    packed = np.packbits(every[:, drawn], axis=1)
    places = 256 ** np.arange(packed.shape[1], dtype=np.int64)
    found: NDArray[np.int64] = packed.astype(np.int64) @ places
    return found


def _first_alike(
    known: Signatures,
    of_known: Indices,
    rows: Indices,
    keys: NDArray[np.int64],
    looked_up: Words,
    detail: Words,
    of_asked: Indices,
    drawn: Indices,
    border: float,
) -> Indices:
    """Return of each picture asked for the first of the known ones of its key that is alike, or -1.

    Args:
        known: all known pictures.
        of_known: their sets.
        rows: which of them can be found, by ascending keys [N].
        keys: theirs [N].
        looked_up: 64 bits of the pictures asked for [M].
        detail: their bits to make sure [M, 12].
        of_asked: their sets [M]; pictures of one set are not compared.
        drawn: which bits make the key.
        border: agreement from which on two are alike.
    """
    asked = _keys(looked_up, drawn)
    start, end = np.searchsorted(keys, asked), np.searchsorted(keys, asked, side="right")
    found = np.full(len(asked), -1, dtype=np.int64)
    for step in range(MOST_OF_A_KEY):
        some = np.flatnonzero((start + step < end) & (found < 0))
        if not len(some):
            break
        row = rows[start[some] + step]
        close = differing(known.hash[row, None], looked_up[some, None]) <= HASH_DIFFERING
        close &= of_known[row] != of_asked[some]
        some, row = some[close], row[close]
        sure = agreement(known.detail[row], detail[some]) >= border
        found[some[sure]] = row[sure]
    return found
