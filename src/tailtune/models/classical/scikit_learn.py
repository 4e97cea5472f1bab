"""Models of scikit-learn behind the contract of `Library`, kept by skops, which restores named types and no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from tailtune.errors import TailtuneError
from tailtune.models.classical.library import (
    NOT_OURS,
    Floats,
    check_columns,
    check_widths,
    feature_table,
    packed,
    unpacked,
    with_missing_columns,
)

if TYPE_CHECKING:
    import torch

    from tailtune.data.dataset import Part


@dataclass(frozen=True)
class ScikitLearn:
    """A fitted model.

    Attributes:
        classifier: scikit-learn's own, with `predict_proba`.
        num_classes: number of classes K.
        numeric: number of numeric columns Dn.
        categorical: number of categorical columns Dc.
        rounds: rounds of boosting; 1 for a model without.
    """

    classifier: Any
    num_classes: int
    numeric: int
    categorical: int
    rounds: int = 1

    def predict_proba(self, inputs: Sequence[torch.Tensor]) -> Floats:
        """Return class probabilities [N, K] of (numeric [N, Dn], categorical [N, Dc]).

        Another number of columns than in training is a TailtuneError.
        """
        check_widths(inputs, self.numeric, self.categorical)
        rows = feature_table(inputs)
        if not len(rows):
            return np.zeros((0, self.num_classes))
        found = np.asarray(self.classifier.predict_proba(rows), dtype=np.float64)
        return with_missing_columns(found, self.classifier.classes_.astype(np.int64), self.num_classes)

    def to_bytes(self) -> bytes:
        """Return the model as skops writes it, after a line with its sizes."""
        import skops.io

        meta = {name: getattr(self, name) for name in ("num_classes", "numeric", "categorical", "rounds")}
        blob: bytes = skops.io.dumps(self.classifier)
        return packed(meta, blob)


def read(content: bytes, trusted: Sequence[str]) -> ScikitLearn:
    """Read what `ScikitLearn.to_bytes` returned, if it holds nothing but what skops knows and `trusted` names.

    Raises:
        TailtuneError: anything else.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        meta, blob = unpacked(content)
        return ScikitLearn(skops.io.loads(blob, trusted=list(trusted)), **meta)
    except (UntrustedTypesFoundException, BadZipFile, ValueError, TypeError, KeyError) as error:
        raise TailtuneError(NOT_OURS) from error


def fitted(
    classifier: Any,
    train: Part,
    shape: Mapping[str, Any],
    num_classes: int,
    row_weights: tuple[Floats, Floats] | None,
    weighs: str = "sample_weight",
    **more: Any,
) -> ScikitLearn:
    """Fit `classifier` to the training rows; `weighs` names its argument for the weights of rows, `more` are others.

    Raises:
        TailtuneError: a table without columns, or with rows of one class.
    """
    numeric, categorical = check_columns(shape)
    weights = {} if row_weights is None else {weighs: row_weights[0]}
    targets = train.targets.numpy()
    if len(np.unique(targets)) < 2:
        raise TailtuneError("the training rows are of one class; give it rows of two")
    classifier.fit(feature_table(train.tensors(type(classifier).__name__)), targets, **weights, **more)
    rounds = int(getattr(classifier, "n_iter_", 1)) if hasattr(classifier, "max_iter") else 1
    return ScikitLearn(classifier, num_classes, numeric, categorical, rounds)


def columns_in_front(numeric: int, categorical: int) -> Any:
    """Return what standardises numbers, with missing ones at their mean, and spreads categories one-hot."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_column_transformer(
        (numbers, list(range(numeric))),
        (OneHotEncoder(handle_unknown="ignore"), list(range(numeric, numeric + categorical))),
    )
