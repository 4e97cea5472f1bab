"""Overfitting by class: how many rows of each class are fitted, and by what margin, in training and in the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tailtune.analysis.analysis import Analysis, Figure, Table, Value
from tailtune.words import listed, number, percent, points

if TYPE_CHECKING:
    from tailtune.analysis.subject import Subject
    from tailtune.profile import ClassProfile

READING = (
    "Where a class's training rows are all fitted and its test rows are not, the network has learnt its rows rather "
    "than the class; where training rows are not fitted either, it has not learnt the class."
)


def margins(logits: Tensor, targets: Tensor) -> Tensor:
    """Return by how much the logit of its class [N, K] exceeds the largest other one, of each row [N].

    It is positive where the row is fitted: where the likeliest class is its own.

    >>> margins(torch.tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 4.0]]), torch.tensor([0, 1])).tolist()
    [2.0, -3.0]
    """
    own = targets[:, None]
    others = logits.scatter(1, own, -torch.inf).amax(1)
    return logits.gather(1, own).squeeze(1) - others


def by_class(found: Tensor, targets: Tensor, num_classes: int) -> dict[str, list[Value]]:
    """Return the share of rows of each class whose margins [N] are positive, and their quartiles; None without rows."""
    rows = [found[targets == k].double() for k in range(num_classes)]
    quartiles = [
        each.quantile(each.new_tensor([0.25, 0.5, 0.75])).tolist() if len(each) else [None] * 3 for each in rows
    ]
    return {
        "fitted": [float((each > 0).double().mean()) if len(each) else None for each in rows],
        "margin_lower_quartile": [quartile[0] for quartile in quartiles],
        "margin_median": [quartile[1] for quartile in quartiles],
        "margin_upper_quartile": [quartile[2] for quartile in quartiles],
    }


def overfitting(subject: Subject) -> Analysis:
    """Compare training and test rows class by class; training rows are taken as they are, not augmented.

    The answers are those of the network alone, before any decision that the method makes of its scores.
    """
    profile = subject.profile
    parts = {part: _of_part(subject, part) for part in ("train", "test")}
    order = profile.by_size.tolist()
    names = tuple(profile.names[c] for c in order)

    def series(key: str) -> dict[str, tuple[Value, ...]]:
        return {part: tuple(found[key][c] for c in order) for part, found in parts.items()}

    figures = (
        Figure("Rows that the network gets right", "right", names, series("fitted"), share=True),
        Figure("Median margin of the right class", "logit over the next", names, series("margin_median")),
    )
    gaps = [
        None if train is None or test is None else train - test
        for train, test in zip(parts["train"]["fitted"], parts["test"]["fitted"], strict=True)
    ]
    columns = ("class", "training rows", "fitted", "test rows right", "gap", "median margin, training", "test")
    table = tuple(
        (
            profile.names[c],
            profile.counts[c],
            percent(parts["train"]["fitted"][c]),
            percent(parts["test"]["fitted"][c]),
            "–" if (gap := gaps[c]) is None else points(gap),
            number(parts["train"]["margin_median"][c]),
            number(parts["test"]["margin_median"][c]),
        )
        for c in order
    )
    data: dict[str, Any] = {
        "classes": list(profile.names),
        "minority": [profile.names[c] for c in profile.tail.tolist()],
        "gap": gaps,
        **parts,
    }
    return Analysis(
        "overfitting",
        "Overfitting by class",
        READING,
        _finding(gaps, parts["train"]["fitted"], profile),
        figures,
        (Table("Training and test rows by class", columns, table),),
        data,
    )


def _of_part(subject: Subject, part: str) -> dict[str, list[Value]]:
    found, targets = [], []
    with torch.no_grad():
        for batch, classes in subject.batches(part):
            found.append(margins(subject.network(*batch), classes))
            targets.append(classes)
    return by_class(torch.cat(found), torch.cat(targets), subject.profile.num_classes)


def _finding(gaps: list[Value], fitted: list[Value], profile: ClassProfile) -> str:
    known = {c: gap for c, gap in enumerate(gaps) if gap is not None}
    if not known:
        return "No class has both training and test rows."
    worst = max(known, key=lambda c: known[c])
    told = f"In this run the gap between training and test rows is largest for {profile.names[worst]}"
    told += f" ({points(known[worst])} points, {percent(fitted[worst])} of its training rows fitted)"
    groups = [[c for c in known if (c in profile.tail) == rarest] for rarest in (True, False)]
    if all(groups):
        rare, others = (points(sum(known[c] for c in group) / len(group)) for group in groups)
        named = listed(profile.names[c] for c in profile.tail)
        told += f"; it is {rare} points on average in the rarest classes ({named}) and {others} in the others"
    unlearnt = [profile.names[c] for c in profile.by_size if (share := fitted[c]) is not None and share < 0.5]
    if unlearnt:
        told += f"; not even half of the training rows are fitted in {listed(unlearnt)}"
    return f"{told}."
