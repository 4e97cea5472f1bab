"""What classes are called in reports, and which of two is the one to find, as a person says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tailtune.data.dataset import Dataset
from tailtune.data.table_dataset import require_column
from tailtune.data.table_preprocessor import row_numbers
from tailtune.data.tables import read_table
from tailtune.data.target import label_texts
from tailtune.errors import TailtuneError, nearest
from tailtune.settings import HowToRead
from tailtune.words import listed, quoted

LABEL, NAME = "label", "name"


def as_asked(dataset: Dataset, reading: HowToRead) -> Dataset:
    """Return the data set with the class names and the class to find that `reading` asks for.

    Raises:
        TailtuneError: a file of names that does not fit the classes, or a class to find that there is not.
    """
    if reading.class_names is not None:
        shown = read_class_names(reading.class_names, dataset.names)
        dataset = replace(dataset, names=shown, labels=dataset.names)
    if reading.positive is not None:
        positive = _positive(reading.positive, dataset)
        dataset = replace(dataset, positive=positive, warnings=(*dataset.warnings, *_said(dataset, positive)))
    return dataset


def read_class_names(path: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the name of each class [K] by a CSV file with the columns ``label`` and ``name``.

    Args:
        path: the file.
        labels: what the data call the classes [K].

    Raises:
        TailtuneError: a file that cannot be read, a label that there is not, one that is missing or stands there twice,
            or a name that is empty or of two classes.
    """
    frame = read_table(path)
    for column in (LABEL, NAME):
        require_column(column, frame.columns, path)
    rows, found = row_numbers(frame.height), label_texts(frame[LABEL]).to_list()
    shown = [None if name is None else str(name).strip() for name in frame[NAME].to_list()]
    for row, label, name in zip(rows, found, shown, strict=True):
        if label is None or not name:
            raise TailtuneError(f"{path} has no {NAME if label else LABEL} in row {row}; fill it in")
        if label not in labels:
            hint = nearest(label, labels) or f" There are {listed(map(quoted, labels))}."
            raise TailtuneError(
                f"{path} names the class {quoted(label)} in row {row}, which the data do not have.{hint}"
            )
    for what, values in ((LABEL, found), (NAME, shown)):
        twice = next((value for value, times in Counter(values).items() if times > 1), None)
        if twice is not None:
            raise TailtuneError(f"{path} has the {what} {quoted(str(twice))} twice; each class needs one of its own")
    lacking = [label for label in labels if label not in found]
    if lacking:
        raise TailtuneError(
            f"{path} names no class {quoted(lacking[0])} ({len(lacking)} of {len(labels)} are missing); add a row for "
            "each"
        )
    names = dict(zip(found, shown, strict=True))
    return tuple(str(names[label]) for label in labels)


def _positive(label: str, dataset: Dataset) -> int:
    names = dataset.names
    if len(names) != 2:
        raise TailtuneError(
            f"--positive {label} says which of two classes is the one to find, and {dataset.source} has {len(names)}; "
            "leave it out"
        )
    for known in (names, dataset.labels or ()):
        if label in known:
            return known.index(label)
    raise TailtuneError(
        f"--positive {label}: there is no such class.{nearest(label, names)} There are {listed(names)}."
    )


def _said(dataset: Dataset, positive: int) -> list[str]:
    """Say what figures mean where the class to find is not the rarer one."""
    if int(dataset.profile.tail[-1]) == positive:
        return []
    return [
        f"The class to find is {quoted(dataset.names[positive])} (--positive), although it is the more frequent one: "
        "what is said of the rarer class, of rare cases and of the tail is said of it."
    ]
