"""Decision regions of a network of tables over two columns, with all others at typical values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.analysis.analysis import Analysis, Regions, Table
from tailtune.analysis.column_axes import Axis, as_read, axis_of, cells, has_axis, typical_value
from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.errors import TailtuneError, nearest
from tailtune.words import NONE, listed, percent, quoted, shortened

if TYPE_CHECKING:
    import polars as pl

    from tailtune.analysis.subject import Subject
    from tailtune.data.schema import Column

READING = (
    "What the network answers as two columns change while every other column stays at a typical value: the median of "
    "its training values, or the most frequent one. Marks are training rows of the rarest classes; their other columns "
    "differ, so that a mark may stand where its row is answered otherwise."
)
TITLE = "Decision regions"
POINTS, COLOURS = 40, 4


def feature_regions(
    subject: Subject, features: Sequence[str] = (), beside: Subject | None = None, seed: int = 0
) -> Analysis:
    """Draw what the network answers over two columns.

    Args:
        subject: network and rows of a table.
        features: names of the two columns; those with the largest influence that the run has found by default.
        beside: another run, whose answers on the same rows are compared.
        seed: of the rows that are marked.

    Raises:
        TailtuneError: `features` are not two different columns that the network is given and that can be drawn, or the
            other run has other columns or classes.
    """
    rows, preprocessor = subject.parts["train"].frame, subject.preprocessor
    if beside is not None:
        _check_comparable(subject, beside)
    if rows is None or not isinstance(preprocessor, TablePreprocessor):
        return Analysis("regions", TITLE, READING, "The rows of this run have no columns by name, so none are drawn.")
    columns = preprocessor.columns
    chosen = _checked(features, columns) if features else _influential(subject, columns)
    if len(chosen) < 2:
        told = "The run has not found two columns with influence that can be drawn; name two with --features."
        return Analysis("regions", TITLE, READING, told)
    frame = as_read(rows, columns)
    across, up = (axis_of(column, frame) for column in chosen)
    typical = {column.name: typical_value(frame[column.name]) for column in columns}
    grid, shape = cells(across, up, typical, frame), (len(up.values), len(across.values))
    scores = [_scores(each, grid).reshape(*shape, -1) for each in (subject, beside) if each is not None]
    answers = [each.argmax(-1) for each in scores]
    profile = subject.profile
    areas = [np.bincount(each.ravel(), minlength=profile.num_classes) / each.size for each in answers]
    rarest = profile.tail.tolist()
    frequent = [c for c in np.argsort(-areas[0], kind="stable").tolist() if c not in rarest]
    coloured = (rarest[:2] + frequent)[:COLOURS]
    points = _marks(subject, (across, up), frame, coloured, seed)
    names = [each.run.folder.name if beside is not None else "" for each in (subject, beside) if each is not None]
    figures = tuple(
        _drawn(profile.names, (across, up), each, coloured, points, name)
        for each, name in zip(answers, names, strict=True)
    )
    data: dict[str, Any] = {
        "classes": list(profile.names),
        "minority": [profile.names[c] for c in rarest],
        "features": [across.name, up.name],
        "areas": dict(zip(profile.names, areas[0].tolist(), strict=True)),
        "largest_rare_probability": float(scores[0][..., rarest].sum(-1).max()),
        "typical": {n: _word(value) for n, value in typical.items() if n not in (across.name, up.name)},
    }
    if beside is not None:
        from tailtune.analysis.planes import agreement

        data["beside"] = {
            "folder": beside.run.folder.name,
            "areas": dict(zip(profile.names, areas[1].tolist(), strict=True)),
            "agreement": agreement(*answers),
        }
    return Analysis("regions", TITLE, READING, _finding(data), figures, _tables(subject, data), data)


def _checked(features: Sequence[str], columns: tuple[Column, ...]) -> list[Column]:
    known = {column.name: column for column in columns}
    for name in features:
        if name not in known:
            raise TailtuneError(
                f"--features {name}: the network is given no such column.{nearest(name, list(known))} It takes "
                f"{listed(known, most=8)}"
            )
        if not has_axis(known[name]):
            raise TailtuneError(
                f"--features {name}: a column of {known[name].kind} values has no axis; take numbers or categories"
            )
    if len(set(features)) != 2 or len(features) != 2:
        raise TailtuneError(f"--features takes two different columns, however: {' '.join(features)}")
    return [known[name] for name in features]


def _influential(subject: Subject, columns: tuple[Column, ...]) -> list[Column]:
    """The first column that can be drawn of each of the two most influential groups."""
    evidence = subject.run.evidence
    if evidence is None or evidence.influences is None:
        return []
    known = {column.name: column for column in columns if has_axis(column)}
    groups = [[known[name] for name in group.columns if name in known] for group in evidence.influences.listed]
    return [group[0] for group in groups if group][:2]


def _check_comparable(subject: Subject, beside: Subject) -> None:
    ours, theirs = (each.preprocessor for each in (subject, beside))
    columns = [
        {column.name for column in each.columns} if isinstance(each, TablePreprocessor) else None
        for each in (ours, theirs)
    ]
    if columns[0] != columns[1] or subject.profile.names != beside.profile.names:
        raise TailtuneError(
            f"{beside.run.folder} is given other columns or has other classes than {subject.run.folder}, so that "
            "regions cannot be compared; name a run on the same table"
        )


def _scores(subject: Subject, grid: pl.DataFrame) -> np.ndarray:
    """Probabilities of the classes [N, K] of rows as they are read."""
    import torch

    from tailtune.training.probabilities import evaluating

    assert isinstance(subject.preprocessor, TablePreprocessor)
    inputs = tuple(x.to(subject.device) for x in subject.preprocessor.encode(grid))
    with evaluating(subject.network):
        return np.asarray(torch.softmax(subject.network(*inputs).double(), 1).cpu().numpy())


def _drawn(
    names: Sequence[str],
    axes: tuple[Axis, Axis],
    answers: np.ndarray,
    coloured: Sequence[int],
    points: tuple[tuple[float, float, int], ...],
    run: str,
) -> Regions:
    """The regions of the classes that have a colour."""
    across, up = axes
    coded = np.full(answers.shape, -1)
    for i, c in enumerate(coloured):
        coded[answers == c] = i
    title = f"Answers over {quoted(across.name)} and {quoted(up.name)}"
    return Regions(
        f"{title}, {run}" if run else title,
        shortened(across.name),
        shortened(up.name),
        across.places,
        up.places,
        tuple(tuple(row) for row in coded.tolist()),
        tuple(names[c] for c in coloured),
        points,
        across.labels,
        up.labels,
    )


def _marks(
    subject: Subject, axes: tuple[Axis, Axis], rows: pl.DataFrame, coloured: Sequence[int], seed: int
) -> tuple[tuple[float, float, int], ...]:
    """Places of some training rows of the rarest classes that have a colour."""
    targets = subject.parts["train"].targets.numpy()
    classes = [c for c in subject.profile.tail.tolist() if c in coloured]
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(np.isin(targets, classes)))[:POINTS]
    found = []
    for row in np.sort(drawn).tolist():
        x, y = (axis.place(rows[axis.name][row]) for axis in axes)
        if x is not None and y is not None:
            found.append((x, y, coloured.index(int(targets[row]))))
    return tuple(found)


def _word(value: Any) -> str:
    if value is None:
        return NONE
    return f"{value:.6g}" if isinstance(value, float) else shortened(str(value))


def _finding(data: Mapping[str, Any]) -> str:
    def rare(areas: Mapping[str, float]) -> str:
        return percent(sum(areas[name] for name in data["minority"]))

    across, up = data["features"]
    told = (
        f"Over {quoted(across)} and {quoted(up)} the network of this run answers with the rarest classes "
        f"({listed(data['minority'])}) in {rare(data['areas'])} of the area; their probability is at most "
        f"{percent(data['largest_rare_probability'])} there"
    )
    if "beside" in data:
        other = data["beside"]
        told += f"; in {other['folder']} it is {rare(other['areas'])} of the area, and the two answer alike on "
        told += f"{percent(other['agreement'])} of it"
    return f"{told}."


def _tables(subject: Subject, data: Mapping[str, Any]) -> tuple[Table, ...]:
    profile = subject.profile
    shares = [data["areas"], *([data["beside"]["areas"]] if "beside" in data else [])]
    columns = ["share of the area"]
    if "beside" in data:
        columns = [f"share of the area, {name}" for name in (subject.run.folder.name, data["beside"]["folder"])]
    areas = Table(
        "Share of the area by class",
        ("class", "training rows", *columns),
        tuple(
            (profile.names[c], profile.counts[c], *(percent(each[profile.names[c]]) for each in shares))
            for c in profile.by_size.tolist()
        ),
    )
    typical = tuple(data["typical"].items())
    return (areas, Table("Where the other columns stay", ("column", "value"), typical)) if typical else (areas,)
