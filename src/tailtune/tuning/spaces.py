"""What a search varies: for tables the settings of each model, for networks the routine and the method too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tailtune.data.dataset import Dataset
from tailtune.methods.search import Choice, Log, Space, Uniform, drawn
from tailtune.models.build import default_name
from tailtune.named_settings import home, parse, with_settings
from tailtune.run.learners import learner_of
from tailtune.run.learners.portfolio import MEMBERS
from tailtune.settings import Run
from tailtune.study.tune import declared, distribution

if TYPE_CHECKING:
    import optuna

# of models of tables; the ranges are those that are usual in the literature, around the defaults
MODELS: Mapping[str, Space] = {
    "xgboost": {
        "max_depth": Choice((3, 4, 5, 6, 7, 8, 10)),
        "learning_rate": Log(0.01, 0.3),
        "min_child_weight": Log(1e-4, 30.0),
        "subsample": Uniform(0.5, 1.0),
        "colsample_bytree": Uniform(0.5, 1.0),
        "reg_lambda": Log(1e-3, 10.0),
    },
    "lightgbm": {
        "num_leaves": Choice((8, 15, 31, 50, 100, 200)),
        "learning_rate": Log(0.01, 0.2),
        "min_data_in_leaf": Choice((2, 5, 10, 20, 40, 80, 160)),
        "bagging_fraction": Uniform(0.5, 1.0),
        "feature_fraction": Uniform(0.4, 1.0),
        "lambda_l2": Log(1e-3, 10.0),
    },
    "catboost": {
        "depth": Choice((4, 5, 6, 7, 8, 9)),
        "learning_rate": Log(0.02, 0.3),
        "l2_leaf_reg": Log(1e-5, 10.0),
        "random_strength": Uniform(0.0, 2.0),
        "subsample": Uniform(0.6, 1.0),
    },
    "extra-trees": {
        "max_features": Choice(("sqrt", 0.2, 0.4, 0.7, 1.0)),
        "min_samples_leaf": Choice((1, 2, 3, 5, 10)),
    },
    "histogram-boosting": {
        "learning_rate": Log(0.01, 0.3),
        "max_leaf_nodes": Choice((8, 15, 31, 63, 127)),
        "min_samples_leaf": Choice((2, 5, 10, 20, 40)),
        "l2_regularization": Log(1e-6, 10.0),
    },
    "logistic-regression": {"C": Log(1e-3, 1e2)},
    "linear-svc": {"C": Log(1e-4, 1e2)},
    "mlp-plr": {
        "layers": Choice((1, 2, 3, 4)),
        "width": Choice((64, 128, 256, 512)),
        "dropout": Uniform(0.0, 0.5),
        "d_embedding": Choice((8, 16, 24)),
    },
}
ROUTINE: Space = {  # of networks on tables
    "lr": Log(0.01, 0.3),
    "weight_decay": Log(1e-6, 1e-3),
    "batch_size": Choice((32, 64, 128, 256)),
    "ema": Choice((0.0, 0.98, 0.99, 0.999)),
}
PICTURES: Space = {
    "lr": Log(0.01, 0.4),
    "weight_decay": Log(5e-5, 5e-3),
    "batch_size": Choice((16, 32, 64, 128)),
    "ema": Choice((0.0, 0.98, 0.999)),
}
POLICIES = ("flip+crop", "flip+crop+trivialaugment", "flip+crop+trivialaugment+cutmix", "flip+crop+erasing")
SIZES = ("resnet8", "resnet20", "resnet32", "resnet56")  # of small pictures
OF_METHOD, OF_MODEL = "method.", "model."  # before the names of settings that stand in parentheses


@dataclass(frozen=True)
class Search:
    """What one search varies around one run.

    Attributes:
        name: of the model that is tuned.
        start: the run that it starts from, which is the default.
        space: ranges by name: fields of a run, and behind "model." and "method." what stands in parentheses.
    """

    name: str
    start: Run
    space: Space

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


def searches(run: Run, dataset: Dataset) -> tuple[Search, ...]:
    """Return what is searched for `run`: a table's models one by one, or the network of pictures.

    What the run states itself (its model, method, or a field of the routine) is not varied.
    """
    if dataset.kind == "table":
        names = MEMBERS if run.model is None else (run.model,)
        return tuple(_of_table(run, name) for name in names)
    shape = dataset.preprocessor.shape()
    model = run.model or default_name(dataset.kind, shape, len(dataset.train), run.weights)
    space = dict(PICTURES) | _of_method(run)
    if run.model is None and model in SIZES:
        space["model"] = Choice(SIZES)
    if run.policy is None and (dataset.flip if run.flip is None else run.flip) is not False:
        space["policy"] = Choice(POLICIES)
    start = replace(run, model=model, method=run.method or "tuned")
    return (Search(model, start, _open(space, run)),)


def _of_table(run: Run, name: str) -> Search:
    kind, given = home(name), parse(name)[1]
    space: Space = {f"{OF_MODEL}{key}": range_ for key, range_ in MODELS.get(kind, {}).items() if key not in given}
    network = learner_of(name).network
    if network:
        space |= ROUTINE | _of_method(run)
    method = (run.method or "tuned") if network else "erm"
    return Search(name, replace(run, model=name, method=method), _open(space, run))


def _of_method(run: Run) -> Space:
    """What the method's own SEARCH declares, and the run does not state."""
    method = run.method or "tuned"
    return {f"{OF_METHOD}{key}": range_ for key, range_ in declared(method).items() if key not in parse(method)[1]}


def _open(space: Space, run: Run) -> Space:
    """The ranges whose field the run leaves open."""
    return {name: range_ for name, range_ in space.items() if "." in name or getattr(run, name) is None}


def distributions(space: Space) -> dict[str, optuna.distributions.BaseDistribution]:
    """Return the ranges as Optuna has them."""
    return {name: distribution(range_) for name, range_ in drawn(space).items()}
