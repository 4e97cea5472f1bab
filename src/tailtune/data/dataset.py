"""What every reader hands over: parts of rows, and the data set that holds its train, validation and test part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tailtune.data.amounts import Amounts
from tailtune.data.memory import refuse_larger_than_memory
from tailtune.data.stored_pictures import StoredPictures
from tailtune.errors import TailtuneError
from tailtune.profile import ClassProfile

if TYPE_CHECKING:
    import polars as pl
    import torch

Kind = Literal["table", "image"]
Headline = Literal["accuracy", "balanced_accuracy", "kappa", "auroc"]  # as result.json calls them
NAMED = 8  # things left out that are said one by one before training; the report has them all


TINY_SIDE = 12  # pixels
CONFUSION = 32  # bytes of a cell of the confusion matrix: as counted, as kept in the result, and as written


@dataclass(frozen=True)
class LeftOut:
    """Something of the data that training does not use, and why: the report shows these."""

    what: str
    why: str


@dataclass(frozen=True)
class Part:
    """Rows that are ready for a model.

    Attributes:
        inputs: tensors that share their first dimension N. Tables: (numeric [N, Dn] float32, categorical [N, Dc]
            int64), either of which may have zero columns. Images: (pixels [N, C, H, W] uint8,), which are
            `StoredPictures` where they lie in a file.
        targets: class indices [N] int64.
        ids: identity of each row [N], such as the row number in the file or the image path.
        weights: weight of each row [N] float32, or None.
        amounts: of each row, where costs depend on columns.
        groups: what must stay in one part with each row [N], such as its patient, where that is known.
        frame: the rows as they were read [N], with the target and all other columns, for those who look at them; None
            where there is nothing but pictures.
        times: of each row [N], see `tailtune.data.known.Known`, where that is known.
    """

    inputs: tuple[torch.Tensor | StoredPictures, ...]
    targets: torch.Tensor
    ids: NDArray[np.str_]
    weights: torch.Tensor | None = None
    amounts: Amounts | None = None
    groups: NDArray[np.str_] | None = None
    frame: pl.DataFrame | None = field(default=None, repr=False)
    times: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to other processes as arrays: torch would take shared memory, of which containers have little."""
        arrays = tuple(x if isinstance(x, StoredPictures) else x.numpy() for x in self.inputs)
        weights = None if self.weights is None else self.weights.numpy()
        others = self.amounts, self.groups, self.frame, self.times
        return _part, (arrays, self.targets.numpy(), self.ids, weights, *others)

    def mass(self, num_classes: int) -> tuple[float, ...] | None:
        """Sum of the weights of each class [K]; None where all rows count alike."""
        if self.weights is None:
            return None
        sums = np.bincount(self.targets.numpy(), self.weights.numpy().astype(np.float64), minlength=num_classes)
        return tuple(sums.tolist())

    def tensors(self, what: str) -> tuple[torch.Tensor, ...]:
        """Return the inputs for `what` needs all of them in memory.

        Raises:
            TailtuneError: they are pictures in a file.
        """
        inputs = tuple(x for x in self.inputs if not isinstance(x, StoredPictures))
        if len(inputs) < len(self.inputs):
            raise TailtuneError(
                f"{what} needs all pictures in memory, and they are kept in a file; make them small enough with "
                "--image-size, take --storage memory, or choose another method"
            )
        return inputs

    def take(self, rows: NDArray[np.int64]) -> Part:
        """Return the part that holds `rows` (positions [M]) in that order; pictures in a file are not read."""
        import torch

        index = torch.as_tensor(rows)
        weights = None if self.weights is None else self.weights[index]
        inputs = tuple(x.take(rows) if isinstance(x, StoredPictures) else x[index] for x in self.inputs)
        amounts = None if self.amounts is None else self.amounts.take(rows)
        groups = None if self.groups is None else self.groups[rows]
        frame = None if self.frame is None else self.frame[rows]
        times = None if self.times is None else self.times[rows]
        return Part(inputs, self.targets[index], self.ids[rows], weights, amounts, groups, frame, times)

    def joined(self, other: Part) -> Part:
        """Return the part that holds these rows and then those of `other`."""
        import torch

        def both(a: Any, b: Any) -> Any:
            return a.joined(b) if isinstance(a, StoredPictures) else torch.cat([a, b])

        weights = None
        if self.weights is not None and other.weights is not None:
            weights = torch.cat([self.weights, other.weights])
        amounts = None
        if self.amounts is not None and other.amounts is not None:
            amounts = self.amounts.joined(other.amounts)
        inputs = tuple(both(*pair) for pair in zip(self.inputs, other.inputs, strict=True))
        ids = np.concatenate([self.ids, other.ids])
        groups = None
        if self.groups is not None and other.groups is not None:
            groups = np.concatenate([self.groups, other.groups])
        frame = None
        if self.frame is not None and other.frame is not None and self.frame.schema == other.frame.schema:
            frame = self.frame.vstack(other.frame)
        times = None
        if self.times is not None and other.times is not None:
            times = np.concatenate([self.times, other.times])
        return Part(inputs, torch.cat([self.targets, other.targets]), ids, weights, amounts, groups, frame, times)


def _part(inputs: tuple[Any, ...], targets: Any, ids: Any, weights: Any, *others: Any) -> Part:
    """Make a part of what `Part.__reduce__` took apart."""
    from torch import from_numpy

    tensors = tuple(x if isinstance(x, StoredPictures) else from_numpy(x) for x in inputs)
    return Part(tensors, from_numpy(targets), ids, None if weights is None else from_numpy(weights), *others)


class Preprocessor(Protocol):
    """Turns rows as a user has them into model inputs, with what was fitted on the training rows only.

    `TablePreprocessor` and `ImagePreprocessor` satisfy it; both are saved with the model and need no pickle.
    """

    @property
    def kind(self) -> Kind:
        """Either table or image."""
        ...

    def shape(self) -> dict[str, object]:
        """Input sizes that a model is built from.

        Tables: ``{"numeric": Dn, "cardinalities": [c_1, ...]}`` (codes of column j run from 0 to c_j - 1).
        Images: ``{"channels": C, "height": H, "width": W}``.
        """
        ...

    def state(self) -> tuple[dict[str, object], dict[str, NDArray[np.generic]]]:
        """JSON-ready settings and named arrays; the class's ``from_state(settings, arrays)`` is the inverse."""
        ...


def is_tiny(preprocessor: Preprocessor) -> bool:
    """Whether the inputs are pictures of at most 12 x 12 pixels."""
    return preprocessor.kind == "image" and longer_side(preprocessor) <= TINY_SIDE


def longer_side(preprocessor: Preprocessor) -> int:
    """Return the longer side in pixels of pictures, as the network gets them."""
    shape: Mapping[str, Any] = preprocessor.shape()
    return int(max(shape["height"], shape["width"]))


@dataclass(frozen=True)
class Dataset:
    """One data set, split and preprocessed.

    Attributes:
        kind: "table" or "image".
        source: what the user asked for, for the report.
        names: class names [K], in class order.
        train, val, test: the parts; `val` may be None.
        preprocessor: encodes further rows in the same way.
        split: "official", "given" (by the user's folders, arrays or manifest), "stratified" or "by time" (made here).
        split_hash: sha256 over the row identities of train, val and test.
        flip: whether a mirrored image keeps its class, where that is known.
        headline: the metric by which published results on the data set are compared, where there is one.
        deployment: class balance [K] that the protocol tests on, or that class weights stand for, where it is another
            one than that of training.
        class_weights: how much more a row of each class counts in training [K], where a person said so.
        left_out: columns and images that are not used.
        warnings: one clear sentence each.
        positive: index of the one of two classes that is to be found, where a person said so.
        labels: what the data call the classes [K], where a person gave them other names.
        copies_together: whether the groups of the parts are sets of pictures that are the same or nearly so.
        as_new: inputs of the training rows as the preprocessor encodes them later, where that is in another way, so
            that they can be known again; else None.
    """

    kind: Kind
    source: str
    names: tuple[str, ...]
    train: Part
    val: Part | None
    test: Part
    preprocessor: Preprocessor
    split: str
    split_hash: str
    flip: bool | None = None
    headline: Headline | None = None
    deployment: tuple[float, ...] | None = None
    class_weights: tuple[float, ...] | None = None
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    positive: int | None = None
    labels: tuple[str, ...] | None = None
    copies_together: bool = False
    as_new: tuple[torch.Tensor, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse more classes than a table of their confusions has room for, before anything is trained.

        Raises:
            TailtuneError: saying how many there are.
        """
        classes = len(self.names)
        refuse_larger_than_memory(
            CONFUSION * classes**2, f"the confusions of {classes:,} classes", "join rare classes into one"
        )

    @property
    def profile(self) -> ClassProfile:
        """Class distribution of the training part."""
        return self.profile_of(self.train)

    def profile_of(self, part: Part) -> ClassProfile:
        """Class distribution of rows that are trained on."""
        found = ClassProfile.from_targets(part.targets.numpy(), len(self.names), self.names)
        return replace(found, mass=part.mass(len(self.names)), positive=self.positive)

    def for_training(self) -> Dataset:
        """Return the data set without the rows as they were read, which training does not need and which take memory;
        those of the test part stay, because reports look at them.
        """
        val = None if self.val is None else replace(self.val, frame=None)
        return replace(self, train=replace(self.train, frame=None), val=val)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should hear before training: the warnings, and what is left out."""
        if not self.left_out:
            return self.warnings
        named = "; ".join(f"{left.what} ({left.why})" for left in self.left_out[:NAMED])
        more = len(self.left_out) - NAMED
        return (*self.warnings, f"Left out: {named}{f'; and {more} more, see the report' if more > 0 else ''}.")
