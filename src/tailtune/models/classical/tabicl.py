"""TabICL: a transformer with published weights that reads the training rows as context and learns nothing anew.

The package `tabicl` is not one of tailtune's own. What is fitted is the context, so the saved model holds the training
rows, as they are encoded, and names the checkpoint that reads them; the checkpoint itself stays in the hub's cache.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailtune.errors import TailtuneError
from tailtune.models.classical.library import (
    ORDINARY,
    Boosting,
    Floats,
    check_columns,
    check_widths,
    feature_table,
    from_arrays,
    packed_arrays,
    torch_threads,
    with_missing_columns,
)
from tailtune.models.hub import NoWeightsError, Published, file_of, is_cached, one_line

if TYPE_CHECKING:
    import torch

    from tailtune.data.dataset import Part

LABEL = "TabICL"
TAKES: tuple[str, ...] = ()
WEIGHS_CLASSES = False
LOOKS_AT_CLOCK = False
SETTINGS: Mapping[str, Any] = {"estimators": 8, "checkpoint": "tabicl-classifier-v2-20260212.ckpt"}
REPOSITORY = "jingang/TabICL"
# up to where it is taken without being asked for: classes that the transformer was made for, columns that its authors
# tried, and rows that a processor reads in bearable time, or that its authors tried where there is a GPU
CLASSES, COLUMNS, ROWS, ROWS_ON_GPU = 10, 2_000, 10_000, 100_000


@dataclass(frozen=True, eq=False)
class TabICL:
    """Rows that are read as context.

    Attributes:
        rows: numbers, and codes of categories behind them [N, Dn + Dc].
        targets: class of each [N].
        num_classes: number of classes K.
        numeric: number of numeric columns Dn.
        categorical: number of categorical columns Dc.
        estimators: views of the rows, over which predictions are averaged.
        seed: of the views.
        checkpoint: name of the file of weights.
        digest: its SHA-256.
    """

    rows: NDArray[np.float32]
    targets: NDArray[np.int64]
    num_classes: int
    numeric: int
    categorical: int
    estimators: int
    seed: int
    checkpoint: str
    digest: str

    @property
    def rounds(self) -> int:
        """One reading."""
        return 1

    def predict_proba(self, inputs: Sequence[torch.Tensor]) -> Floats:
        """Return class probabilities [N, K] of (numeric [N, Dn], categorical [N, Dc]).

        Another number of columns than in training, a missing package, and weights that are missing or are not those of
        training are a TailtuneError.
        """
        check_widths(inputs, self.numeric, self.categorical)
        rows = feature_table(inputs)
        if not len(rows):
            return np.zeros((0, self.num_classes))
        reader = self.reader
        found = np.asarray(reader.predict_proba(rows), dtype=np.float64)
        return with_missing_columns(found, np.asarray(reader.classes_, dtype=np.int64), self.num_classes)

    @cached_property
    def reader(self) -> Any:
        """The package's classifier with these rows.

        Raises:
            TailtuneError: the package or the weights are missing, are others than in training, or refuse the table.
        """
        path = weights(self.checkpoint)
        if digest_of(path) != self.digest:
            raise TailtuneError(
                f"{path} is another checkpoint than that of this model, whose SHA-256 begins with {self.digest[:12]}; "
                f"fetch {self.checkpoint} of {REPOSITORY} anew"
            )
        reader = package().TabICLClassifier(
            n_estimators=self.estimators,
            model_path=path,
            allow_auto_download=False,
            checkpoint_version=self.checkpoint,
            random_state=self.seed,
            n_jobs=torch_threads(),
        )
        try:
            return reader.fit(self.rows, self.targets)
        except (ValueError, AssertionError, RuntimeError) as error:
            raise TailtuneError(f"TabICL cannot read this table ({one_line(error)}); choose another --model") from error

    def to_bytes(self) -> bytes:
        """Return rows, sizes and the name of the checkpoint as an .npz file."""
        return packed_arrays(asdict(self))


def from_bytes(content: bytes) -> TabICL:
    """Read what `TabICL.to_bytes` returned; neither package nor weights are looked for yet.

    Raises:
        TailtuneError: anything else.
    """
    return from_arrays(
        content,
        lambda held: TabICL(**held | {name: value.item() for name, value in held.items() if value.ndim == 0}),
    )


def fit(
    train: Part,
    val: Part | None,
    shape: Mapping[str, Any],
    num_classes: int,
    seed: int,
    row_weights: tuple[Floats, Floats] | None = None,
    boosting: Boosting = ORDINARY,
    settings: Mapping[str, Any] | None = None,
) -> TabICL:
    """Keep the training rows as context; see `Library.fit`. `val` is not looked at.

    Raises:
        TailtuneError: weights of rows, an impossible setting, or a missing package or checkpoint.

    Source: Qu, Holzmueller, Varoquaux and Le Morvan, "TabICL: A Tabular Foundation Model for In-Context Learning on
    Large Data", ICML 2025; the checkpoint is that of TabICLv2 (2026).
    """
    if row_weights is not None:
        raise TailtuneError("tabicl reads rows and knows no weights of them; leave them out, or take model xgboost")
    numeric, categorical = check_columns(shape)
    chosen = settings or SETTINGS
    estimators, checkpoint = chosen["estimators"], str(chosen["checkpoint"])
    if not isinstance(estimators, int) or estimators < 1:
        raise TailtuneError(f"estimators of tabicl must be 1 or more, however: {estimators!r}")
    package()
    model = TabICL(
        feature_table(train.tensors(LABEL)),
        train.targets.numpy(),
        num_classes,
        numeric,
        categorical,
        estimators,
        seed,
        checkpoint,
        digest_of(weights(checkpoint)),
    )
    _ = model.reader  # so that what it cannot read is heard here
    return model


def joins(rows: int, columns: int, classes: int) -> bool:
    """Whether a portfolio takes it unasked: it is installed, its weights are there, and the table is within bounds."""
    if importlib.util.find_spec("tabicl") is None or not is_cached(_published(SETTINGS["checkpoint"])):
        return False
    import torch

    most = ROWS_ON_GPU if torch.cuda.is_available() else ROWS
    return rows <= most and columns <= COLUMNS and classes <= CLASSES


def package() -> Any:
    """Return the package.

    Raises:
        TailtuneError: it is not installed.
    """
    try:
        import tabicl
    except ImportError as error:
        raise TailtuneError("model tabicl needs the package tabicl; pip install tabicl") from error
    return tabicl


def weights(checkpoint: str) -> Path:
    """Return the file of weights, which is fetched into the hub's cache if it is not there.

    Raises:
        TailtuneError: it is neither there nor to be had.
    """
    try:
        return file_of(_published(checkpoint))
    except NoWeightsError as error:
        raise TailtuneError(f"{error}; fetch {error.address} with a machine that can, into the same cache") from error


@lru_cache(maxsize=4)
def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _published(checkpoint: str) -> Published:
    return Published(REPOSITORY, None, (checkpoint,))
