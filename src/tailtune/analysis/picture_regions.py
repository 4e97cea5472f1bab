"""Decision regions of a network of pictures, on planes through three training rows of which one is of a rare class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.analysis.analysis import Analysis, Regions, Table
from tailtune.errors import TailtuneError
from tailtune.words import listed, number, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tailtune.analysis.planes import Answers, Floats, Plane
    from tailtune.analysis.subject import Subject

READING = (
    "Each panel is the plane through three training rows, of which the first is of a rare class; the share of it that "
    "is answered with a row's class is the room that the class has around and between these rows. A class that is "
    "learnt by heart has a small island around its row. Most of a plane holds no real picture."
)
TRIPLETS, SIDE = 30, 24  # that areas are averaged over, and cells on each side
SHOWN, FINE = 3, 64  # that are drawn


def picture_regions(subject: Subject, beside: Subject | None = None, seed: int = 0) -> Analysis:
    """Measure areas over planes through a training row of a rare class and two of other classes, and draw a few.

    Planes lie in the space of pixels from 0 to 1, so that networks with different normalisation share them.

    Args:
        subject: network and rows.
        beside: another run whose answers on the same planes are compared.
        seed: of the rows.

    Raises:
        TailtuneError: the other run takes pictures of another shape, or has other classes.
    """
    from tailtune.analysis.planes import agreement, area_shares, overlap, plane

    if beside is not None:
        _check_comparable(subject, beside)
    profile = subject.profile
    drawn = triplets(subject.parts["train"].targets.numpy(), profile.tail.tolist(), TRIPLETS, seed)
    shares, alike, overlaps, theirs, figures = [], [], [], [], []
    for rows, classes in drawn:
        try:
            lying = plane(*_pixels(subject, rows))
        except TailtuneError:  # the same picture twice
            continue
        found = answers_on(subject, lying, SIDE)
        shares.append(area_shares(found, classes))
        if len(shares) <= SHOWN:
            figures.append(_drawn(subject, lying, classes, f"Plane {len(shares)}", beside is not None))
        if beside is not None:
            other = answers_on(beside, lying, SIDE)
            theirs.append(area_shares(other, classes))
            alike.append(agreement(found, other))
            overlaps.append(overlap(found, other, classes))
            if len(shares) <= SHOWN:
                figures.append(_drawn(beside, lying, classes, f"Plane {len(shares)}", True))
    if not shares:
        raise TailtuneError("no three training rows span a plane, because pictures are the same; there are no regions")
    data: dict[str, Any] = {
        "classes": list(profile.names),
        "minority": [profile.names[c] for c in profile.tail.tolist()],
        "rows": [list(rows) for rows, _ in drawn],
        "areas": _areas(shares),
    }
    if beside is not None:
        seen = [value for value in overlaps if value is not None]
        data["beside"] = {
            "folder": beside.run.folder.name,
            "areas": _areas(theirs),
            "reproducibility": float(np.mean(alike)),
            "overlap": float(np.mean(seen)) if seen else None,
        }
    table = _table(data, subject.run.folder.name)
    return Analysis("regions", "Decision regions", READING, _finding(data), tuple(figures), (table,), data)


def triplets(
    targets: NDArray[np.int64], rarest: Sequence[int], draws: int, seed: int
) -> list[tuple[tuple[int, int, int], tuple[int, ...]]]:
    """Draw positions of three rows: one of the rarest classes in turn, and two of other ones; with their classes.

    The two are of different classes where there are more than one besides the rarest; else two classes are returned.

    Args:
        targets: class indices [N].
        rarest: indices of the rarest classes.
        draws: how many.
        seed: of the draws.

    Raises:
        TailtuneError: there is no row of a rare class, or not two of other ones.
    """
    random = np.random.default_rng(seed)
    rare = [c for c in rarest if (targets == c).any()]
    others = [int(c) for c in np.unique(targets) if c not in set(rarest)]
    if not rare or int(np.isin(targets, others).sum()) < 2:
        raise TailtuneError("regions take a row of a rare class and two of other classes; there are none")
    found = []
    for i in range(draws):
        first = rare[i % len(rare)]
        pair = random.choice(others, min(2, len(others)), replace=False).tolist()
        rows = [int(random.choice(np.flatnonzero(targets == first)))]
        for c in pair:
            of_class = np.flatnonzero(targets == c)
            rows += random.choice(of_class, 2 // len(pair), replace=False).tolist()
        found.append(((rows[0], rows[1], rows[2]), (first, *pair)))
    return found


def answers_on(subject: Subject, lying: Plane, side: int) -> Answers:
    """Return what the network answers [U, A] in the cells of a grid on a plane of pixels."""
    import torch

    from tailtune.training.inputs import channels_last
    from tailtune.training.probabilities import evaluating

    across, up = lying.grid(side)
    shape = tuple(subject.parts["train"].inputs[0].shape[1:])
    normalise = subject.normalise
    rows = []
    with evaluating(subject.network):
        for y in up:  # a row at a time: pictures of a whole grid may be large
            places = np.stack([across, np.full_like(across, y)], axis=1)
            pixels = torch.from_numpy(lying.points(places).astype(np.float32)).reshape(-1, *shape).to(subject.device)
            batch = pixels if normalise is None else normalise.normalise(pixels)
            rows.append(subject.network(*channels_last(batch)).argmax(1).cpu().numpy())
    return np.stack(rows)


def _pixels(subject: Subject, rows: Sequence[int]) -> list[Floats]:
    """Training pictures from 0 to 1, as vectors [D]."""
    import torch

    from tailtune.training.inputs import evaluation_batches

    part = subject.parts["train"].take(np.array(rows))
    ((pixels,),) = evaluation_batches(part.inputs, None, torch.device("cpu"), len(rows))
    return [row.double().flatten().numpy() / 255 for row in pixels]


def _check_comparable(subject: Subject, beside: Subject) -> None:
    shapes = [each.preprocessor.shape() for each in (subject, beside)]
    if shapes[0] != shapes[1] or subject.profile.names != beside.profile.names:
        raise TailtuneError(
            f"{beside.run.folder} takes other pictures or has other classes than {subject.run.folder}, so that regions "
            "cannot be compared; name a run on the same kind of pictures with the same classes"
        )


def _drawn(subject: Subject, lying: Plane, classes: Sequence[int], title: str, named: bool) -> Regions:
    """The regions of the classes of the three rows; all other answers have one colour."""
    answers = answers_on(subject, lying, FINE)
    across, up = lying.grid(FINE)
    coded = np.full(answers.shape, -1)
    for i, c in enumerate(classes):
        coded[answers == c] = i
    of_rows = (0, 1, len(classes) - 1)
    return Regions(
        f"{title}, {subject.run.folder.name}" if named else title,
        "distance across, pixels from 0 to 1",
        "distance up",
        tuple(across.tolist()),
        tuple(up.tolist()),
        tuple(tuple(row) for row in coded.tolist()),
        tuple(subject.profile.names[c] for c in classes),
        tuple((x, y, i) for (x, y), i in zip(lying.corners.tolist(), of_rows, strict=True)),
        square=True,
    )


def _areas(shares: Sequence[Floats]) -> dict[str, Any]:
    """Means and standard errors over planes."""
    every = np.stack(shares)  # [T, C + 1]: the rare row's class first, any other class last
    kinds = {"rare": every[:, 0], "each_other": every[:, 1:-1].mean(1), "elsewhere": every[:, -1]}
    return {
        "planes": len(every),
        **{
            name: {
                "mean": float(values.mean()),
                "standard_error": float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None,
            }
            for name, values in kinds.items()
        },
    }


def _finding(data: Mapping[str, Any]) -> str:
    areas = data["areas"]
    told = (
        f"In this run the class of the rare row ({listed(data['minority'])}) holds "
        f"{percent(areas['rare']['mean'])} of a plane, and each other row's class "
        f"{percent(areas['each_other']['mean'])} (means of {areas['planes']} planes)"
    )
    if "beside" in data:
        other = data["beside"]
        told += (
            f"; in {other['folder']} they hold {percent(other['areas']['rare']['mean'])} and "
            f"{percent(other['areas']['each_other']['mean'])}, and the two answer alike on "
            f"{percent(other['reproducibility'])} of the cells"
        )
    return f"{told}."


def _table(data: Mapping[str, Any], name: str) -> Table:
    words = {
        "rare": "Class of the rare row",
        "each_other": "Class of another row, each",
        "elsewhere": "Any other class",
    }
    runs = {name: data["areas"], **({data["beside"]["folder"]: data["beside"]["areas"]} if "beside" in data else {})}
    columns = ("", *(column for run in runs for column in (f"share of a plane, {run}", "standard error")))
    rows: list[tuple[str, ...]] = [
        (
            title,
            *(
                cell
                for areas in runs.values()
                for cell in (percent(areas[key]["mean"]), percent(areas[key]["standard_error"]))
            ),
        )
        for key, title in words.items()
    ]
    if "beside" in data:
        empty = ("",) * (len(columns) - 2)
        rows.append(("Cells on which both answer alike", percent(data["beside"]["reproducibility"]), *empty))
        rows.append(("Overlap of the regions of the rows' classes", number(data["beside"]["overlap"]), *empty))
    return Table("Areas of planes through three training rows", columns, tuple(rows))
