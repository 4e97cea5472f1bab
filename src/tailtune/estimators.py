"""scikit-learn estimators: `TabularClassifier` and `ImageClassifier`."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from tailtune.data.dataset import Dataset, Part, Preprocessor
from tailtune.data.frames import to_frame
from tailtune.data.image_preprocessor import ImagePreprocessor, as_nchw
from tailtune.data.splits import split_hash, stratified
from tailtune.data.table_preprocessor import TablePreprocessor, row_numbers
from tailtune.errors import TailtuneError
from tailtune.run import Run
from tailtune.study.fit_model import fit_model
from tailtune.study.predictor import Predictor
from tailtune.study.run_folder import write_whole

Tensors = tuple[torch.Tensor, ...]


class _TailtuneClassifier(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn ships no types
    """What both estimators share: settings, fitting in memory, probabilities, saving."""

    classes_: NDArray[Any]
    n_features_in_: int

    def __init__(
        self,
        *,
        method: str = "tuned",
        model: str | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        optimizer: Literal["sgd", "adamw"] | None = None,
        lr: float | None = None,
        weight_decay: float | None = None,
        rho: float | None = None,
        smoothing: float | None = None,
        ema: float | None = None,
        selection: Literal["last", "validation", "refit"] = "validation",
        val_fraction: float = 0.15,
        patience: int | None = None,
        precision: Literal["auto", "32", "bf16"] = "auto",
        accelerator: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.method = method
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.rho = rho
        self.smoothing = smoothing
        self.ema = ema
        self.selection = selection
        self.val_fraction = val_fraction
        self.patience = patience
        self.precision = precision
        self.accelerator = accelerator
        self.random_state = random_state

    def _run(self) -> Run:
        settings = self.get_params()
        state = settings.pop("random_state")
        seed = int(state) if isinstance(state, int | np.integer) else int(check_random_state(state).randint(2**31 - 1))
        known = {name: settings[name] for name in settings if name in Run.__dataclass_fields__}
        return Run(data="memory", seed=seed, **known)

    def _targets(self, y: ArrayLike) -> NDArray[np.int64]:
        check_classification_targets(y)
        labels = column_or_1d(y, warn=True)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise TailtuneError(f"a classifier needs two classes or more, however: one class, {self.classes_[0]!r}")
        return codes.astype(np.int64)

    def _fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, rows: int) -> Self:
        codes = self._targets(y)
        if len(codes) != rows:
            raise TailtuneError(f"X has {rows} rows and y has {len(codes)}; they must belong together")
        weights = None
        if sample_weight is not None:
            weights = np.asarray(_check_sample_weight(sample_weight, np.empty((rows, 1)), ensure_non_negative=True))
        run = self._run()
        ids = row_numbers(rows)
        chosen = stratified(codes, 0.0, 0.0 if run.selection == "last" else run.val_fraction, seed=run.seed)
        if len(chosen.val) == 0:
            run = replace(run, selection="last")
        names = tuple(str(label) for label in self.classes_)
        preprocessor = self._preprocessor(X, chosen.train)
        inputs = self._encode(preprocessor, X)
        scaled = None if weights is None else torch.as_tensor(weights / weights.mean(), dtype=torch.float32)
        whole = Part(inputs, torch.as_tensor(codes), ids, scaled)
        val = whole.take(chosen.val) if len(chosen.val) else None
        train, test = whole.take(chosen.train), whole.take(np.zeros(0, dtype=np.int64))
        digest = split_hash(train.ids, None if val is None else val.ids, test.ids)
        dataset = Dataset(preprocessor.kind, "memory", names, train, val, test, preprocessor, "stratified", digest)
        fitted = fit_model(run, dataset)
        assert fitted is not None
        self.predictor_ = fitted.predictor
        self.run_ = fitted.run
        self.n_iter_ = max(1, int(fitted.training["epochs"]))
        return self

    @abstractmethod
    def _preprocessor(self, X: Any, rows: NDArray[np.int64]) -> Preprocessor:
        """Fit the preprocessing on the training `rows` of the validated `X`."""

    @abstractmethod
    def _encode(self, preprocessor: Preprocessor, X: Any) -> Tensors:
        """Turn the validated `X` into model inputs."""

    @abstractmethod
    def _validated(self, X: Any, reset: bool = False) -> Any:
        """Check `X` and return it in the form that the other two take; `reset` learns its width."""

    def _extra_state(self) -> dict[str, Any]:
        return {}

    def _load_extra(self, state: dict[str, Any]) -> None:
        """Take up what `_extra_state` gave."""

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return class probabilities [N, K], columns in the order of ``classes_``.

        Raises:
            TailtuneError: rows of another shape or other columns than in `fit`.
        """
        check_is_fitted(self)
        X = self._validated(X)
        return self.predictor_.probabilities(self._encode(self.predictor_.preprocessor, X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row [N]."""
        chosen = self.predict_proba(X).argmax(1)
        return np.asarray(self.classes_[chosen])

    def save(self, folder: str | Path) -> None:
        """Write the fitted estimator to `folder`, as safetensors and JSON.

        Raises:
            TailtuneError: the folder cannot be written, or the classes are neither text, numbers nor booleans.
        """
        check_is_fitted(self)
        if self.classes_.dtype.kind not in "biufUO":
            raise TailtuneError(f"classes of dtype {self.classes_.dtype} cannot be saved; use text or numbers")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.predictor_.save(folder)
        settings = self.get_params() | {"random_state": self.run_.seed}
        dtype = "object" if self.classes_.dtype.kind == "O" else self.classes_.dtype.str
        state = {
            "estimator": type(self).__name__,
            "settings": settings,
            "classes": self.classes_.tolist(),
            "dtype": dtype,
            "n_features_in": int(self.n_features_in_),
            "feature_names_in": getattr(self, "feature_names_in_", np.array([])).tolist(),
        }
        state |= self._extra_state()
        write_whole(folder / "estimator.json", json.dumps(state, indent=1).encode())

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote.

        Raises:
            TailtuneError: the folder holds no estimator of this class.
        """
        path = Path(folder) / "estimator.json"
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise TailtuneError(f"{path} cannot be read ({error}); name a folder that save wrote") from error
        if state["estimator"] != cls.__name__:
            raise TailtuneError(f"{folder} holds a {state['estimator']}, not a {cls.__name__}")
        loaded = cls(**state["settings"])
        loaded.classes_ = np.array(state["classes"], dtype=state["dtype"])
        loaded.n_features_in_ = state["n_features_in"]
        if state["feature_names_in"]:
            loaded.feature_names_in_ = np.array(state["feature_names_in"], dtype=object)
        loaded._load_extra(state)
        loaded.predictor_ = Predictor.load(Path(folder))
        return loaded


class TabularClassifier(_TailtuneClassifier):
    """Classifier for tables of numbers, categories, booleans and dates, missing values allowed.

    Args:
        method: how to train, see ``tailtune list methods``.
        model: network, or "xgboost"; the MLP with periodic embeddings by default.
        epochs, batch_size, optimizer, lr, weight_decay, rho, smoothing, ema: as in `tailtune.Run`; None lets the
            recipe choose.
        selection: keep the best weights on a validation share ("validation"), the last ones after training on all
            rows ("last"), or find the length on validation and train again on all rows ("refit").
        val_fraction: share of the rows for validation.
        patience: epochs without a better score before training stops.
        precision, accelerator: as in `tailtune.Run`.
        random_state: seed of everything random, the split included.

    Attributes:
        classes_: class labels [K], sorted.
        predictor_: the trained `Predictor`.
        run_: the configuration with everything resolved.

    >>> TabularClassifier(epochs=5).epochs
    5
    """

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on a pandas or polars frame or an array `X` [N, D] with labels `y` [N].

        Args:
            X: rows; text columns become categories.
            y: labels.
            sample_weight: weight of each row's loss [N]; only ratios matter.

        Raises:
            TailtuneError: anything wrong with the data, in one line.
        """
        if y is None:
            raise TailtuneError("TabularClassifier requires y to be passed, but the target y is None")
        X = self._validated(X, reset=True)
        if X.height < 2:
            raise TailtuneError(f"training needs 2 samples or more, however: n_samples = {X.height} (1 sample)")
        return self._fit(X, y, sample_weight, X.height)

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

    def _preprocessor(self, X: Any, rows: NDArray[np.int64]) -> Preprocessor:
        return TablePreprocessor.fit(X[rows], ids=row_numbers(X.height)[rows], seed=self._run().seed)

    def _encode(self, preprocessor: Preprocessor, X: Any) -> Tensors:
        assert isinstance(preprocessor, TablePreprocessor)
        return preprocessor.encode(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


class ImageClassifier(_TailtuneClassifier):
    """Classifier for images in arrays: [N, H, W], [N, H, W, C] or [N, C, H, W], or flattened [N, D].

    Values are uint8 levels, or numbers of another range, which is learned in `fit` and mapped to 0..255.

    Args:
        image_shape: (H, W) or (H, W, C) of flattened images; a square, or else one row, when left out.
        policy: augmentation, see ``tailtune list policies``; None lets the recipe choose.
        flip: whether a mirrored image keeps its class; False for digits, letters and the like.
        method, model, epochs, batch_size, optimizer, lr, weight_decay, rho, smoothing, ema, selection, val_fraction,
            patience, precision, accelerator, random_state: as in `TabularClassifier`.

    Attributes:
        classes_: class labels [K], sorted.
        predictor_: the trained `Predictor`.
        run_: the configuration with everything resolved.
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
        method: str = "tuned",
        model: str | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        optimizer: Literal["sgd", "adamw"] | None = None,
        lr: float | None = None,
        weight_decay: float | None = None,
        rho: float | None = None,
        smoothing: float | None = None,
        ema: float | None = None,
        selection: Literal["last", "validation", "refit"] = "validation",
        val_fraction: float = 0.15,
        patience: int | None = None,
        precision: Literal["auto", "32", "bf16"] = "auto",
        accelerator: Literal["auto", "cpu", "cuda"] = "auto",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        super().__init__(
            method=method,
            model=model,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            lr=lr,
            weight_decay=weight_decay,
            rho=rho,
            smoothing=smoothing,
            ema=ema,
            selection=selection,
            val_fraction=val_fraction,
            patience=patience,
            precision=precision,
            accelerator=accelerator,
            random_state=random_state,
        )
        self.image_shape = image_shape
        self.policy = policy
        self.flip = flip

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on images `X` with labels `y` [N].

        Args:
            X: images, see the class.
            y: labels.
            sample_weight: weight of each image's loss [N]; only ratios matter.

        Raises:
            TailtuneError: anything wrong with the data, in one line.
        """
        if y is None:
            raise TailtuneError("ImageClassifier requires y to be passed, but the target y is None")
        pixels = self._validated(X, reset=True)
        if len(pixels) < 2:
            raise TailtuneError(f"training needs 2 samples or more, however: n_samples = {len(pixels)} (1 sample)")
        return self._fit(pixels, y, sample_weight, len(pixels))

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

    def _preprocessor(self, X: Any, rows: NDArray[np.int64]) -> Preprocessor:
        return ImagePreprocessor.fit(torch.from_numpy(as_nchw(X[rows], "X")))

    def _encode(self, preprocessor: Preprocessor, X: Any) -> Tensors:
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
