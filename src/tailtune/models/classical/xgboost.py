"""XGBoost: gradient-boosted trees, as a model and as the bar to clear."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tailtune.errors import TailtuneError
from tailtune.models.classical.library import (
    NOT_OURS,
    OF_STAGES,
    ORDINARY,
    Boosting,
    Floats,
    check_columns,
    check_widths,
    feature_table,
    of_every_class,
    share_of_columns,
    torch_threads,
)

if TYPE_CHECKING:
    import torch
    from xgboost import Booster

    from tailtune.data.dataset import Part

LABEL = "XGBoost"
TAKES = OF_STAGES
WEIGHS_CLASSES = True
LOOKS_AT_CLOCK = True
# tuned over many tables for classification: Holzmueller, Grinsztajn and Steinwart, "Better by Default: Strong Pre-Tuned
# MLPs and Boosted Trees on Tabular Data", NeurIPS 2024 (XGB-TD), but for reg_lambda, which is 0 there and the library's
# own here: without it boosting diverges from 20 classes on, see benchmarks/boosting_penalties_xgboost.json
SETTINGS: Mapping[str, Any] = {
    "learning_rate": 0.08,
    "max_depth": 6,
    "min_child_weight": 5e-6,
    "reg_lambda": 1.0,
    "colsample_bylevel": 0.9,
    "subsample": 0.65,
    "max_bin": 256,
    "colsample_bytree": 1.0,
    "colsample_bynode": None,  # share of the columns that a split looks at; None for one by their number
    "gamma": 0.0,
    "reg_alpha": 0.0,
    "max_cat_to_onehot": 4,  # levels, up to which a category is split one level at a time; the library's own
}
LEAST_SHARE = 0.3


@dataclass(frozen=True)
class XGBoost:
    """Fitted trees.

    Attributes:
        booster: XGBoost's own model, cut to its best round.
        num_classes: number of classes K.
        numeric: number of numeric columns Dn.
        categorical: number of categorical columns Dc.
    """

    booster: Booster
    num_classes: int
    numeric: int
    categorical: int

    @property
    def rounds(self) -> int:
        """Boosting rounds that predictions use."""
        return int(self.booster.num_boosted_rounds())

    def predict_proba(self, inputs: Sequence[torch.Tensor]) -> Floats:
        """Return class probabilities [N, K] of (numeric [N, Dn], categorical [N, Dc]).

        A category that the training rows did not have goes down each tree's default branch, as a missing value does.
        Another number of columns than in training is a TailtuneError.
        """
        import xgboost

        check_widths(inputs, self.numeric, self.categorical)
        types = _types(self.numeric, self.categorical)
        threads = torch_threads()
        rows = feature_table(inputs)
        matrix = xgboost.DMatrix(rows, feature_types=types, enable_categorical=True, nthread=threads)
        self.booster.set_param({"nthread": threads})
        return of_every_class(np.asarray(self.booster.predict(matrix), dtype=np.float64), self.num_classes)

    def to_bytes(self) -> bytes:
        """Return the trees in XGBoost's UBJSON format, with their sizes inside."""
        meta = {"num_classes": self.num_classes, "numeric": self.numeric, "categorical": self.categorical}
        self.booster.set_attr(tailtune=json.dumps(meta))
        return bytes(self.booster.save_raw("ubj"))


def from_bytes(content: bytes) -> XGBoost:
    """Read what `XGBoost.to_bytes` returned.

    Raises:
        TailtuneError: anything else.
    """
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content or b"{}"))  # no content at all would end the process
        meta: dict[str, int] = json.loads(booster.attr("tailtune") or "")
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise TailtuneError(NOT_OURS) from error
    return XGBoost(booster, meta["num_classes"], meta["numeric"], meta["categorical"])


def fit(
    train: Part,
    val: Part | None,
    shape: Mapping[str, Any],
    num_classes: int,
    seed: int,
    row_weights: tuple[Floats, Floats] | None = None,
    boosting: Boosting = ORDINARY,
    settings: Mapping[str, Any] | None = None,
) -> XGBoost:
    """Boost trees, with categories split as sets and histogram bins for numbers; see `Library.fit`.

    A table without columns is a TailtuneError.

    Source: Chen and Guestrin, "XGBoost: A Scalable Tree Boosting System", KDD 2016.
    """
    import xgboost

    numeric, categorical = check_columns(shape)
    threads = boosting.threads or torch_threads()

    class Clock(xgboost.callback.TrainingCallback):  # type: ignore[misc]  # it has no types
        """Stops when the time is up."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            return boosting.over

    def matrix(part: Part, weights: Floats | None, reference: Any) -> Any:
        return xgboost.QuantileDMatrix(
            feature_table(part.tensors(LABEL)),
            part.targets.numpy(),
            weight=weights,
            feature_types=_types(numeric, categorical),
            enable_categorical=True,
            ref=reference,
            nthread=threads,
        )

    objective: dict[str, Any] = {"objective": "binary:logistic", "eval_metric": "logloss"}
    if num_classes > 2:
        objective = {"objective": "multi:softprob", "eval_metric": "mlogloss", "num_class": num_classes}
    asked = dict(settings or SETTINGS)
    if asked["colsample_bynode"] is None:
        asked["colsample_bynode"] = share_of_columns(numeric + categorical, LEAST_SHARE)
    chosen = objective | {
        **asked,
        "tree_method": "hist",
        "seed": seed,
        "nthread": threads,
    }
    of_train, of_val = row_weights or (None, None)
    training = matrix(train, of_train, None)
    if val is None or len(val) == 0:
        booster = xgboost.train(chosen, training, boosting.rounds_without_validation, callbacks=[Clock()])
    else:
        stop = xgboost.callback.EarlyStopping(rounds=boosting.patience, save_best=True)
        evals = [(matrix(val, of_val, training), "validation")]
        callbacks = [stop, Clock()]
        booster = xgboost.train(chosen, training, boosting.rounds, evals=evals, callbacks=callbacks, verbose_eval=False)
    return XGBoost(booster, num_classes, numeric, categorical)


def _types(numeric: int, categorical: int) -> list[str]:
    return ["q"] * numeric + ["c"] * categorical
