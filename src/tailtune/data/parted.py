"""`parted`: which rows train, validate and test, by what is known of them: classes, groups, times and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tailtune.data.by_time import by_time
from tailtune.data.dataset import LeftOut, Part
from tailtune.data.known import Known, KnownBy
from tailtune.data.splits import Split, stratified
from tailtune.errors import TailtuneError
from tailtune.words import counted, quoted

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Parted:
    """Parts of rows.

    Attributes:
        rows: the positions of each part.
        scale: by which weights are multiplied, so that they are 1 on average in training.
        left_out: rows that are in no part.
        warnings: what a user should hear, a sentence each.
    """

    rows: Split
    scale: float
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]


def parted(
    targets: Indices,
    names: Sequence[str],
    known: Known,
    test_fraction: float,
    val_fraction: float,
    *,
    seed: int,
    what: str = "rows",
) -> Parted:
    """Split rows by time where times are known, else at random with the classes and groups in mind.

    Args:
        targets: class indices [N].
        names: of the classes [K].
        known: what is known of the rows.
        test_fraction: share of all rows for the test part, 0 for none.
        val_fraction: share of the rows that are not test for the validation part, 0 for none.
        seed: of what is random.
        what: the rows are called in sentences.

    Raises:
        TailtuneError: too few times, a class without training rows, or training rows that weigh nothing.
    """
    left_out: list[LeftOut] = []
    said: list[str] = []
    if known.times is not None and (test_fraction or val_fraction):
        rows = by_time(known.times, test_fraction, val_fraction, known.groups)
        _refuse_future_classes(targets, names, known, rows, what)
        said.append(_told(known, rows, what))
        if known.groups is not None and (out := _of_known_groups(known.groups, rows, what)):
            left_out.append(LeftOut(out, "later than the part in which their group is already"))
            plain = by_time(known.times, test_fraction, val_fraction)
            part = "test" if test_fraction else "validation"
            kept, whole = (len(getattr(each, part.removesuffix("idation"))) for each in (rows, plain))
            said.append(
                f"{out} are left out, because they are later than the part in which their group is already: {kept} of "
                f"{whole} {part} {what} stay. Without a group all would."
            )
    else:
        rows = stratified(targets, test_fraction, val_fraction, groups=known.groups, seed=seed)
    return Parted(rows, _scale(targets, names, known, rows, what), tuple(left_out), tuple(said))


def _refuse_future_classes(targets: Indices, names: Sequence[str], known: Known, rows: Split, what: str) -> None:
    counts = np.bincount(targets[rows.train], minlength=len(names))
    late = np.flatnonzero((counts == 0) & (np.bincount(targets, minlength=len(names)) > 0))
    if len(late):
        last = _spelled(known, rows.train, last=True)
        raise TailtuneError(
            f"class {quoted(names[int(late[0])])} occurs only after {last}, where the training {what} end, so nothing "
            "can be learnt of it; leave its rows out, or take a smaller --test-fraction or --val-fraction"
        )


def _spelled(known: Known, rows: Indices, *, last: bool) -> str:
    assert known.times is not None
    assert known.spelled is not None
    times = known.times[rows]
    return str(known.spelled[rows[times.argmax() if last else times.argmin()]])


def _told(known: Known, rows: Split, what: str) -> str:
    sentence = f"Split by time: trained on {what} up to {_spelled(known, rows.train, last=True)}"
    for part, doing in ((rows.val, "validated"), (rows.test, "tested")):
        if len(part):
            sentence += f", {doing} from {_spelled(known, part, last=False)} on"
    return f"{sentence}."


def _of_known_groups(named: NDArray[np.str_], rows: Split, what: str) -> str:
    """Return how many rows are in no part, and of how many groups; nothing where there are none."""
    out = np.setdiff1d(np.arange(len(named)), np.concatenate([rows.train, rows.val, rows.test]))
    if not len(out):
        return ""
    groups = counted(len(np.unique(named[out])), "group", "groups")
    return f"{counted(len(out), what.removesuffix('s'), what)} of {groups}"


def _scale(targets: Indices, names: Sequence[str], known: Known, rows: Split, what: str) -> float:
    if known.weights is None:
        return 1.0
    weights, classes = known.weights[rows.train], targets[rows.train]
    sums = np.bincount(classes, weights=weights, minlength=len(names))
    empty = np.flatnonzero((sums == 0) & (np.bincount(classes, minlength=len(names)) > 0))
    if len(empty):
        raise TailtuneError(
            f"all training {what} of class {quoted(names[int(empty[0])])} have the weight 0, so nothing can be learnt "
            "of it; give some of them more"
        )
    return float(1 / weights.mean())


def with_known(part: Part, known: Known, scale: float) -> Part:
    """Return the part with what is known of its rows, the weights multiplied by `scale`."""
    import torch

    weights = None if known.weights is None else torch.from_numpy((known.weights * scale).astype(np.float32))
    return replace(part, groups=known.groups, times=known.times, weights=weights, frame=known.frame)


def shared_groups(train: Part, other: Part | None) -> int:
    """Return how many groups two parts share; 0 where there are no groups."""
    if other is None or train.groups is None or other.groups is None:
        return 0
    return len(np.intersect1d(train.groups, other.groups))


def what_groups_do(by: KnownBy, train: Part, test: Part, what: str) -> list[str]:
    """Return a sentence on what groups change in what follows; none where there are no groups."""
    if train.groups is None or test.groups is None:
        return []
    named = "of a group" if by.group is None else f"with one value of {by.group!r}"
    return [
        f"{what.capitalize()} {named} stay in one part, and intervals are of whole groups: "
        f"{counted(len(np.unique(train.groups)), 'group', 'groups')} train, {len(np.unique(test.groups))} test."
    ]


def what_weights_do(by: KnownBy, what: str) -> list[str]:
    """Return a sentence on what weights change in what follows; none where there are no weights."""
    if by.weight is None:
        return []
    return [
        f"{what.capitalize()} count by {by.weight!r} in the loss, the measures and the baselines; numbers of "
        f"{what}, confusions and alarms count each once, and so do measures of your own."
    ]
