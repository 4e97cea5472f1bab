"""What every library of classical models is given and gives back, on the inputs that the networks get."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tailtune.errors import TailtuneError

if TYPE_CHECKING:
    import torch

    from tailtune.data.dataset import Part

Floats = NDArray[np.float64]
Model = TypeVar("Model")
# the parts of a method's stage that most can take
OF_STAGES: tuple[str, ...] = ("class_weights", "weight_mean", "sampler", "enlarge")
MANY_COLUMNS = 256
NOT_OURS = "this is no model that tailtune saved; take model.safetensors of a run"


@dataclass(frozen=True)
class Boosting:
    """How long to train, whichever the library: rounds of boosting, which models of one round pass over.

    Attributes:
        rounds: most rounds with a validation part; a round grows one tree, or one a class beyond two classes.
        patience: rounds without a better validation log loss before boosting stops; the best round counts.
        rounds_without_validation: fixed number of rounds where nothing can stop the boosting.
        threads: processor threads; None takes as many as torch does.
        until: the time, by `time.monotonic`, at which training stops after the round that it is in; None for never.
    """

    rounds: int = 1000
    patience: int = 100
    rounds_without_validation: int = 200
    threads: int | None = None
    until: float | None = None

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.until is not None and time.monotonic() >= self.until


ORDINARY = Boosting()


class Classical(Protocol):
    """A fitted model."""

    @property
    def rounds(self) -> int:
        """Rounds of boosting, or trees of a forest, that predictions use; 1 for a model of neither."""
        ...

    def predict_proba(self, inputs: Sequence[torch.Tensor]) -> Floats:
        """Return class probabilities [N, K] of (numeric [N, Dn], categorical [N, Dc])."""
        ...

    def to_bytes(self) -> bytes:
        """Return the model in a format that holds no code, with its sizes inside."""
        ...


class Library(Protocol):
    """A module with these names.

    Attributes:
        LABEL: for tables and legends.
        SETTINGS: what can be set, as in ``--model "xgboost(max_depth=4)"``, with its default.
        TAKES: the parts of a method's stage that it can take.
        WEIGHS_CLASSES: whether another weight for a class changes what is fitted as copies of its rows would.
        LOOKS_AT_CLOCK: whether training ends soon after the time is up.
    """

    LABEL: str
    SETTINGS: Mapping[str, Any]
    TAKES: tuple[str, ...]
    WEIGHS_CLASSES: bool
    LOOKS_AT_CLOCK: bool

    def fit(
        self,
        train: Part,
        val: Part | None,
        shape: Mapping[str, Any],
        num_classes: int,
        seed: int,
        row_weights: tuple[Floats, Floats] | None = None,
        boosting: Boosting = ORDINARY,
        settings: Mapping[str, Any] | None = None,
    ) -> Classical:
        """Fit a model by log loss.

        Classes without training rows keep their column of the probabilities.

        Args:
            train: rows to fit, inputs as (numeric [N, Dn], categorical [N, Dc]).
            val: rows whose log loss stops boosting; None fits a fixed number of rounds.
            shape: ``{"numeric": Dn, "cardinalities": [c_1, ...]}``.
            num_classes: number of classes K.
            seed: of the library's generator.
            row_weights: weight of each row of `train` and of `val`, so that stopping judges what is minimised; None for
                equal ones.
            boosting: how long.
            settings: all of `SETTINGS`, with other values; None for these.

        Returns:
            The model, up to its best round.
        """
        ...

    def from_bytes(self, content: bytes) -> Classical:
        """Read what `Classical.to_bytes` returned; anything else is a TailtuneError."""
        ...


def share_of_columns(columns: int, least: float) -> float:
    """Return the share of the columns that a split looks at by default: of many as many as `MANY_COLUMNS`.

    >>> share_of_columns(40, 0.1), share_of_columns(512, 0.1), share_of_columns(10_000, 0.1)
    (1.0, 0.5, 0.1)
    """
    return max(least, min(1.0, MANY_COLUMNS / max(1, columns)))


def torch_threads() -> int:
    """Return how many processor threads torch uses, which OMP_NUM_THREADS and `torch.set_num_threads` decide."""
    import torch

    return torch.get_num_threads()


def feature_table(inputs: Sequence[torch.Tensor]) -> NDArray[np.float32]:
    """Put the numeric and the categorical columns side by side, [N, Dn + Dc]."""
    return np.concatenate([x.numpy().astype(np.float32) for x in inputs], axis=1)


def check_columns(shape: Mapping[str, Any]) -> tuple[int, int]:
    """Return the numbers of numeric and categorical columns, Dn and Dc.

    Raises:
        TailtuneError: there are none of either.
    """
    numeric, categorical = int(shape["numeric"]), len(shape["cardinalities"])
    if not numeric + categorical:
        raise TailtuneError("the table has no feature column left to learn from; add one, or ignore fewer columns")
    return numeric, categorical


def check_widths(inputs: Sequence[torch.Tensor], numeric: int, categorical: int) -> None:
    """Refuse rows of other columns than those that trees were fitted on.

    Raises:
        TailtuneError: another number of columns than in training.
    """
    widths = [x.shape[1] for x in inputs]
    if widths != [numeric, categorical]:
        raise TailtuneError(
            f"the model was fitted on {numeric} numeric and {categorical} categorical columns, however: {widths}; "
            "encode the rows with the preprocessor of that run"
        )


def of_every_class(scores: Floats, num_classes: int) -> Floats:
    """Return probabilities [N, K] from those of the second class [N] of two, or from K scores a row."""
    if num_classes == 2:
        return np.stack([1 - scores, scores], axis=1)
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def with_missing_columns(found: Floats, classes: NDArray[np.int64], num_classes: int) -> Floats:
    """Return probabilities [N, K] from those [N, C] of the `classes` [C] that had training rows."""
    if len(classes) == num_classes:
        return found
    whole = np.zeros((len(found), num_classes))
    whole[:, classes] = found
    return whole


def packed(sizes: Mapping[str, int], content: bytes) -> bytes:
    """Return `content`, a model in its library's format, behind a line with its sizes."""
    return json.dumps(dict(sizes)).encode() + b"\n" + content


def unpacked(content: bytes) -> tuple[dict[str, int], bytes]:
    """Return the sizes and the model of what `packed` gave; a ValueError where there are none."""
    head, _, model = content.partition(b"\n")
    return json.loads(head), model


def packed_arrays(held: Mapping[str, Any]) -> bytes:
    """Return arrays and plain values of these names as an .npz file; `from_arrays` reads it."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **held)
    return buffer.getvalue()


def from_arrays(content: bytes, build: Callable[[dict[str, Any]], Model]) -> Model:
    """Return what `build` makes of the arrays that `packed_arrays` packed.

    Raises:
        TailtuneError: anything else, or arrays that `build` cannot take.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return build({name: arrays[name] for name in arrays.files})
    except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, BadZipFile) as error:
        raise TailtuneError(NOT_OURS) from error
