"""Neural collapse of a finished run, by class: the rows of Table 4, and NC1 to NC4 on training and test rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tailtune.analysis.analysis import Analysis, Figure, Table, Value
from tailtune.collapse.activations import activations
from tailtune.collapse.collapse_measures import mean_cdnv, self_duality, simplex_deviation
from tailtune.collapse.layer_collapse import AGREEMENT, NEAREST, Rows, layer_collapse
from tailtune.profile import ClassProfile
from tailtune.words import listed, number, percent

if TYPE_CHECKING:
    from torch import Tensor

    from tailtune.analysis.subject import Subject

READING = (
    "A class whose CDNV lies nearer to 0 has shrunk further towards one point; where its test rows stay far above its "
    "training rows, the shrinking does not carry over to new rows."
)
KEPT = 2**27  # bytes of features of a part that are kept for the second look at them


def neural_collapse(subject: Subject, layer: str | None = None) -> Analysis:
    """Measure the collapse of each class on training and test rows; centres are means of the training rows.

    Classes are rarest as the papers have it: the last 20 % by size. Table 4 states two figures of their training rows
    beside the accuracy of the network on all test rows.

    Args:
        subject: network and rows.
        layer: as `tailtune.collapse.activations.activations` takes it; None for the penultimate layer.

    Raises:
        TailtuneError: what `activations` refuses, or a layer that tells no classes apart.
    """
    profile, k = subject.profile, subject.profile.num_classes
    kept: dict[str, list[Rows]] = {}

    def twice(part: str) -> Iterator[Rows]:
        """The rows of a part, which pass through the network again only where they are too many to be kept."""
        if part in kept:
            yield from kept.pop(part)
            return
        seen, size = list[Rows](), 0
        for rows in features(part):
            size += rows[0].nbytes + rows[1].nbytes
            seen = [*seen, rows] if size <= KEPT else []
            yield rows
        if size <= KEPT:
            kept[part] = seen

    def features(part: str) -> Iterator[Rows]:
        targets: list[Tensor] = []

        def inputs() -> Iterator[tuple[Tensor, ...]]:
            for batch, classes in subject.batches(part):
                targets.append(classes)
                yield batch

        for found, logits in activations(subject.network, inputs(), layer):
            yield found, logits, targets.pop()

    found = layer_collapse({part: partial(twice, part) for part in ("train", "test")}, k)
    by_class = {part: _row_means(own.pairs) for part, own in found.items()}
    moments = found["train"].moments
    means = moments.means[moments.present]
    weight = getattr(subject.network.head, "weight", None) if layer is None else None
    parts: dict[str, Any] = {
        part: {
            "cdnv": mean_cdnv(own.pairs, profile.tail.tolist()),
            **own.shares(profile),
            "nc1": own.found.nc1,
            "by_class": {
                "rows": own.found.counts.tolist(),
                "cdnv": by_class[part],
                NEAREST: _values(own.found.nearest),
                AGREEMENT: _values(own.found.agreement),
                "nc1": _values(own.found.scatter),
            },
        }
        for part, own in found.items()
    }
    data: dict[str, Any] = {
        "layer": layer or "penultimate",
        "minority": [profile.names[c] for c in profile.tail.tolist()],
        "classes": list(profile.names),
        "nc2": simplex_deviation(means),
        "nc3": None if weight is None or len(means) < k else self_duality(weight.detach(), means),
        "table4": {
            "cdnv": parts["train"]["cdnv"]["minority"],
            "ncc": parts["train"][NEAREST]["minority"],
            "accuracy": found["test"].found.over(found["test"].found.right, range(k)),
        },
        **parts,
    }
    order = profile.by_size.tolist()
    names = tuple(profile.names[c] for c in order)
    figures = (
        Figure(
            "Class-distance normalised variance",
            "CDNV, mean over the other classes",
            names,
            {part: tuple(by_class[part][c] for c in order) for part in parts},
        ),
        Figure(
            "Rows whose nearest class mean is that of their class",
            "nearest class mean right",
            names,
            {part: tuple(_values(own.found.nearest)[c] for c in order) for part, own in found.items()},
            share=True,
        ),
    )
    return Analysis(
        "collapse",
        "Neural collapse",
        READING,
        _finding(by_class, profile),
        figures,
        (_table4(data["table4"]), _table(data)),
        data,
    )


def _row_means(pairs: Tensor) -> list[Value]:
    return _values(pairs.nanmean(1))


def _values(found: Tensor) -> list[Value]:
    return [None if math.isnan(value) else value for value in found.tolist()]


def _finding(by_class: Mapping[str, Sequence[Value]], profile: ClassProfile) -> str:
    rare = profile.tail.tolist()
    gaps = {
        c: test / train
        for c, (train, test) in enumerate(zip(by_class["train"], by_class["test"], strict=True))
        if train and test is not None
    }
    own, others = ([gap for c, gap in gaps.items() if (c in rare) == rarest] for rarest in (True, False))
    if not own or not others:
        return "There are no test rows of the rarest classes, or none of the others, to compare with training rows."
    worst = max(gaps, key=lambda c: gaps[c])
    return (
        f"In this run the CDNV of test rows is {statistics.median(own):.2g} times that of training rows in the rarest "
        f"classes ({listed(profile.names[c] for c in rare)}) and {statistics.median(others):.2g} times in the others "
        f"(medians); the gap is largest for {profile.names[worst]}, {gaps[worst]:.2g} times."
    )


def _table4(found: Mapping[str, Value]) -> Table:
    columns = ("", "CDNV", "nearest class mean right", "accuracy on test rows")
    cells = number(found["cdnv"]), percent(found["ncc"]), percent(found["accuracy"], 2)
    return Table("As in Table 4 of the paper", columns, (("Training rows of the rarest classes", *cells),))


def _table(data: Mapping[str, Any]) -> Table:
    words = {"minority": "rarest classes", "majority": "other classes", "all": "all classes"}
    lines: list[tuple[str, tuple[str, ...], Callable[[float | None], str]]] = [
        *((f"CDNV, pairs within the {words[group]}", ("cdnv", group), number) for group in ("minority", "majority")),
        ("CDNV, one of the rarest classes with one of the others", ("cdnv", "mixed"), number),
        ("CDNV, all pairs", ("cdnv", "all"), number),
        *((f"Nearest class mean right, {words[group]}", (NEAREST, group), percent) for group in words),
        *(
            (f"Nearest class mean agrees with the network, {words[group]}", (AGREEMENT, group), percent)
            for group in words
        ),
        ("NC1, scatter within classes over scatter between", ("nc1",), number),
    ]
    rows = [(title, *(shown(_at(data[part], keys)) for part in ("train", "test"))) for title, keys, shown in lines]
    rows.append(("NC2, distance of the class means from a regular simplex", number(data["nc2"]["deviation"]), "–"))
    if data["nc3"] is not None:
        rows.append(("NC3, distance of the head's weights from the class means", number(data["nc3"]), "–"))
    return Table("Collapse of the layer", ("", "training rows", "test rows"), tuple(rows))


def _at(tree: Any, keys: Sequence[str]) -> float | None:
    return _at(tree[keys[0]], keys[1:]) if keys else tree
