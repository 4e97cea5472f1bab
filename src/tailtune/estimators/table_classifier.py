"""`TabularClassifier`: a scikit-learn classifier for tables."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from tailtune.data.amounts import Amounts, read_amounts
from tailtune.data.dataset import Preprocessor
from tailtune.data.frames import to_frame
from tailtune.data.level_statistics import Labels
from tailtune.data.table_preprocessor import TablePreprocessor, row_numbers
from tailtune.errors import TailtuneError
from tailtune.estimators.classifier import TailtuneClassifier, Tensors


class TabularClassifier(TailtuneClassifier):
    """Classifier for tables of numbers, categories, booleans and dates, missing values allowed.

    Args:
        method: how to train, see ``tailtune list methods``; with settings as in ``"tuned(rho=0.1)"``. Networks take the
            tuned recipe by default, other models plain training.
        model: see ``tailtune list models``; by default a portfolio of several, or the MLP with periodic embeddings
            where a method or another setting of networks is given.
        epochs: passes over the training rows; None lets the recipe choose this and the next five, see `tailtune.Run`.
        batch_size: rows of a step.
        optimizer: "sgd" or "adamw".
        lr: learning rate at its highest.
        weight_decay: of the optimiser.
        ema: decay of the average of the weights; 0 keeps none.
        selection: keep the best weights on a validation share ("validation"), the last ones after training on all
            rows ("last"), or find the length on validation and train again on all rows ("refit").
        val_fraction: share of the rows for validation.
        patience: epochs without a better score before training stops.
        objective: what `predict` answers for, as in `tailtune.Run`. "accuracy" is the most probable class, as
            scikit-learn expects it; "balanced_accuracy", "macro_f1" or "recall@precision=0.9" answer rare classes more
            readily; "cost=FILE" is the least expected cost, which may depend on columns of X, see
            `tailtune.decision.costs.read_costs`.
        deploy_prior: class frequencies in use, which `predict_proba` is meant for: "uniform", "train" or shares such as
            "yes=0.01,no=0.99"; None for those of the training rows.
        decision: "fitted" calibrates probabilities and finds answers on the validation share where that has 30 rows or
            more; "prior" takes both from the class frequencies alone; "none" leaves the model's probabilities as they
            are and answers the most probable class.
        class_weight: "balanced", or weights by label: a row of a class counts as so many. As in scikit-learn,
            `predict_proba` and `predict` then belong to classes of these weights, unless `deploy_prior` says otherwise
            ("train" for the class frequencies of the rows). Refused where a method makes up for unequal classes itself,
            and by extra-trees.
        monitor: which validation score decides, as in `tailtune.Run`; networks only.
        minutes: time to train in.
        precision: "32", "bf16" or "auto", as in `tailtune.Run`.
        accelerator: "cpu", "cuda" or "auto", as in `tailtune.Run`.
        random_state: seed of everything random, the split included.
        verbose: 1 prints what was chosen, how long it takes and how training goes.
        keep: columns to use as categories although they look like identifiers.
        text: "hash" makes numbers of the words of sentences, which are left out otherwise.

    Attributes:
        classes_: class labels [K], sorted.
        predictor_: the trained `Predictor`.
        run_: the configuration with everything resolved.
        decided_: what was fitted for `predict_proba` and `predict`, on how many rows, and what could not be.

    >>> TabularClassifier(epochs=5).epochs
    5
    """

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        eval_set: Any = None,
    ) -> Self:
        """Train on a pandas or polars frame or an array `X` [N, D] with labels `y` [N].

        Args:
            X: rows; text columns become categories.
            y: labels.
            sample_weight: weight of each row's loss [N]; only ratios matter.
            groups: group of each row [N]; rows of one group are trained on, or validated on, together. As metadata
                they are routed by ``set_fit_request(groups=True)``.
            eval_set: ``(X, y)`` or ``[(X, y)]`` to validate on, in place of a share of `X`.

        Raises:
            TailtuneError: anything wrong with the data, in one line.
        """
        if y is None:
            raise TailtuneError("TabularClassifier requires y to be passed, but the target y is None")
        X = self._validated(X, reset=True)
        if X.height < 2:
            raise TailtuneError(f"training needs 2 samples or more, however: n_samples = {X.height} (1 sample)")
        return self._fit(X, y, sample_weight, groups, eval_set)

    def _validated(self, X: Any, reset: bool = False) -> Any:
        frame = to_frame(X)
        if frame.width == 0:
            raise TailtuneError(
                f"0 feature(s) (shape={(frame.height, 0)}) while a minimum of 1 is required; give X one column or more"
            )
        validate_data(self, X if hasattr(X, "shape") else np.asarray(X), skip_check_array=True, reset=reset)
        if frame.height == 0:
            raise TailtuneError("0 sample(s) while a minimum of 1 is required; give X one row or more")
        return frame

    def _preprocessor(self, X: Any, ids: NDArray[np.str_], labels: Labels) -> Preprocessor:
        return TablePreprocessor.fit(X, ids=ids, seed=self._run().seed, labels=labels, keep=self.keep, text=self.text)

    def _encode(self, preprocessor: Preprocessor, X: Any, training: Labels | None = None) -> Tensors:
        assert isinstance(preprocessor, TablePreprocessor)
        return preprocessor.encode(X, training=training)

    def _amounts(self, X: Any, names: tuple[str, ...]) -> Amounts | None:
        return read_amounts(X, names, row_numbers(X.height), "X") if names else None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
