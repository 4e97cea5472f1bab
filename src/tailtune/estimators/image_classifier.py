"""`ImageClassifier`: a scikit-learn classifier for images in arrays."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from tailtune.data.dataset import Preprocessor
from tailtune.data.image_preprocessor import ImagePreprocessor, as_nchw
from tailtune.data.level_statistics import Labels
from tailtune.errors import TailtuneError
from tailtune.estimators.arguments import ClassWeight
from tailtune.estimators.classifier import TailtuneClassifier, Tensors
from tailtune.settings import Monitor


class ImageClassifier(TailtuneClassifier):
    """Classifier for images in arrays: [N, H, W], [N, H, W, C] or [N, C, H, W], or flattened [N, D].

    Values are uint8 levels, or numbers of another range, which is learned in `fit` and mapped to 0..255.

    Args:
        image_shape: (H, W) or (H, W, C) of flattened images; a square, or else one row, when left out.
        policy: augmentation, see ``tailtune list policies``; None lets the recipe choose.
        flip: whether a mirrored image keeps its class; False for digits, letters and the like.
        flip_averaging: predict the mean of an image's and its mirror image's class probabilities; None does where the
            tuned recipe mirrors in training.

    All other arguments are those of `TabularClassifier`.

    Attributes:
        classes_: class labels [K], sorted.
        predictor_: the trained `Predictor`.
        run_: the configuration with everything resolved.
        decided_: what was fitted for `predict_proba` and `predict`, as in `TabularClassifier`.
        range_: the values that became 0 and 255.

    >>> ImageClassifier(flip=False).flip
    False
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, ...] | None = None,
        policy: str | None = None,
        flip: bool | None = None,
        flip_averaging: bool | None = None,
        method: str | None = None,
        model: str | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        optimizer: Literal["sgd", "adamw"] | None = None,
        lr: float | None = None,
        weight_decay: float | None = None,
        ema: float | None = None,
        selection: Literal["last", "validation", "refit"] = "validation",
        val_fraction: float = 0.15,
        patience: int | None = None,
        objective: str = "accuracy",
        deploy_prior: str | None = None,
        decision: Literal["none", "prior", "fitted"] = "fitted",
        class_weight: ClassWeight = None,
        monitor: Monitor | None = None,
        minutes: float | None = None,
        precision: Literal["auto", "32", "bf16"] = "auto",
        accelerator: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: int | np.random.RandomState | None = 0,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            method=method,
            model=model,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            lr=lr,
            weight_decay=weight_decay,
            ema=ema,
            selection=selection,
            val_fraction=val_fraction,
            patience=patience,
            objective=objective,
            deploy_prior=deploy_prior,
            decision=decision,
            class_weight=class_weight,
            monitor=monitor,
            minutes=minutes,
            precision=precision,
            accelerator=accelerator,
            random_state=random_state,
            verbose=verbose,
        )
        self.image_shape = image_shape
        self.policy = policy
        self.flip = flip
        self.flip_averaging = flip_averaging

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        eval_set: Any = None,
    ) -> Self:
        """Train on images `X` with labels `y` [N].

        Args:
            X: images, see the class.
            y: labels.
            sample_weight: weight of each image's loss [N]; only ratios matter.
            groups: group of each image [N]; images of one group are trained on, or validated on, together. As metadata
                they are routed by ``set_fit_request(groups=True)``.
            eval_set: ``(X, y)`` or ``[(X, y)]`` to validate on, in place of a share of `X`.

        Raises:
            TailtuneError: anything wrong with the data, in one line.
        """
        if y is None:
            raise TailtuneError("ImageClassifier requires y to be passed, but the target y is None")
        pixels = self._validated(X, reset=True)
        if len(pixels) < 2:
            raise TailtuneError(f"training needs 2 samples or more, however: n_samples = {len(pixels)} (1 sample)")
        return self._fit(pixels, y, sample_weight, groups, eval_set)

    def _validated(self, X: Any, reset: bool = False) -> Any:
        array = X if hasattr(X, "shape") else np.asarray(X)
        if len(array.shape) in (3, 4):
            array = np.asarray(array)
            if array.dtype.kind not in "buif":
                raise TailtuneError(f"images must be arrays of numbers, however: dtype {array.dtype}")
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise TailtuneError("images hold NaN or infinity; replace these pixels")
            size = int(np.prod(array.shape[1:]))
            if not reset and size != self.n_features_in_:
                raise TailtuneError(
                    f"images have {size} values, but {self.n_features_in_} were trained on; resize them"
                )
            self.n_features_in_ = size
        else:
            array = validate_data(self, X, reset=reset, ensure_min_features=1)
            array = array.reshape(len(array), *self._flat_shape(array.shape[1]))
        if reset:
            self.range_ = _value_range(array)
        if array.dtype == np.uint8:
            return array
        low, high = self.range_
        return np.clip(np.rint((array.astype(np.float64) - low) * (255 / (high - low))), 0, 255).astype(np.uint8)

    def _flat_shape(self, size: int) -> tuple[int, ...]:
        if self.image_shape is not None:
            if int(np.prod(self.image_shape)) != size:
                raise TailtuneError(f"rows of {size} values do not fit image_shape {self.image_shape}")
            return tuple(self.image_shape)
        side = round(size**0.5)
        return (side, side) if side * side == size else (1, size)

    def _preprocessor(self, X: Any, ids: NDArray[np.str_], labels: Labels) -> Preprocessor:
        return ImagePreprocessor.fit(torch.from_numpy(as_nchw(X, "X")))

    def _encode(self, preprocessor: Preprocessor, X: Any, training: Labels | None = None) -> Tensors:
        assert isinstance(preprocessor, ImagePreprocessor)
        return preprocessor.encode(X)

    def _extra_state(self) -> dict[str, Any]:
        return {"range": list(self.range_)}

    def _load_extra(self, state: dict[str, Any]) -> None:
        self.range_ = tuple(state["range"])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _value_range(array: NDArray[Any]) -> tuple[float, float]:
    """The values that are to become 0 and 255: of levels, of shares, or else the extremes."""
    low, high = float(array.min()), float(array.max())
    whole = array.dtype.kind in "biu"
    if whole and low >= 0 and high <= 255:
        return 0.0, 255.0
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, high if high > low else low + 1.0
