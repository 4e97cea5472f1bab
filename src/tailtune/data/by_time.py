"""Splits in time: the past trains, what comes after it validates, and the latest rows test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tailtune.data.splits import Split
from tailtune.errors import TailtuneError

Indices = NDArray[np.int64]


def by_time(
    times: NDArray[np.float64],
    test_fraction: float,
    val_fraction: float,
    groups: NDArray[np.str_] | None = None,
) -> Split:
    """Split rows so that every test row is later than every validation row, and these later than the training rows.

    The latest share of the rows is the test part, the latest share of the others the validation part. Rows of one time
    stay together: a part begins at the time that brings it nearest to its share. Rows of a group that an earlier part
    holds are in no part, so that neither the future nor a known group is trained on.

    Args:
        times: of each row [N].
        test_fraction: share of all rows for the test part, 0 for none.
        val_fraction: share of the rows before these for the validation part, 0 for none.
        groups: group of each row [N], such as the customer.

    Returns:
        The positions of each part; those of no part are missing.

    Raises:
        TailtuneError: too few different times, or a part that keeps no row because its groups are all known.

    >>> split = by_time(np.array([3.0, 1.0, 2.0, 4.0, 4.0]), test_fraction=0.3, val_fraction=0.3)
    >>> split.train.tolist(), split.val.tolist(), split.test.tolist()
    ([1, 2], [0], [3, 4])
    """
    moments, place, counts = np.unique(times, return_inverse=True, return_counts=True)
    wanted = [fraction for fraction in (test_fraction, val_fraction) if fraction > 0]
    if len(moments) < 1 + len(wanted):
        raise TailtuneError(
            f"the time column has {len(moments)} different {'value' if len(moments) == 1 else 'values'}, and the parts "
            f"need {1 + len(wanted)}; choose another column"
        )
    before = np.concatenate([[0], np.cumsum(counts)])  # rows earlier than each moment, and all of them
    end = len(moments)
    test_from = _begin(before, end, test_fraction, earliest=2 if val_fraction > 0 else 1)
    val_from = _begin(before, test_from, val_fraction, earliest=1)
    part = np.zeros(len(times), dtype=np.int8)
    part[place >= val_from] = 1
    part[place >= test_from] = 2
    if groups is not None:
        for number in (1, 2):
            known = np.isin(groups, groups[(part >= 0) & (part < number)])
            there = part == number
            if there.any() and known[there].all():
                what = ("validation", "test")[number - 1]
                raise TailtuneError(
                    f"all rows of the {what} part are of groups that are trained on before, so none is left; leave out "
                    "--group or --time"
                )
            part[there & known] = -1
    return Split(np.flatnonzero(part == 0), np.flatnonzero(part == 1), np.flatnonzero(part == 2))


def _begin(before: Indices, end: int, fraction: float, earliest: int) -> int:
    """Return the moment, from `earliest` to before `end`, from which the rows are nearest to their share; else `end`.

    Args:
        before: rows earlier than each moment.
        end: the moment at which the part ends.
        fraction: of the rows before `end`.
        earliest: moment before which other parts need theirs.
    """
    if fraction == 0:
        return end
    later = before[end] - before[earliest:end]
    return earliest + int(np.abs(later - fraction * before[end]).argmin())
