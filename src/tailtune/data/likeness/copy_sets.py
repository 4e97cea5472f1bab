"""Sets of pictures that are the same or nearly so, to be kept in one part when pictures are split at random."""

from __future__ import annotations

import numpy as np

from tailtune.data.likeness.near_pictures import Indices, near_picture
from tailtune.data.likeness.picture_signature import signatures
from tailtune.data.sources import Source

# pictures in a set, or that share of all: more are alike because all of their kind are, or are the frames of a film
MOST, MOST_SHARE = 20, 0.05


def copy_sets(pictures: Source) -> Indices:
    """Return the first of its set for each picture [N]; itself where it is in none.

    Two pictures are of one set where one has the same pixels as the other, or is it moved, mirrored, brightened or
    compressed anew, see `near_picture`; and so are those that others tie together. Sets of more than `MOST` pictures
    and of more than `MOST_SHARE` of all are none.

    Args:
        pictures: pixels of N pictures, in memory or where they lie.
    """
    known, grey = signatures(pictures)
    rows = np.arange(len(known))
    _, first, kind = np.unique(known.exact, return_index=True, return_inverse=True)
    sets = _tied(rows, np.where(known.plain, rows, first[kind]))
    open_ = rows
    while len(open_):  # each round ties a set to one more, if there is one
        near = near_picture(known, known.take(open_), grey[open_], sets=(sets, sets[open_]))
        open_, near = open_[near >= 0], near[near >= 0]
        sets = _tied(np.concatenate([rows, open_]), np.concatenate([sets, near]))
    sizes = np.bincount(sets, minlength=len(rows))
    return np.where(sizes[sets] > max(MOST, MOST_SHARE * len(rows)), rows, sets)


def _tied(one: Indices, other: Indices) -> Indices:
    """Return for each of the numbers from 0 that occur in `one` the least that it is tied to, by others or directly."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = int(one.max(initial=-1)) + 1
    _, found = connected_components(coo_matrix((np.ones(len(one)), (one, other)), (count, count)), directed=False)
    _, first, number = np.unique(found, return_index=True, return_inverse=True)
    return first[number]
