"""What a search varies: for tables the settings of each model, for networks the routine and the method too."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from tailtune.data.dataset import Dataset
from tailtune.methods.resolve import build, find
from tailtune.methods.search import SWITCH, Choice, Maybe, Range, Space, Whole, drawn
from tailtune.models.classical import LIBRARIES
from tailtune.models.tabular import sizes_of
from tailtune.named_settings import home, parse, settled, with_settings
from tailtune.run.learners import learner_of, with_model
from tailtune.run.learners.portfolio import members_for
from tailtune.settings import Resolved, ResolvedTraining, Run
from tailtune.study.tune import declared, distribution
from tailtune.training.recipe import resolve
from tailtune.tuning.ranges import MODELS, PICTURES, POLICIES, RATES, SIZES, TABLES, WITHOUT_MIRRORS

if TYPE_CHECKING:
    import optuna

T = TypeVar("T")
OF_METHOD, OF_MODEL = "method.", "model."  # before the names of settings that stand in parentheses


@dataclass(frozen=True)
class Search:
    """What one search varies around one run.

    Attributes:
        name: of the model that is tuned.
        start: the run that it starts from, which is the default.
        space: ranges by name: fields of a run, and behind "model." and "method." what stands in parentheses.
        default: what the default run has of them, wherever that lies.
    """

    name: str
    start: Run
    space: Space
    default: Mapping[str, Any] = field(default_factory=dict)

    def run(self, settings: Mapping[str, Any]) -> Run:
        """Return the run of these settings; none are those of the default."""

        def inside(prefix: str) -> dict[str, Any]:
            return {name.removeprefix(prefix): value for name, value in settings.items() if name.startswith(prefix)}

        fields = {name: value for name, value in settings.items() if "." not in name}
        model = str(fields.pop("model", self.start.model))
        method = self.start.method
        if method is not None and inside(OF_METHOD):
            method = with_settings(method, inside(OF_METHOD))
        return replace(self.start, model=with_settings(model, inside(OF_MODEL)), method=method, **fields)

    def point(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the draws nearest to the default with these settings, from which proposals learn."""
        found: dict[str, Any] = {}
        for name, value in {**self.default, **settings}.items():
            range_ = self.space[name]
            if isinstance(range_, Maybe):
                found[name + SWITCH] = bool(value)
                range_ = range_.range
            found[name] = within(range_, value)
        return found


def within(range_: Range, value: Any) -> Any:
    """Return what is nearest to `value` in a range.

    >>> from tailtune.methods.search import Uniform
    >>> within(Choice((64, 128, 256)), 761), within(Uniform(0.0, 0.5), 0.7), within(Choice(("sqrt", 0.2)), "sqrt")
    (256, 0.5, 'sqrt')
    """
    if isinstance(range_, Choice):
        if value in range_.values:
            return value
        numbers = [each for each in range_.values if isinstance(each, int | float)]
        return min(numbers, key=lambda each: abs(each - value))
    assert not isinstance(range_, Maybe)
    near = min(max(value, range_.low), range_.high)
    return range_.low + range_.step * round((near - range_.low) / range_.step) if isinstance(range_, Whole) else near


def searches(run: Run, dataset: Dataset) -> tuple[Search, ...]:
    """Return what is searched for `run`: a table's models one by one, or the network of pictures.

    What the run states itself (its model, method, or a field of the routine) is not varied.
    """
    if dataset.kind == "table":
        names = members_for(dataset) if run.model is None else (run.model,)
        return tuple(_of_table(run, name, dataset) for name in names)
    start = replace(with_model(run, dataset), method=run.method or "tuned")
    resolved = _resolved(start, dataset)
    space = _of_routine(resolved, dataset) | _of_method(start)
    default = _default(resolved, space)
    if run.model is None and start.model in SIZES:
        space["model"], default["model"] = Choice(SIZES), start.model
    mirrors = (dataset.flip if run.flip is None else run.flip) is not False
    listed = POLICIES if mirrors else WITHOUT_MIRRORS
    space["policy"] = Choice(listed if resolved.policy in listed else (resolved.policy, *listed))
    return (Search(str(start.model), start, _open(space, run), _open(default | {"policy": resolved.policy}, run)),)


def _of_table(run: Run, name: str, dataset: Dataset) -> Search:
    kind, given = home(name), parse(name)[1]
    network = learner_of(name).network
    start = replace(run, model=name, method=(run.method or "tuned") if network else "erm")
    space: Space = {f"{OF_MODEL}{key}": range_ for key, range_ in MODELS.get(kind, {}).items() if key not in given}
    columns = int(dataset.train.tensors("a search")[0].shape[1])
    sizes = settled(name, LIBRARIES[kind].SETTINGS) if kind in LIBRARIES else sizes_of(name, columns)
    default = {key: sizes[key.removeprefix(OF_MODEL)] for key in space}
    if network:
        resolved = _resolved(start, dataset)
        routine = _of_routine(resolved, dataset) | _of_method(start)
        space, default = space | routine, default | _default(resolved, routine)
    return Search(name, start, _open(space, run), _open(default, run))


def _resolved(start: Run, dataset: Dataset) -> ResolvedTraining:
    named = Resolved(**vars(start))
    return resolve(named, build(named.method, dataset.profile), dataset)


def _of_routine(resolved: ResolvedTraining, dataset: Dataset) -> Space:
    """Batch size, weight average, rate and weight decay."""
    own = TABLES if dataset.kind == "table" else PICTURES
    return own | RATES[dataset.kind, resolved.optimizer]


def _of_method(start: Run) -> Space:
    """What the method's own SEARCH declares, and the run does not state."""
    method = str(start.method)
    return {f"{OF_METHOD}{key}": range_ for key, range_ in declared(method).items() if key not in parse(method)[1]}


def _default(resolved: ResolvedTraining, space: Space) -> dict[str, Any]:
    """What a run has of the routine and of the method."""
    own = inspect.signature(find(resolved.method)).parameters
    return {
        name: own[name.removeprefix(OF_METHOD)].default if name.startswith(OF_METHOD) else getattr(resolved, name)
        for name in space
    }


def _open(ranges: Mapping[str, T], run: Run) -> dict[str, T]:
    """Those whose field the run leaves open."""
    return {name: value for name, value in ranges.items() if "." in name or getattr(run, name) is None}


def distributions(space: Space) -> dict[str, optuna.distributions.BaseDistribution]:
    """Return the ranges as Optuna has them."""
    return {name: distribution(range_) for name, range_ in drawn(space).items()}
