"""The list of trainings of a study: on each data set, what its arms share, and what each of them makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from tailtune.analysis.study_columns import try_out
from tailtune.data.catalog import LONG_TAILED
from tailtune.data.dataset import Dataset, Kind
from tailtune.data.long_tailed import takes_ratio
from tailtune.data.opened import Stamp, opened, stamp
from tailtune.errors import TailtuneError
from tailtune.leaks.check import check_leaks
from tailtune.methods.resolve import build, find
from tailtune.methods.search import settings_of
from tailtune.named_settings import with_settings
from tailtune.run.execute import baselines_for, check_run, own_measures_for
from tailtune.run.hashing import config_hash, rows_hash
from tailtune.run.learners import learner_of, with_model, with_monitor, with_threads
from tailtune.settings import Reading, Run
from tailtune.study.study import OF_RUN, Arm, Study, run_on
from tailtune.study.training_task import TrainingTask

RUNS = "runs"
_A = {"table": "a table", "image": "images"}


@dataclass(frozen=True)
class Problem:
    """A data set, at one ratio, and the run of each arm on it.

    Attributes:
        run: what all arms start from.
        kind: of the data.
        arms: the run of each arm that takes the data, but for the seeds.
        bytes: memory of the data; pictures in a file take none.
        test_rows: number of test rows.
        classes: number of classes.
    """

    run: Run
    kind: Kind
    arms: Mapping[str, Run]
    bytes: int
    test_rows: int
    classes: int

    @property
    def name(self) -> str:
        """For messages."""
        return self.run.data if self.run.ratio is None else f"{self.run.data} at ratio {self.run.ratio:g}"

    @property
    def shared(self) -> str:
        """What the arms start from, in one line."""
        return f"{self.name}: {learner_of(self.run.model).summary(self.run)}"


def problems(study: Study, say: Callable[[str], object], *, lenient: bool = False) -> list[Problem]:
    """Open every data set once and settle what its trainings share.

    Args:
        study: what to compare.
        say: told, in a sentence each, what was noticed about the data and which arms are left out.
        lenient: leave out arms whose method does not take the data, but for the baseline, instead of refusing them.

    Raises:
        TailtuneError: anything wrong with the data, the arms, or their settings.
    """
    for arm in study.arms:
        if "method" in arm.changes:
            find(str(arm.changes["method"]))
    if study.ratios and not any(takes_ratio(data) for data in study.data):
        known, given = ", ".join(LONG_TAILED), ", ".join(study.data)
        raise TailtuneError(f"--ratios makes {known} long-tailed; {given} is taken as it is, leave it out")
    ratios: tuple[float | None, ...] = study.ratios or (None,)
    places = [(data, ratio) for data in study.data for ratio in (ratios if takes_ratio(data) else (None,))]
    return [_problem(study, data, ratio, say, lenient) for data, ratio in places]


def _problem(study: Study, data: str, ratio: float | None, say: Callable[[str], object], lenient: bool) -> Problem:
    run = run_on(study, data, ratio)
    check_run(run)
    dataset = opened(run)
    baselines_for(run, dataset)
    own_measures_for(run, dataset)
    for sentence in (*dataset.notes, *check_leaks(dataset).notes):
        say(f"{data}: {sentence}")
    if study.vary != "init" and study.seeds > 1:
        rows = {rows_of(replace(run, split_seed=seed)) for seed in range(study.seeds)}
        if len(rows) == 1:
            raise TailtuneError(
                f"--vary {study.vary} changes no row of {data}, whose parts are given; use --vary init, or a selection "
                "that holds validation rows back"
            )
    try_out(study.collect, dataset)
    start = _shared(study, run, {}, dataset)
    arms: dict[str, Run] = {}
    for arm in study.arms:
        try:
            arms[arm.name] = _run_of(study, run, start, arm)
        except TailtuneError as error:
            if not lenient or arm.name == study.reference:
                raise
            say(f"{data}: without {arm.name}: {error}")
    parts = [part for part in (dataset.train, dataset.val, dataset.test) if part is not None]
    return Problem(
        run=start,
        kind=dataset.kind,
        arms=arms,
        bytes=sum(x.numel() * x.element_size() for part in parts for x in part.inputs if isinstance(x, torch.Tensor)),
        test_rows=len(dataset.test),
        classes=len(dataset.names),
    )


def _shared(study: Study, run: Run, changes: Mapping[str, Any], dataset: Dataset) -> Run:
    """Settle what arms with these changes of the model share; with a routine an arm, only model and threads."""
    run = with_threads(with_model(replace(run, **changes), dataset, alone=False), dataset)
    return learner_of(run.model).share(run, dataset) if study.routine == "shared" else run


def _run_of(study: Study, run: Run, start: Run, arm: Arm) -> Run:
    """Return the run of an arm, but for the seeds.

    Raises:
        TailtuneError: a change that does not fit the data or the other settings.
    """
    changes: dict[str, Any] = dict(arm.changes)
    reading = {name: value for name, value in changes.items() if name in READING}
    dataset = opened(replace(run, **reading))
    other = {name: value for name, value in changes.items() if name in ("model", "weights", "pretrained")}
    run = _fitting(run, changes)
    own = replace(_shared(study, run, other | reading, dataset) if other or reading else start, **changes)
    asked = replace(run, **changes)  # without what was settled, which another learner need not have
    check_run(asked)
    baselines_for(asked, dataset)
    if study.collect and not learner_of(own.model).network:
        raise TailtuneError(
            f"--collect looks into networks, and arm {arm.name!r} trains {own.model}; leave one of them out"
        )
    if own.method is not None:
        method = build(own.method, dataset.profile)
        if dataset.kind not in method.kinds:
            kinds = " and ".join(f"{kind}s" for kind in method.kinds)
            raise TailtuneError(
                f"method {own.method} is for {kinds}, and {run.data} is {_A[dataset.kind]}; leave it out"
            )
    return with_monitor(own)


def _fitting(run: Run, changes: Mapping[str, Any]) -> Run:
    """Return `run` without the settings that the model of an arm does not have, unless the arm itself asks for them."""
    lacks = learner_of(str(changes.get("model", run.model))).lacks
    plain = Run(run.data)
    return replace(run, **{name: getattr(plain, name) for name in lacks if name not in changes})


READING = tuple(field.name for field in fields(Reading))


def rows_of(run: Run) -> str:
    """Return the hash of the rows that `run` reads, by part and class."""
    reading = Reading(**{name: getattr(run, name) for name in READING})
    return _rows_of(reading, stamp(reading))


@lru_cache(maxsize=256)
def _rows_of(reading: Reading, at: Stamp) -> str:
    return rows_hash(opened(reading))


def trainings(
    study: Study, found: Sequence[Problem], best: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[TrainingTask]:
    """Return every training, seed by seed, so that an unfinished study has all arms on its first seeds.

    Args:
        study: what to compare.
        found: the data sets.
        best: settings found by tuning, by the name of the data set and the arm, see `tuned_run`.
    """
    listed = []
    for seed in range(study.seeds):
        for problem in found:
            for name, own in problem.arms.items():
                run = replace(
                    own,
                    seed=0 if study.vary == "subset" else seed,
                    split_seed=0 if study.vary == "init" else seed,
                )
                run = tuned_run(run, best.get((problem.name, name), {}))
                key = config_hash(run, rows_of(run))
                run = replace(run, out=str(Path(study.out) / RUNS / key), measures=())  # the table computes them
                listed.append(TrainingTask(key, run, problem.name, name, seed, study.vary, study.keep, study.collect))
    return listed


def tuned_run(run: Run, settings: Mapping[str, Any]) -> Run:
    """Return `run` with `settings`: fields of its own, behind "model." and "method." what stands in their parentheses,
    and under any other name a setting of its method.
    """
    found = settings_of(settings)
    fields = {name: found.pop(name) for name in OF_RUN if name in found}

    def inside(prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}

    model = inside("model.")
    method = inside("method.") | {name: value for name, value in found.items() if "." not in name}
    if model:
        fields["model"] = with_settings(str(run.model), model)
    if method:
        fields["method"] = with_settings(str(run.method), method)
    return replace(run, **fields)
