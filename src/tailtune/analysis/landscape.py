"""The loss around the weights of a finished run: slices, surfaces and sharpness, of rare and frequent classes apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.analysis.analysis import Analysis, Figure, Lines, Surface, Table, Value
from tailtune.words import NONE, amount, listed

if TYPE_CHECKING:
    from torch import Tensor

    from tailtune.analysis.class_losses import Sample
    from tailtune.analysis.subject import Subject

READING = (
    "At 0 are the weights of the run; at 1 every filter has been moved by its own length in a random direction. The "
    "sooner the loss of a group of classes rises, the narrower the weights hold its rows; sharpness is the rise at the "
    "end of one step of a given length straight uphill."
)
REACH, STEPS, SIDE = 1.0, 21, 13  # of the slices and the sides of the surfaces
DIRECTIONS = 3
HEIGHTS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
RHO = 0.05  # the radius that Foret and others start from


def landscape(subject: Subject, rows: int, beside: Subject | None = None, rho: float = RHO, seed: int = 0) -> Analysis:
    """Follow the training loss of each class along random directions, over a plane, and one step uphill.

    Directions are scaled filter by filter. Another run gets the same random numbers, scaled by its own filters, so that
    the two curves compare; each is the loss on the run's own training rows.

    Args:
        subject: network and rows.
        rows: of the sample of training rows, about.
        beside: another run of the same architecture.
        rho: length of the step uphill.
        seed: of sample and directions.

    Raises:
        TailtuneError: another architecture, or a radius that is not above 0.
    """
    from tailtune.analysis.class_losses import OTHERS, RARE, WHOLE, training_sample
    from tailtune.analysis.loss_slices import check_same_architecture

    if beside is not None:
        check_same_architecture(subject.network, beside.network)
    profile, sample = subject.profile, training_sample(subject, rows, seed)
    places = np.linspace(-REACH, REACH, STEPS)
    mean = _means(subject)
    sliced = _slices(subject, sample, places, seed)
    curves = {name: (sliced @ weights).mean(0) for name, weights in mean.items()}
    side = np.linspace(-REACH, REACH, SIDE)
    surfaces = {name: values for name, values in _surface(subject, sample, side, seed, mean).items() if name != WHOLE}
    sharp = _sharpness(subject, sample, rho)
    data: dict[str, Any] = {
        "classes": list(profile.names),
        "minority": [profile.names[c] for c in profile.tail.tolist()],
        "rows": sample.rows,
        "directions": DIRECTIONS,
        "steps": places.tolist(),
        "slices": {name: curve.tolist() for name, curve in curves.items()},
        "slices_by_direction": {name: (sliced @ weights).tolist() for name, weights in mean.items()},
        "slices_by_class": sliced.mean(0).T.tolist(),
        "side": side.tolist(),
        "surfaces": {name: values.tolist() for name, values in surfaces.items()},
        "sharpness": sharp,
    }
    figures: list[Lines | Surface | Figure] = [_slice_lines("Loss along random directions, averaged", places, curves)]
    if beside is not None:
        other = _slices(beside, training_sample(beside, rows, seed), places, seed)
        theirs = {name: (other @ weights).mean(0) for name, weights in _means(beside).items()}
        ours, name = f"this run, {subject.run.folder.name}", beside.run.folder.name
        data["beside"] = {"folder": name, "slices": {group: curve.tolist() for group, curve in theirs.items()}}
        figures.append(
            _slice_lines(
                "The same directions, each run on all of its training rows",
                places,
                {ours: curves[WHOLE], name: theirs[WHOLE]},
            )
        )
    figures += [
        Surface(
            f"Loss of the {name} over two random directions",
            "steps along the first",
            "steps along the second",
            tuple(side.tolist()),
            tuple(side.tolist()),
            tuple(tuple(row) for row in values.tolist()),
            HEIGHTS,
            series=(WHOLE, RARE, OTHERS).index(name),
        )
        for name, values in surfaces.items()
    ]
    order = profile.by_size.tolist()
    names = tuple(profile.names[c] for c in order)
    figures.append(
        Figure(
            f"Rise of each class's loss after a step of {rho:g} uphill",
            "rise of the loss",
            names,
            {words: tuple(sharp[key][c] for c in order) for key, words in ASCENTS.items()},
        )
    )
    return Analysis(
        "landscape",
        "Loss landscape",
        READING,
        _finding(data, curves, places),
        tuple(figures),
        (_table(data, order),),
        data,
    )


ASCENTS = {"own": "uphill for the class", "sam": "SAM's step", "sama": "SAM-A's step"}


def _means(subject: Subject) -> dict[str, np.ndarray]:
    """Weights of the classes [K] that make losses by class the mean loss of a group's training rows."""
    from tailtune.analysis.class_losses import OTHERS, RARE, WHOLE

    priors, rare = subject.profile.priors, np.isin(np.arange(subject.profile.num_classes), subject.profile.tail)
    found = {WHOLE: priors, RARE: priors * rare, OTHERS: priors * ~rare}
    return {name: weights / weights.sum() for name, weights in found.items() if weights.sum()}


def _class_losses(subject: Subject, sample: Sample) -> Tensor:
    """Mean loss by class [K]; 0 for classes without training rows, which no mean counts."""
    from tailtune.analysis.class_losses import class_losses

    return class_losses(subject.network, sample.batches, subject.profile.num_classes).nan_to_num(0.0)


def _slices(subject: Subject, sample: Sample, places: np.ndarray, seed: int) -> np.ndarray:
    """Losses by class [D, S, K] along random directions."""
    from tailtune.analysis.loss_slices import along, filter_normalised, random_direction

    model = subject.network
    drawn = (filter_normalised(model, random_direction(model, seed + i)) for i in range(DIRECTIONS))
    return np.stack([along(model, lambda: _class_losses(subject, sample), d, places.tolist()).numpy() for d in drawn])


def _surface(
    subject: Subject, sample: Sample, side: np.ndarray, seed: int, mean: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Mean losses [U, A] of each group over the plane of the first two directions."""
    from tailtune.analysis.loss_slices import filter_normalised, over, random_direction

    model, steps = subject.network, side.tolist()
    first, second = (filter_normalised(model, random_direction(model, seed + i)) for i in (0, 1))
    values = over(model, lambda: _class_losses(subject, sample), (first, second), steps, steps).numpy()
    return {name: values @ weights for name, weights in mean.items()}


def _sharpness(subject: Subject, sample: Sample, rho: float) -> dict[str, Any]:
    """Rise of each class's loss up its own gradient, up that of all rows, and up that of rows weighted by radius."""
    import torch

    from tailtune.analysis.class_losses import class_losses
    from tailtune.analysis.sharpness import ascent, rise
    from tailtune.profile import per_class

    model, k = subject.network, subject.profile.num_classes
    radii = torch.from_numpy(per_class(1.0, subject.profile.counts))

    def by_class(of: Sample, step: Sequence[Tensor]) -> list[Value]:
        found = rise(model, lambda: class_losses(model, of.batches, k), step)
        return [None if value != value else value for value in found.tolist()]

    own: list[Value] = []
    for c in range(k):
        alone = sample.of_classes([c], subject.profile.names[c])
        own.append(by_class(alone, ascent(model, alone.batches, alone.loss, rho))[c] if alone.rows else None)

    def weighted(logits: Tensor, targets: Tensor) -> Tensor:
        return sample.loss(logits, targets) * radii.to(logits)[targets]

    losses = {"sam": sample.loss, "sama": weighted}  # radii average to rho over all training rows, the length of both
    steps = {name: ascent(model, sample.batches, loss, rho) for name, loss in losses.items()}
    return {"rho": rho, "own": own, **{name: by_class(sample, step) for name, step in steps.items()}}


def _slice_lines(title: str, places: np.ndarray, curves: Mapping[str, np.ndarray]) -> Lines:
    return Lines(
        title,
        "steps along the direction",
        "mean loss",
        tuple(places.tolist()),
        {name: tuple(curve.tolist()) for name, curve in curves.items()},
        logarithmic=True,
    )


def _distance_of_rise(curve: np.ndarray, places: np.ndarray, height: float = 1.0) -> float | None:
    """How far from 0 the loss first exceeds that at 0 by `height`, the mean of both sides; None where it does not."""
    middle = len(places) // 2
    reached = []
    for side in (slice(middle, None), slice(middle, None, -1)):
        rises, where = curve[side] - curve[middle], np.abs(places[side])
        above = np.flatnonzero(rises > height)
        if not len(above):
            return None
        i = above[0]
        reached.append(np.interp(height, rises[i - 1 : i + 1], where[i - 1 : i + 1]))
    return float(np.mean(reached))


def _finding(data: Mapping[str, Any], curves: Mapping[str, np.ndarray], places: np.ndarray) -> str:
    from tailtune.analysis.class_losses import OTHERS, RARE, WHOLE

    def told_of(curve: np.ndarray) -> str:
        reached = _distance_of_rise(curve, places)
        return "does not rise by 1 on both sides" if reached is None else f"rises by 1 within {reached:.2g} steps"

    told = f"In this run the loss of all training rows {told_of(curves[WHOLE])}"
    if RARE in curves and OTHERS in curves:
        told += f", that of the rarest classes ({listed(data['minority'])}) {told_of(curves[RARE])} and that of the "
        told += f"others {told_of(curves[OTHERS])}"
    sharp = data["sharpness"]
    known = [c for c, value in enumerate(sharp["own"]) if value is not None]
    worst = max(known, key=lambda c: sharp["own"][c])
    told += (
        f"; a step of {sharp['rho']:g} uphill raises the loss most for {data['classes'][worst]}, by "
        f"{amount(sharp['own'][worst])}"
    )
    if "beside" in data:
        theirs = np.array(data["beside"]["slices"][WHOLE])
        told += f"; in {data['beside']['folder']} the loss of all training rows {told_of(theirs)}"
    return f"{told}."


def _table(data: Mapping[str, Any], order: Sequence[int]) -> Table:
    sharp = data["sharpness"]
    middle = len(data["steps"]) // 2
    columns = ("class", "loss", *(f"rise, {words}" for words in ASCENTS.values()))
    losses = [data["slices_by_class"][c][middle] if sharp["own"][c] is not None else None for c in order]
    values = [[loss, *(sharp[key][c] for key in ASCENTS)] for c, loss in zip(order, losses, strict=True)]
    rows = tuple(
        (data["classes"][c], *(NONE if value is None else amount(value) for value in of_class))
        for c, of_class in zip(order, values, strict=True)
    )
    return Table(f"Sharpness by class, radius {sharp['rho']:g}", columns, rows)
