"""The list of trainings of a comparison: on each data set, one configuration that all methods share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tailtune import methods
from tailtune.data.catalog import LONG_TAILED
from tailtune.data.dataset import Dataset, Kind
from tailtune.data.opened import opened
from tailtune.errors import TailtuneError
from tailtune.methods.resolve import build, find, split_names, with_settings
from tailtune.run.execute import baselines_for, check_run, own_measures_for
from tailtune.run.hashing import config_hash, rows_hash
from tailtune.run.learners import learner_of, with_model
from tailtune.settings import Run
from tailtune.study.comparison import Comparison, run_on
from tailtune.study.training_task import Training

BASELINE = "erm"
RUNS = "runs"
_A = {"table": "a table", "image": "images"}


@dataclass(frozen=True)
class Problem:
    """A data set, at one ratio, and what all methods share on it.

    Attributes:
        run: everything resolved but the method.
        kind: of the data.
        methods: as the user wrote them.
        rows: hash of the rows and parts at each seed of the split.
        bytes: memory of the data; pictures in a file take none.
        test_rows: number of test rows.
        classes: number of classes.
    """

    run: Run
    kind: Kind
    methods: tuple[str, ...]
    rows: Mapping[int, str]
    bytes: int
    test_rows: int
    classes: int

    @property
    def name(self) -> str:
        """For messages."""
        return self.run.data if self.run.ratio is None else f"{self.run.data} at ratio {self.run.ratio:g}"

    @property
    def shared(self) -> str:
        """The configuration that the methods share, in one line."""
        return f"{self.name}: {learner_of(self.run.model).summary(self.run)}"


def problems(asked: Comparison, say: Callable[[str], object]) -> list[Problem]:
    """Open every data set once and resolve what its trainings share, with the routine of the tuned recipe.

    Args:
        asked: what to compare.
        say: told, in a sentence each, what was noticed about the data and which methods are left out.

    Raises:
        TailtuneError: anything wrong with the data, the methods, or their settings.
    """
    names = _methods(asked.methods)
    for name in names:
        find(name)
    if asked.ratios and not any(data in LONG_TAILED for data in asked.data):
        known, given = ", ".join(LONG_TAILED), ", ".join(asked.data)
        raise TailtuneError(f"--ratios makes {known} long-tailed; {given} is taken as it is, leave it out")
    ratios: tuple[float | None, ...] = asked.ratios or (None,)
    places = [(data, ratio) for data in asked.data for ratio in (ratios if data in LONG_TAILED else (None,))]
    return [_problem(asked, data, ratio, names, say) for data, ratio in places]


def _methods(text: str) -> tuple[str, ...]:
    """The names that are asked for, with the baseline among them.

    Raises:
        TailtuneError: one is given twice.
    """
    if text.strip() == "all":
        return (BASELINE, *(name for name in methods.__all__ if name != BASELINE))
    names = split_names(text)
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise TailtuneError(f"the method {doubled} is given twice; leave one of them out")
    return names if BASELINE in names else (BASELINE, *names)


def _problem(
    asked: Comparison, data: str, ratio: float | None, names: tuple[str, ...], say: Callable[[str], object]
) -> Problem:
    run = run_on(asked, data, ratio)
    check_run(run)
    dataset = opened(run)
    baselines_for(run, dataset)
    own_measures_for(run, dataset)
    for sentence in dataset.notes:
        say(f"{data}: {sentence}")
    fitting = tuple(name for name in names if _fits(name, dataset, data, named=asked.methods.strip() != "all", say=say))
    rows = {0: rows_hash(dataset)}
    if asked.vary != "init":
        rows |= {seed: rows_hash(opened(replace(run, split_seed=seed))) for seed in range(1, asked.seeds)}
        if asked.seeds > 1 and len(set(rows.values())) == 1:
            raise TailtuneError(
                f"--vary {asked.vary} changes no row of {data}, whose parts are given; use --vary init, or a selection "
                "that holds validation rows back"
            )
    parts = [part for part in (dataset.train, dataset.val, dataset.test) if part is not None]
    return Problem(
        run=_resolved(run, dataset),
        kind=dataset.kind,
        methods=fitting,
        rows=rows,
        bytes=sum(x.numel() * x.element_size() for part in parts for x in part.inputs if isinstance(x, torch.Tensor)),
        test_rows=len(dataset.test),
        classes=len(dataset.names),
    )


def _fits(name: str, dataset: Dataset, data: str, *, named: bool, say: Callable[[str], object]) -> bool:
    """Whether a method takes the data.

    Raises:
        TailtuneError: it does not although it was asked for by name, or its settings do not fit.
    """
    try:
        method = build(name, dataset.profile)
        if dataset.kind not in method.kinds:
            kinds = " and ".join(f"{kind}s" for kind in method.kinds)
            raise TailtuneError(f"method {name} is for {kinds}, and {data} is {_A[dataset.kind]}; leave it out")
    except TailtuneError as error:
        if named or name == BASELINE:
            raise
        say(f"{data}: without {name}: {error}")
        return False
    return True


def _resolved(run: Run, dataset: Dataset) -> Run:
    """Settle once what every method shares, flip and model included.

    Raises:
        TailtuneError: a model that does not exist, or that is for another kind of data.
    """
    run = with_model(run, dataset)
    return learner_of(run.model).share(run, dataset)


def trainings(
    asked: Comparison, found: Sequence[Problem], best: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[Training]:
    """Return every training, seed by seed, so that an unfinished study has all methods on its first seeds.

    Args:
        asked: what to compare.
        found: the data sets.
        best: settings found by tuning, by the name of the data set and the method; lr and weight_decay replace those of
            the run, the others are the method's own.
    """
    listed = []
    for seed in range(asked.seeds):
        for problem in found:
            split_seed = 0 if asked.vary == "init" else seed
            seeded = replace(problem.run, seed=0 if asked.vary == "subset" else seed, split_seed=split_seed)
            for name in problem.methods:
                run = tuned_run(replace(seeded, method=name), best.get((problem.name, name), {}))
                key = config_hash(run, problem.rows[split_seed])
                run = replace(run, out=str(Path(asked.out) / RUNS / key), measures=())  # the table computes them
                listed.append(Training(key, run, problem.name, name, seed, asked.vary, asked.keep))
    return listed


def tuned_run(run: Run, settings: Mapping[str, Any]) -> Run:
    """Return `run` with `settings`, of which lr and weight_decay are its own and the rest those of its method."""
    shared = {name: settings[name] for name in ("lr", "weight_decay") if name in settings}
    own = {name: value for name, value in settings.items() if name not in shared}
    return replace(run, method=with_settings(str(run.method), own) if own else run.method, **shared)
