"""What the estimators share: settings, fitting in memory, probabilities, saving."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d

from tailtune.data.amounts import Amounts
from tailtune.data.dataset import Dataset, Part, Preprocessor
from tailtune.data.level_statistics import Labels
from tailtune.data.splits import split_hash, stratified
from tailtune.data.table_preprocessor import row_numbers
from tailtune.errors import TailtuneError, naming_arguments
from tailtune.estimators.arguments import ClassWeight, class_weights, group_names, one_pair
from tailtune.files import write_whole
from tailtune.run.decide import amount_columns
from tailtune.run.learner import Job
from tailtune.run.learners import fit_model
from tailtune.run.manifest import check_file, seal
from tailtune.run.predictor import FILE as MODEL
from tailtune.run.predictor import Predictor
from tailtune.settings import Monitor, Run
from tailtune.training.observer import shown

Tensors = tuple[torch.Tensor, ...]
STATE = "estimator.json"


class TailtuneClassifier(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn ships no types
    """What both estimators share: settings, fitting in memory, probabilities, saving."""

    classes_: NDArray[Any]
    n_features_in_: int

    def __init__(
        self,
        *,
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
        keep: Sequence[str] = (),
        text: Literal["leave", "hash"] = "leave",
    ) -> None:
        self.method = method
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.ema = ema
        self.selection = selection
        self.val_fraction = val_fraction
        self.patience = patience
        self.objective = objective
        self.deploy_prior = deploy_prior
        self.decision = decision
        self.class_weight = class_weight
        self.monitor = monitor
        self.minutes = minutes
        self.precision = precision
        self.accelerator = accelerator
        self.random_state = random_state
        self.verbose = verbose
        self.keep = keep
        self.text = text

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
            (only,) = self.classes_.tolist()
            raise TailtuneError(f"a classifier needs two classes or more, however: one class, {only!r}")
        return codes.astype(np.int64)

    def _fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
        eval_set: Any,
    ) -> Self:
        """Split the validated `X` [N], train on it, and keep what was made.

        Raises:
            TailtuneError: arguments that do not belong together, and what training refuses.
        """
        began, rows = time.monotonic(), len(X)
        codes = self._targets(y)
        if len(codes) != rows:
            raise TailtuneError(f"X has {rows} rows and y has {len(codes)}; they must belong together")
        weights = np.ones(rows)
        if sample_weight is not None:
            weights = np.asarray(_check_sample_weight(sample_weight, np.empty((rows, 1)), ensure_non_negative=True))
        named = None if groups is None else group_names(groups, rows)
        given = None if eval_set is None else self._given(eval_set)
        run, ids = self._run(), row_numbers(rows)
        fraction = 0.0 if run.selection == "last" or given is not None else run.val_fraction
        chosen = stratified(codes, 0.0, fraction, groups=named, seed=run.seed)
        if len(chosen.val) == 0 and given is None:
            run = replace(run, selection="last")
        names = tuple(str(label) for label in self.classes_)
        labels = Labels(codes[chosen.train], names, None if named is None else named[chosen.train])
        preprocessor = self._preprocessor(X[chosen.train], ids[chosen.train], labels)

        def taken(rows: NDArray[np.int64], training: Labels | None = None) -> Part:
            scaled = None if sample_weight is None else torch.as_tensor(weights[rows] / weights.mean()).float()
            part = self._part(run, preprocessor, X[rows], codes[rows], ids[rows], scaled, training)
            return part if named is None else replace(part, groups=named[rows])

        train, val = taken(chosen.train, labels), taken(chosen.val) if len(chosen.val) else None
        if given is not None:
            val = self._part(run, preprocessor, *given, row_numbers(len(given[1]), "eval_set:"))
        test = train.take(np.zeros(0, dtype=np.int64))
        class_weight = class_weights(self.class_weight, self.classes_, labels.targets)
        dataset = Dataset(
            kind=preprocessor.kind,
            source="memory",
            names=names,
            train=train,
            val=val,
            test=test,
            preprocessor=preprocessor,
            split="stratified" if given is None else "given",
            split_hash=split_hash(train.ids, None if val is None else val.ids, test.ids),
            deployment=None if class_weight is None else _balance(labels.targets, class_weight, weights[chosen.train]),
            class_weights=class_weight,
        )
        with naming_arguments():
            fitted = fit_model(run if named is None else replace(run, group="groups"), dataset, self._job(began))
        assert fitted is not None
        self.predictor_ = fitted.predictor
        self.run_ = fitted.run
        self.decided_ = fitted.decided
        self.n_iter_ = max(1, int(fitted.training.epochs))
        return self

    def _given(self, eval_set: Any) -> tuple[Any, NDArray[np.int64]]:
        """Return the validated rows and the class indices of a set to validate on.

        Raises:
            TailtuneError: no such pair, classes that training does not have, or another number of labels than of rows.
        """
        X, y = one_pair(eval_set)
        rows, labels = self._validated(X), column_or_1d(y)
        unknown = [label for label in np.unique(labels).tolist() if label not in self.classes_.tolist()]
        if unknown:
            raise TailtuneError(f"eval_set has the class {unknown[0]!r}, which y does not have; leave these rows out")
        if len(labels) != len(rows):
            raise TailtuneError(f"eval_set has {len(rows)} rows and {len(labels)} labels; they must belong together")
        return rows, np.searchsorted(self.classes_, labels).astype(np.int64)

    def _part(
        self,
        run: Run,
        preprocessor: Preprocessor,
        X: Any,
        codes: NDArray[np.int64],
        ids: NDArray[np.str_],
        weights: torch.Tensor | None = None,
        training: Labels | None = None,
    ) -> Part:
        with naming_arguments():
            amounts = self._amounts(X, amount_columns(run.objective))
        return Part(self._encode(preprocessor, X, training), torch.as_tensor(codes), ids, weights, amounts)

    def _job(self, began: float) -> Job:
        until = None if self.minutes is None else began + 60 * self.minutes
        if not self.verbose:
            return Job(until=until)
        from rich.console import Console

        return Job(until=until, forecast=print, watch=lambda: shown(Console(), print))

    @abstractmethod
    def _preprocessor(self, X: Any, ids: NDArray[np.str_], labels: Labels) -> Preprocessor:
        """Fit the preprocessing on the training rows, which are validated."""

    @abstractmethod
    def _encode(self, preprocessor: Preprocessor, X: Any, training: Labels | None = None) -> Tensors:
        """Turn the validated `X` into model inputs; `training` says that it is what `preprocessor` was fitted on."""

    def _amounts(self, X: Any, names: tuple[str, ...]) -> Amounts | None:
        """Read the columns of the validated `X` that costs depend on; arrays of images have none."""
        return None

    @abstractmethod
    def _validated(self, X: Any, reset: bool = False) -> Any:
        """Check `X` and return it in the form that the other two take; `reset` learns its width."""

    def _extra_state(self) -> dict[str, Any]:
        return {}

    def _load_extra(self, state: dict[str, Any]) -> None:
        """Take up what `_extra_state` gave."""

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return class probabilities [N, K] at the balance in use, columns in the order of ``classes_``.

        Raises:
            TailtuneError: rows of another shape or other columns than in `fit`.
        """
        check_is_fitted(self)
        X = self._validated(X)
        return self.predictor_.probabilities(self._encode(self.predictor_.preprocessor, X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the answer to each row [N]: the most probable class, unless `objective` asks for something else."""
        probabilities = self.predict_proba(X)
        amounts = self._amounts(self._validated(X), self.predictor_.amounts)
        return np.asarray(self.classes_[self.predictor_.answers(probabilities, amounts)])

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
        if isinstance(self.class_weight, Mapping):  # JSON has text keys only
            given = {label: float(weight) for label, weight in self.class_weight.items()}
            settings["class_weight"] = [[label, given[label]] for label in self.classes_.tolist() if label in given]
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
        write_whole(folder / STATE, json.dumps(state, indent=1).encode())
        seal(folder, (STATE, MODEL))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote.

        Raises:
            TailtuneError: the folder holds no estimator of this class, or a damaged one.
        """
        path = check_file(Path(folder), STATE)
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise TailtuneError(f"{path} cannot be read ({error}); name a folder that save wrote") from error
        if state["estimator"] != cls.__name__:
            raise TailtuneError(f"{folder} holds a {state['estimator']}, not a {cls.__name__}")
        settings = state["settings"]
        if isinstance(settings["class_weight"], list):
            settings["class_weight"] = dict(settings["class_weight"])
        loaded = cls(**settings)
        loaded.classes_ = np.array(state["classes"], dtype=state["dtype"])
        loaded.n_features_in_ = state["n_features_in"]
        if state["feature_names_in"]:
            loaded.feature_names_in_ = np.array(state["feature_names_in"], dtype=object)
        loaded._load_extra(state)
        loaded.predictor_ = Predictor.load(Path(folder))
        return loaded


def _balance(codes: NDArray[np.int64], weights: tuple[float, ...], own: NDArray[np.float64]) -> tuple[float, ...]:
    """The class frequencies [K] of rows in which each counts by its own weight [N] and its class's."""
    mass = np.bincount(codes, own, minlength=len(weights)) * np.asarray(weights)
    return tuple((mass / mass.sum()).tolist())
