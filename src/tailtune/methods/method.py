"""What a method is: the parts of training that it sets, as plain values, and how two methods combine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal, Protocol

from tailtune.errors import TailtuneError
from tailtune.profile import Floats

if TYPE_CHECKING:
    import torch

Loss = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True)
class Hooks:
    """How the training loop wants an optimiser of the SAM family to run its passes.

    Attributes:
        backward: called with a scalar loss in place of ``loss.backward()``.
        before_step: called between the descent backward and the base optimiser's step (gradient clipping), or None.
    """

    backward: Callable[[torch.Tensor], object]
    before_step: Callable[[], object] | None = None


class WrapOptimiser(Protocol):
    """Turns the base optimiser of the run into the one that the method wants, such as SAM around SGD."""

    def __call__(self, base: torch.optim.Optimizer, model: torch.nn.Module, hooks: Hooks) -> torch.optim.Optimizer:
        """Return an optimiser whose ``step(closure)`` takes a forward-only closure (see `tailtune.optim.sam`)."""
        ...


@dataclass(frozen=True)
class Stage:
    """What training uses, each part ``None`` for plain cross-entropy training.

    Attributes:
        loss: ``(logits [N, K], targets [N] or [N, K]) -> losses [N]``; cross-entropy when None.
        target_matrix: [K, K]; a row with targets q [K] is trained towards q @ target_matrix.
        class_weights: ``progress -> weights [K]`` with progress in [0, 1]; a row's loss is multiplied by q @ weights,
            q being its targets before smoothing.
        optimiser: wraps the base optimiser.
        head: the classifier layer.
    """

    loss: Loss | None = None
    target_matrix: torch.Tensor | None = None
    class_weights: Callable[[float], Floats] | None = None
    optimiser: WrapOptimiser | None = None
    head: Literal["linear", "cosine"] | None = None


@dataclass(frozen=True)
class Method:
    """A named way to train.

    Attributes:
        name: as shown in tables.
        stage: the parts that it sets.
        recipe: which routine fills what a `Run` leaves open: "plain" (the field's conventional settings) or "tuned"
            (small batches, weight averaging, stronger augmentation).
    """

    name: str
    stage: Stage = Stage()
    recipe: Literal["plain", "tuned"] = "plain"


def combine(name: str, *methods: Method, recipe: Literal["plain", "tuned"] = "plain") -> Method:
    """Merge methods that set different parts of training.

    Raises:
        TailtuneError: two of them set the same part.

    >>> combine("both", Method("a", Stage(head="cosine")), Method("b", Stage(loss=print))).stage.head
    'cosine'
    """
    stage, owner = Stage(), dict[str, str]()
    for method in methods:
        for part in (field.name for field in fields(Stage)):
            value = getattr(method.stage, part)
            if value is None:
                continue
            if part in owner:
                raise TailtuneError(
                    f"{owner[part]} and {method.name} both set {part.replace('_', ' ')}, so they cannot be combined; "
                    "keep one of them"
                )
            owner[part] = method.name
            stage = replace(stage, **{part: value})
    return Method(name, stage, recipe)
