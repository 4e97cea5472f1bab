"""LightGBM: gradient-boosted trees that grow leaf by leaf."""

from __future__ import annotations

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
    packed,
    torch_threads,
    unpacked,
)

if TYPE_CHECKING:
    import torch
    from lightgbm import Booster

    from tailtune.data.dataset import Part

LABEL = "LightGBM"
TAKES = OF_STAGES
WEIGHS_CLASSES = True
LOOKS_AT_CLOCK = True
# tuned over many tables for classification: Holzmueller, Grinsztajn and Steinwart, "Better by Default: Strong Pre-Tuned
# MLPs and Boosted Trees on Tabular Data", NeurIPS 2024 (LGBM-TD)
SETTINGS: Mapping[str, Any] = {
    "learning_rate": 0.04,
    "num_leaves": 50,
    "bagging_fraction": 0.75,
    "bagging_freq": 1,
    "feature_fraction": 1.0,
    "min_data_in_leaf": 40,
    "min_sum_hessian_in_leaf": 1e-7,
    "max_bin": 255,
    "max_depth": -1,
    "lambda_l1": 0.0,
    "lambda_l2": 0.0,
}


@dataclass(frozen=True)
class LightGBM:
    """Fitted trees.

    Attributes:
        booster: LightGBM's own model.
        num_classes: number of classes K.
        numeric: number of numeric columns Dn.
        categorical: number of categorical columns Dc.
        rounds: boosting rounds that predictions use.
    """

    booster: Booster
    num_classes: int
    numeric: int
    categorical: int
    rounds: int

    def predict_proba(self, inputs: Sequence[torch.Tensor]) -> Floats:
        """Return class probabilities [N, K] of (numeric [N, Dn], categorical [N, Dc]).

        A category that the training rows did not have goes where the other categories go at each split. Another number
        of columns than in training is a TailtuneError.
        """
        check_widths(inputs, self.numeric, self.categorical)
        rows, threads = feature_table(inputs), torch_threads()
        scores = self.booster.predict(rows, num_iteration=self.rounds, num_threads=threads)
        return of_every_class(np.asarray(scores, dtype=np.float64), self.num_classes)

    def to_bytes(self) -> bytes:
        """Return the trees in LightGBM's text format, after a line with their sizes."""
        meta = {name: getattr(self, name) for name in ("num_classes", "numeric", "categorical", "rounds")}
        text = self.booster.model_to_string(num_iteration=self.rounds)
        return packed(meta, text.encode())


def from_bytes(content: bytes) -> LightGBM:
    """Read what `LightGBM.to_bytes` returned.

    Raises:
        TailtuneError: anything else.
    """
    import lightgbm

    try:
        meta, text = unpacked(content)
        return LightGBM(lightgbm.Booster(model_str=text.decode()), **meta)
    except (lightgbm.basic.LightGBMError, ValueError, TypeError) as error:
        raise TailtuneError(NOT_OURS) from error


def fit(
    train: Part,
    val: Part | None,
    shape: Mapping[str, Any],
    num_classes: int,
    seed: int,
    row_weights: tuple[Floats, Floats] | None = None,
    boosting: Boosting = ORDINARY,
    settings: Mapping[str, Any] | None = None,
) -> LightGBM:
    """Boost trees, with categories split as sets; see `Library.fit`. The same rows and seed give the same trees.

    A table without columns is a TailtuneError.

    Source: Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017.
    """
    import lightgbm

    numeric, categorical = check_columns(shape)
    chosen: dict[str, Any] = {
        "objective": "binary" if num_classes == 2 else "multiclass",
        "metric": "binary_logloss" if num_classes == 2 else "multi_logloss",
        **(settings or SETTINGS),
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,  # else timed anew on every start, and with it the last bits
        "num_threads": boosting.threads or torch_threads(),
        "verbosity": -1,
    }
    if num_classes > 2:
        chosen["num_class"] = num_classes

    def table(part: Part, weights: Floats | None, reference: Any) -> Any:
        codes = list(range(numeric, numeric + categorical))
        rows = feature_table(part.tensors(LABEL))
        return lightgbm.Dataset(rows, part.targets.numpy(), reference, weights, categorical_feature=codes)

    losses: list[float] = []

    def clock(state: Any) -> None:
        losses.extend(value for _, _, value, _ in state.evaluation_result_list or ())
        if boosting.over:
            best = int(np.argmin(losses)) if losses else state.iteration
            raise lightgbm.callback.EarlyStopException(best, state.evaluation_result_list)

    of_train, of_val = row_weights or (None, None)
    training = table(train, of_train, None)
    if val is None or len(val) == 0:
        booster = lightgbm.train(chosen, training, boosting.rounds_without_validation, callbacks=[clock])
        rounds = booster.current_iteration()
    else:
        stop = lightgbm.early_stopping(boosting.patience, verbose=False)
        held_out = table(val, of_val, training)
        booster = lightgbm.train(chosen, training, boosting.rounds, valid_sets=[held_out], callbacks=[clock, stop])
        rounds = booster.best_iteration
    return LightGBM(booster, num_classes, numeric, categorical, rounds)
