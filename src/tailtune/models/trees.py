"""Gradient-boosted trees (XGBoost) on the inputs that the networks get, as a model and as the bar to clear."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    import torch
    from xgboost import Booster

    from tailtune.data.dataset import Part

NAMES = ("xgboost",)


@dataclass(frozen=True)
class TreeConfig:
    """Settings of the boosting; the defaults are ordinary ones for any table, not tuned to one.

    Attributes:
        learning_rate: shrinkage of each round.
        max_depth: depth of a tree.
        rounds: most rounds with a validation part; a round grows one tree, or one a class beyond two classes.
        patience: rounds without a better validation log loss before boosting stops; the best round counts.
        rounds_without_validation: fixed number of rounds where nothing can stop the boosting.
        threads: processor threads; None takes all.
    """

    learning_rate: float = 0.1
    max_depth: int = 6
    rounds: int = 2000
    patience: int = 50
    rounds_without_validation: int = 200
    threads: int | None = None


DEFAULT = TreeConfig()


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

    def predict_proba(self, inputs: Sequence[torch.Tensor]) -> NDArray[np.float64]:
        """Return class probabilities [N, K] of (numeric [N, Dn], categorical [N, Dc]).

        A category that the training rows did not have goes down each tree's default branch, as a missing value does.

        Raises:
            TailtuneError: another number of columns than in training.
        """
        import xgboost

        widths = [x.shape[1] for x in inputs]
        if widths != [self.numeric, self.categorical]:
            raise TailtuneError(
                f"the trees were fitted on {self.numeric} numeric and {self.categorical} categorical columns,"
                f" however: {widths}; encode the rows with the preprocessor of that run"
            )
        matrix = xgboost.DMatrix(_table(inputs), feature_types=_types(*widths), enable_categorical=True)
        scores: NDArray[np.float64] = np.asarray(self.booster.predict(matrix), dtype=np.float64)
        if self.num_classes == 2:
            return np.stack([1 - scores, scores], axis=1)
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))

    def to_bytes(self) -> bytes:
        """Return the trees in XGBoost's UBJSON format, with their sizes inside."""
        meta = {"num_classes": self.num_classes, "numeric": self.numeric, "categorical": self.categorical}
        self.booster.set_attr(tailtune=json.dumps(meta))
        return bytes(self.booster.save_raw("ubj"))

    @classmethod
    def from_bytes(cls, content: bytes) -> XGBoost:
        """Read what `to_bytes` returned.

        Raises:
            TailtuneError: anything else.
        """
        import xgboost

        booster = xgboost.Booster()
        try:
            booster.load_model(bytearray(content or b"{}"))  # no content at all would end the process
            meta: dict[str, int] = json.loads(booster.attr("tailtune") or "")
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise TailtuneError("these are no trees that tailtune saved; take model.safetensors of a run") from error
        return cls(booster, meta["num_classes"], meta["numeric"], meta["categorical"])


def fit_xgboost(
    train: Part,
    val: Part | None,
    shape: Mapping[str, Any],
    num_classes: int,
    seed: int,
    class_weights: ArrayLike | None = None,
    config: TreeConfig = DEFAULT,
) -> XGBoost:
    """Boost trees on log loss, with categories split as sets and histogram bins for numbers.

    A row counts with its own weight times that of its class, on the validation part too, so that stopping judges what
    boosting minimises. Classes without training rows keep their column of the probabilities.

    Args:
        train: rows to fit, inputs as (numeric [N, Dn], categorical [N, Dc]).
        val: rows whose log loss stops the boosting; None fits a fixed number of rounds.
        shape: ``{"numeric": Dn, "cardinalities": [c_1, ...]}``.
        num_classes: number of classes K.
        seed: seed of XGBoost's generator.
        class_weights: weight of each class [K], or None for equal ones.
        config: settings of the boosting.

    Returns:
        The trees up to the best round.

    Raises:
        TailtuneError: no feature columns, or class weights of another length.

    Source: Chen and Guestrin, "XGBoost: A Scalable Tree Boosting System", KDD 2016.
    """
    import xgboost

    types = _types(int(shape["numeric"]), len(shape["cardinalities"]))
    if not types:
        raise TailtuneError("the table has no feature column left to learn from; add one, or ignore fewer columns")
    weights = np.ones(num_classes) if class_weights is None else np.asarray(class_weights, dtype=np.float64)
    if weights.shape != (num_classes,):
        raise TailtuneError(f"class_weights must have shape [{num_classes}], however: shape {weights.shape}")

    def matrix(part: Part, reference: Any) -> Any:
        targets = part.targets.numpy()
        rows = weights[targets] if part.weights is None else weights[targets] * part.weights.numpy()
        return xgboost.QuantileDMatrix(
            _table(part.tensors("xgboost")),
            targets,
            weight=rows,
            feature_types=types,
            enable_categorical=True,
            ref=reference,
            nthread=config.threads,
        )

    objective: dict[str, Any] = {"objective": "binary:logistic", "eval_metric": "logloss"}
    if num_classes > 2:
        objective = {"objective": "multi:softprob", "eval_metric": "mlogloss", "num_class": num_classes}
    settings = objective | {
        "tree_method": "hist",
        "learning_rate": config.learning_rate,
        "max_depth": config.max_depth,
        "seed": seed,
        "nthread": config.threads or 0,
    }
    training = matrix(train, None)
    if val is None or len(val) == 0:
        booster = xgboost.train(settings, training, config.rounds_without_validation)
    else:
        stop = xgboost.callback.EarlyStopping(rounds=config.patience, save_best=True)
        evals = [(matrix(val, training), "validation")]
        booster = xgboost.train(settings, training, config.rounds, evals=evals, callbacks=[stop], verbose_eval=False)
    return XGBoost(booster, num_classes, int(shape["numeric"]), len(shape["cardinalities"]))


def _types(numeric: int, categorical: int) -> list[str]:
    return ["q"] * numeric + ["c"] * categorical


def _table(inputs: Sequence[torch.Tensor]) -> NDArray[np.float32]:
    return np.concatenate([x.numpy().astype(np.float32) for x in inputs], axis=1)
