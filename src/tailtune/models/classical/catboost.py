"""CatBoost: gradient-boosted symmetric trees, with statistics of the target in place of categories."""

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
    packed,
    share_of_columns,
    torch_threads,
    unpacked,
)

if TYPE_CHECKING:
    import torch

    from tailtune.data.dataset import Part

LABEL = "CatBoost"
TAKES = OF_STAGES
WEIGHS_CLASSES = True
LOOKS_AT_CLOCK = True
# tuned over many tables for classification: Holzmueller, Grinsztajn and Steinwart, "Better by Default: Strong Pre-Tuned
# MLPs and Boosted Trees on Tabular Data", NeurIPS 2024 (CatBoost-TD), but for l2_leaf_reg and depth, 1e-5 and 7 there:
# see benchmarks/boosting_penalties_catboost.json and boosting_sizes_catboost.json; and for rsm, see members_wide_*.json
SETTINGS: Mapping[str, Any] = {
    "learning_rate": 0.08,
    "depth": 6,
    "l2_leaf_reg": 1.0,
    "boosting_type": "Plain",
    "bootstrap_type": "Bernoulli",
    "subsample": 0.9,
    "random_strength": 0.8,
    "one_hot_max_size": 15,
    "leaf_estimation_iterations": 1,
    "max_bin": 254,
    "rsm": None,  # share of the columns that a level of a tree looks at; None for one by their number
}
LEAST_SHARE = 0.1


@dataclass(frozen=True)
class CatBoost:
    """A fitted model.

    Attributes:
        booster: CatBoost's own model, cut to its best round.
        num_classes: number of classes K.
        numeric: number of numeric columns Dn.
        categorical: number of categorical columns Dc.
    """

    booster: Any
    num_classes: int
    numeric: int
    categorical: int

    @property
    def rounds(self) -> int:
        """Boosting rounds that predictions use."""
        return int(self.booster.tree_count_)

    def predict_proba(self, inputs: Sequence[torch.Tensor]) -> Floats:
        """Return class probabilities [N, K] of (numeric [N, Dn], categorical [N, Dc]).

        A category that the training rows did not have gets the statistics of no rows. Another number of columns than in
        training is a TailtuneError.
        """
        check_widths(inputs, self.numeric, self.categorical)
        found = self.booster.predict(_table(inputs), "Probability", thread_count=torch_threads())
        return np.asarray(found, dtype=np.float64).reshape(-1, self.num_classes)

    def to_bytes(self) -> bytes:
        """Return the model in CatBoost's binary format, after a line with its sizes."""
        meta = {name: getattr(self, name) for name in ("num_classes", "numeric", "categorical")}
        blob: bytes = self.booster._serialize_model()
        return packed(meta, blob)


def from_bytes(content: bytes) -> CatBoost:
    """Read what `CatBoost.to_bytes` returned.

    Raises:
        TailtuneError: anything else.
    """
    import catboost

    try:
        meta, blob = unpacked(content)
        booster = catboost.CatBoost().load_model(blob=blob)
        return CatBoost(booster, **meta)
    except (catboost.CatBoostError, ValueError, TypeError) as error:
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
) -> CatBoost:
    """Boost trees; see `Library.fit`. The same rows and seed give the same trees.

    Raises:
        TailtuneError: a table without columns, or one in which no column varies.

    Source: Prokhorenkova et al., "CatBoost: unbiased boosting with categorical features", NeurIPS 2018.
    """
    import catboost

    numeric, categorical = check_columns(shape)

    def pool(part: Part, weights: Floats | None) -> Any:
        return catboost.Pool(_table(part.tensors(LABEL)), part.targets.numpy(), weight=weights)

    class Clock:
        """Stops when the time is up."""

        def after_iteration(self, info: Any) -> bool:
            return not boosting.over

    objective: dict[str, Any] = {"loss_function": "Logloss"}
    if num_classes > 2:
        objective = {"loss_function": "MultiClass", "classes_count": num_classes}
    chosen = dict(settings or SETTINGS)
    if chosen["rsm"] is None:
        chosen["rsm"] = share_of_columns(numeric + categorical, LEAST_SHARE)
    of_train, of_val = row_weights or (None, None)
    held_out = val is not None and len(val) > 0
    booster = catboost.CatBoost(
        chosen
        | objective
        | {
            "iterations": boosting.rounds if held_out else boosting.rounds_without_validation,
            "random_seed": seed,
            "thread_count": boosting.threads or torch_threads(),
            "allow_const_label": True,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
    )
    stopping: dict[str, Any] = {}
    if val is not None and held_out:
        stopping = {"eval_set": pool(val, of_val), "early_stopping_rounds": boosting.patience, "use_best_model": True}
    try:
        booster.fit(pool(train, of_train), callbacks=[Clock()], **stopping)
    except catboost.CatBoostError as error:
        raise TailtuneError(f"CatBoost cannot learn from this table ({error}); choose another --model") from error
    return CatBoost(booster, num_classes, numeric, categorical)


def _table(inputs: Sequence[torch.Tensor]) -> Any:
    """Both kinds of columns in CatBoost's own container; categories as text, which is what it takes."""
    import catboost

    numeric, categorical = (x.numpy() for x in inputs)
    return catboost.FeaturesData(
        num_feature_data=np.ascontiguousarray(numeric, dtype=np.float32) if numeric.shape[1] else None,
        cat_feature_data=categorical.astype("S").astype(object) if categorical.shape[1] else None,
    )
