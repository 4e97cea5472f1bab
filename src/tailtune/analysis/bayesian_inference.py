"""Averages over networks beside the one network of a run: error, log loss and calibration, by class."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailtune.analysis.analysis import Analysis, Figure, Table, Value
from tailtune.errors import TailtuneError
from tailtune.evaluation.calibration import expected_calibration_error
from tailtune.words import counted, listed, number, percent, points, signed

if TYPE_CHECKING:
    from tailtune.analysis.subject import Subject
    from tailtune.bayes.posterior import Posterior
    from tailtune.data.dataset import Part
    from tailtune.profile import ClassProfile
    from tailtune.run.finished import Finished
    from tailtune.training.inputs import Inputs

READING = (
    "Where an average has less error and less log loss than the one network, the training rows leave several solutions "
    "open, and the average makes use of it; where it has not, the spread that was drawn says nothing of new rows."
)
ALONE = "the network alone"
SAMPLES = 20  # networks of a drawn posterior
STATISTICS = 2048  # training rows from which BatchNorm statistics of a drawn network are computed
DRAWN = 5  # systems in a figure
NORMAL = 1.96  # half a 95 % interval in standard errors
GROUPS = {"minority": "rarest classes", "majority": "other classes", "all": "all classes"}
Probabilities = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class _Scores:
    """What a system makes of the test rows: whether it errs [N], its log loss [N], and its probabilities [N, K]."""

    wrong: NDArray[np.float64]
    losses: NDArray[np.float64]
    probabilities: Probabilities

    @classmethod
    def of(cls, probabilities: Probabilities, targets: Indices) -> _Scores:
        right = probabilities[np.arange(len(targets)), targets]
        least = np.finfo(np.float64).tiny
        wrong = (probabilities.argmax(1) != targets).astype(np.float64)
        return cls(wrong, -np.log(np.maximum(right, least)), probabilities)

    def on(self, rows: NDArray[np.bool_], targets: Indices) -> dict[str, Value]:
        """Error, log loss and ECE on some of the rows; None where there are none."""
        if not rows.any():
            return {"error": None, "log_loss": None, "ece": None}
        return {
            "error": float(self.wrong[rows].mean()),
            "log_loss": float(self.losses[rows].mean()),
            "ece": expected_calibration_error(targets[rows], self.probabilities[rows]),
        }


def bayesian_inference(subject: Subject, others: Sequence[Finished] = ()) -> Analysis:
    """Compare the network of a run with averages over networks drawn around it, and with ensembles.

    They are last-layer Laplace, diagonal Laplace of all weights, what the run's own method averages over, SWAG around
    weights that its training visited, and the mean of this run and others. What cannot be had is said, with the reason.

    Args:
        subject: network and rows.
        others: finished runs on the same test rows.

    Raises:
        TailtuneError: other runs on other rows or classes.
    """
    profile, test = subject.profile, subject.parts["test"]
    targets = test.targets.numpy()
    for other in others:
        _check_other(subject, other)
    left_out: dict[str, str] = {}
    systems: dict[str, _Scores] = {}
    for name, scores in _systems(subject, others):
        try:
            systems[name] = _Scores.of(scores(), targets)
        except TailtuneError as error:
            left_out[name] = str(error)
    rare = np.isin(targets, profile.tail)
    groups = {"minority": rare, "majority": ~rare, "all": np.ones(len(targets), dtype=bool)}
    alone = systems[ALONE]
    data: dict[str, Any] = {
        "classes": list(profile.names),
        "minority": [profile.names[c] for c in profile.tail.tolist()],
        "systems": {
            name: {
                **{group: found.on(rows, targets) for group, rows in groups.items()},
                "by_class": _by_class(found, targets, profile.num_classes),
                "difference": None if found is alone else _differences(found, alone, groups),
            }
            for name, found in systems.items()
        },
        "left_out": left_out,
    }
    return Analysis(
        "bayes",
        "Bayesian inference",
        READING,
        _finding(data["systems"], left_out),
        _figures(data["systems"], profile),
        _tables(data["systems"], left_out),
        data,
    )


def _systems(subject: Subject, others: Sequence[Finished]) -> Iterator[tuple[str, Callable[[], Probabilities]]]:
    """The systems by their names, each with what computes its probabilities [N, K] of the test rows."""
    from tailtune.bayes.diagonal_laplace import diagonal_laplace
    from tailtune.bayes.last_layer_laplace import last_layer_laplace
    from tailtune.bayes.rows import Labelled
    from tailtune.bayes.swag import FEWEST, swag
    from tailtune.methods.resolve import build as build_method

    run, test = subject.run, subject.parts["test"]
    network = copy.deepcopy(subject.network).cpu()  # where a predictor scores rows
    predictor = replace(run.predictor(), model=network, decision=None, recalibration=None, answer=None)

    def averaged(posterior: Posterior | None) -> Probabilities:
        return replace(predictor, posterior=posterior).scores(test.inputs)

    def rows(part: Part) -> Inputs:
        import torch

        from tailtune.training.inputs import Inputs

        return Inputs.of(part, subject.profile.num_classes, subject.normalise, torch.device("cpu"))

    train = subject.parts["train"]
    val = None if run.run.selection == "refit" else run.dataset().val  # after a refit they were trained on

    def held_out() -> Labelled | None:
        return None if val is None else Labelled(rows(val))

    def last_layer() -> Probabilities:
        # a copy each, because a fit may leave hooks and flags behind
        return averaged(last_layer_laplace(copy.deepcopy(network), Labelled(rows(train)), held_out(), samples=SAMPLES))

    def diagonal() -> Probabilities:
        return averaged(diagonal_laplace(copy.deepcopy(network), Labelled(rows(train)), held_out(), samples=SAMPLES))

    own = predictor.posterior
    yield ALONE, lambda: averaged(None)
    yield "Laplace, last layer", last_layer
    yield "Laplace, all weights, diagonal", diagonal
    if own is not None:
        yield f"{run.run.method}, {counted(len(own), 'network', 'networks')}", lambda: averaged(own)
    visited = build_method(str(run.run.method), subject.profile).members == "collected"
    whole = own is not None and len(own.members) >= FEWEST and own.members[0].keys() == network.state_dict().keys()
    if own is not None and visited and whole:

        def around() -> Probabilities:
            some = np.random.default_rng(0).permutation(len(train))[:STATISTICS]
            batches = list(rows(train.take(some)).batches(256))
            return averaged(swag(network, own.members, batches, samples=SAMPLES))

        yield f"SWAG around {len(own)} of its weights", around
    for other in others:
        yield f"{other.folder.name} ({other.result.model.label})", partial(_scores_of, other)
    if others:

        def together() -> Probabilities:
            each = [run.predictions.scores, *map(_scores_of, others)]
            return np.asarray(np.mean(each, axis=0))

        yield f"ensemble of this and {counted(len(others), 'other run', 'other runs')}", together


def _scores_of(run: Finished) -> Probabilities:
    return run.predictions.scores


def _check_other(subject: Subject, other: Finished) -> None:
    made, own = other.predictions, subject.run.predictions
    if not np.array_equal(made.ids, own.ids) or not np.array_equal(made.targets, own.targets):
        raise TailtuneError(
            f"{other.folder} was tested on other rows or classes than {subject.run.folder}; name runs on the same split"
        )


def _by_class(found: _Scores, targets: Indices, num_classes: int) -> dict[str, list[Value]]:
    each = [found.on(targets == k, targets) for k in range(num_classes)]
    return {key: [entry[key] for entry in each] for key in ("error", "log_loss", "ece")}


def _differences(found: _Scores, alone: _Scores, groups: Mapping[str, NDArray[np.bool_]]) -> dict[str, Any]:
    """Error and log loss less those of the network alone, with 95 % intervals from the rows' differences."""
    pairs = {"error": found.wrong - alone.wrong, "log_loss": found.losses - alone.losses}
    return {group: {key: _mean(gaps[rows]) for key, gaps in pairs.items()} for group, rows in groups.items()}


def _mean(values: NDArray[np.float64]) -> dict[str, Value]:
    if len(values) < 2:
        return {"mean": float(values.mean()) if len(values) else None, "low": None, "high": None}
    mean, half = float(values.mean()), NORMAL * float(values.std(ddof=1)) / np.sqrt(len(values))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _figures(systems: Mapping[str, Any], profile: ClassProfile) -> tuple[Figure, ...]:
    order = profile.by_size.tolist()
    names = tuple(profile.names[c] for c in order)
    shown = dict(list(systems.items())[:DRAWN])

    def series(key: str) -> dict[str, tuple[Value, ...]]:
        return {name: tuple(found["by_class"][key][c] for c in order) for name, found in shown.items()}

    return (
        Figure("Error on test rows", "wrong", names, series("error"), share=True),
        Figure("Log loss of test rows", "log loss", names, series("log_loss")),
    )


def _tables(systems: Mapping[str, Any], left_out: Mapping[str, str]) -> tuple[Table, ...]:
    kinds = {"error": ("error", percent), "log_loss": ("log loss", number), "ece": ("ECE", percent)}
    columns = ("", *(f"{words}, {GROUPS[group]}" for words, _ in kinds.values() for group in GROUPS))
    rows = [
        (name, *(show(found[group][key]) for key, (_, show) in kinds.items() for group in GROUPS))
        for name, found in systems.items()
    ]
    columns_of_differences = ("", *(f"error, {words}" for words in GROUPS.values()), "log loss, all classes")
    gaps = [
        (
            name,
            *(_interval(found["difference"][group]["error"], points) for group in GROUPS),
            _interval(found["difference"]["all"]["log_loss"], lambda value: signed(value, 3)),
        )
        for name, found in systems.items()
        if found["difference"] is not None
    ]
    tables = [Table("Test rows", columns, tuple(rows))]
    if gaps:
        title = "Less the network alone, with 95 % intervals over the test rows (error in points)"
        tables.append(Table(title, columns_of_differences, tuple(gaps)))
    if left_out:
        tables.append(Table("What could not be had", ("", "why"), tuple(left_out.items())))
    return tuple(tables)


def _interval(gap: Mapping[str, Value], show: Callable[[float], str]) -> str:
    mean, low, high = gap["mean"], gap["low"], gap["high"]
    if mean is None:
        return "–"
    return show(mean) if low is None or high is None else f"{show(mean)} [{show(low)} to {show(high)}]"


def _finding(systems: Mapping[str, Any], left_out: Mapping[str, str]) -> str:
    found = {
        name: system["difference"]["minority"]["error"]
        for name, system in systems.items()
        if system["difference"] is not None and system["difference"]["minority"]["error"]["mean"] is not None
    }
    if not found:
        return "There is no average to compare with, or there are no test rows of the rarest classes."
    best = min(found, key=lambda name: found[name]["mean"])
    gap = found[best]
    alone = systems[ALONE]["minority"]["error"]
    told = f"In this run the network errs on {percent(alone)} of the test rows of the rarest classes, "
    if gap["mean"] >= 0:
        told += "and no average errs on fewer of them"
    else:
        told += f"{best} on {points(-gap['mean'])} points fewer"
        if gap["high"] is None or gap["high"] >= 0:
            told += ", a difference that these rows cannot tell from none"
    worse = [
        name
        for name, system in systems.items()
        if system["difference"] is not None and (system["difference"]["all"]["log_loss"]["low"] or 0) > 0
    ]
    if worse:
        told += f"; more log loss than alone has {listed(worse)}"
    if left_out:
        told += f"; left out: {listed(left_out)}"
    return f"{told}."
