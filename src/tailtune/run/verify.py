"""`verify`: whether a finished run still says what its predictions say, and whether it comes out again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tailtune.errors import TailtuneError
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.metrics import summarise
from tailtune.evaluation.own_measures import own_measures
from tailtune.files import checksum
from tailtune.run.execute import execute
from tailtune.run.finished import Finished
from tailtune.run.folder import Answered
from tailtune.run.manifest import damages, read_manifest
from tailtune.run.predictor import FILE
from tailtune.run.result import SystemResult
from tailtune.settings import Run

ROUNDING = 1e-9  # between figures computed on two machines


@dataclass(frozen=True)
class Finding:
    """What a check of `verify` came to.

    Attributes:
        check: what was looked at.
        holds: whether it is as it should be.
        said: what was found.
    """

    check: str
    holds: bool
    said: str


def verify(folder: Path, retrain: bool = False, say: Callable[[str], object] = print) -> list[Finding]:
    """Check a finished run.

    Args:
        folder: of the run.
        retrain: also train it anew, in a folder that is taken away again, and compare the scores of the test rows.
        say: is told what was noticed about the data while training anew.

    Returns:
        A finding for the files, for each system whose figures are computed anew from the stored predictions, and for
        the new training.

    Raises:
        TailtuneError: there is no finished run in `folder`.
    """
    run = Finished(folder)
    return list(_findings(run, retrain, say))


def _findings(run: Finished, retrain: bool, say: Callable[[str], object]) -> Iterator[Finding]:
    wrong, files = damages(run.folder), len(read_manifest(run.folder))
    yield Finding("files", not wrong, "; ".join(wrong) or f"all {files} are as they were written")
    try:
        figures = list(_figures(run))
    except TailtuneError as error:
        figures = [Finding("figures", False, str(error))]
    yield from figures
    if not retrain:
        return
    if wrong:
        yield Finding("new training", False, "not tried, because files are damaged")
    elif run.run.minutes is not None:
        yield Finding("new training", False, "not tried: how much is trained within --minutes depends on the machine")
    elif run.run.devices > 1:
        yield Finding(
            "new training", False, f"not tried: the run took {run.run.devices} devices; repeat it with --from"
        )
    else:
        yield _trained_anew(run, say)


def _figures(run: Finished) -> Iterator[Finding]:
    result, made = run.result, run.predictions
    as_it_is = Answered(made.scores, made.scores.argmax(axis=1))
    systems = {"model": (result.model, made.model), "model before its decision": (result.undecided, as_it_is)}
    systems |= {f"baseline {system.name}": (system, made.baselines[system.name]) for system in result.baselines}
    measures = [*MEASURES, *own_measures(run.run.measures)]
    for name, (stated, answered) in systems.items():
        rows = made.targets, answered.probabilities
        found = summarise(*rows, result.data.profile, measures, answered.answers, made.weights)
        others = _differing(stated, found)
        said = f"{len(found.metrics)} figures follow from the stored predictions"
        yield Finding(f"figures of the {name}", not others, "; ".join(others) or said)


def _differing(stated: SystemResult, found: Any) -> list[str]:
    lines = [
        f"{key} is stated as {stated.metrics.get(key)} and comes out as {value}"
        for key, value in found.metrics.items()
        if not _same(stated.metrics.get(key), value)
    ]
    if stated.confusion != found.confusion:
        lines.append("the confusion matrix is another")
    for before, now in zip(stated.per_class, found.per_class, strict=True):
        lines += [
            f"{field} of {now.name} is stated as {getattr(before, field)} and comes out as {value}"
            for field, value in vars(now).items()
            if not _same(getattr(before, field), value)
        ]
    return lines


def _same(stated: Any, found: Any) -> bool:
    if isinstance(stated, float) and isinstance(found, float):
        return abs(stated - found) <= ROUNDING * max(1.0, abs(found))
    return bool(stated == found)


def _trained_anew(run: Finished, say: Callable[[str], object]) -> Finding:
    """Compare the scores of the test rows bit by bit with those of a new training by the resolved settings."""
    check = "new training"
    with tempfile.TemporaryDirectory(prefix="tailtune-verify-") as scratch:
        asked = Run(**{name: getattr(run.run, name) for name in Run.__dataclass_fields__})
        try:
            dataset = run.dataset()
            again = replace(asked, out=str(Path(scratch) / "run"), baselines=(), logger=None)
            made = execute(again, say=say, dataset=dataset, resamples=0)
        except TailtuneError as error:
            return Finding(check, False, str(error))
        assert made is not None
        before, now = run.predictions.scores, made.predictions.scores
        same_model = checksum(run.folder / FILE) == checksum(made.folder / FILE)
    if np.array_equal(before, now):
        said = f"the scores of all {len(now)} test rows are the same to the bit"
        if run.result.deployed is None and not run.result.out_of_fold:
            return Finding(check, True, said)
        return Finding(check, same_model, f"{said}, and the model for use is {'too' if same_model else 'another'}")
    gap, changed = float(np.abs(before - now).max()), int((before.argmax(1) != now.argmax(1)).sum())
    then, here = run.result.machine.processor, made.result.machine.processor
    where = "" if then == here else f" (it was made on {then}, and this is {here})"
    said = (
        f"probabilities of test rows differ by up to {gap:.2g}, the likeliest class of {changed} of {len(now)}{where}"
    )
    return Finding(check, False, said)
