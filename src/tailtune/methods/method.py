"""What a method is: the parts of training that it sets, as plain values, in one stage or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tailtune.data.dataset import Kind, Part
from tailtune.errors import TailtuneError
from tailtune.profile import ClassProfile, Floats
from tailtune.settings import ResolvedTraining

if TYPE_CHECKING:
    import torch

    from tailtune.bayes.posterior import Posterior
    from tailtune.bayes.rows import Rows
    from tailtune.decision.decision import FitDecision
    from tailtune.sampling.sampler import Sampler

Recipe = Literal["plain", "tuned", "paper"]
Loss = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
Tensors = tuple["torch.Tensor", ...]
Mix = Callable[["torch.Tensor", "torch.Tensor", "torch.Generator"], tuple["torch.Tensor", "torch.Tensor"]]
Enlarge = Callable[[Part, Mapping[str, Any], int], Part]
Schedule = Callable[[int, int, int], float]


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
        """Return an optimiser whose ``step(closure)`` takes a forward-only closure (see `tailtune.optim.sam`).

        If it has a method ``set_priors(priors [K])``, it is told the class distribution that a sampler makes.
        """
        ...


class MakeOptimiser(Protocol):
    """Makes the base optimiser itself where SGD or AdamW will not do, such as a sampler of the posterior."""

    def __call__(self, groups: list[dict[str, Any]], run: ResolvedTraining, rows: int) -> torch.optim.Optimizer:
        """Return an optimiser over `groups` (with lr and weight_decay), for a training set of `rows` rows."""
        ...


class Synthesise(Protocol):
    """Replaces samples of a batch by made ones, after augmentation and before mixing."""

    def __call__(
        self,
        inputs: Tensors,
        targets: torch.Tensor,
        model: torch.nn.Module,
        reference: torch.nn.Module | None,
        progress: float,
        generator: torch.Generator,
    ) -> tuple[Tensors, torch.Tensor]:
        """Return inputs and class indices [B] of the same shapes; `reference` is in evaluation mode, without grads."""
        ...


@dataclass(frozen=True)
class Auxiliary:
    """A self-supervised term on two augmented views of the batch: L = L_SSL + supervised * L_sup.

    Attributes:
        build: ``(feature_dim D, batch size) -> module``, and the module maps the features ([B, D], [B, D]) of the two
            views to a scalar; its parameters (the projector) train along. It keeps ``spread``, a scalar tensor:
            the mean standard deviation of the embedding's dimensions over the batch, 1 where healthy, 0 if collapsed.
        supervised: lambda; 0 trains without labels (pre-training).
        sees: which inputs the supervised term is computed on: the "first" view, or its "own" ordinarily augmented ones.
    """

    build: Callable[[int, int], torch.nn.Module]
    supervised: float = 1.0
    sees: Literal["first", "own"] = "own"


@dataclass(frozen=True)
class Context:
    """What a stage's `prepare` and `finish`, and a method's `posterior`, may look at and change.

    Attributes:
        model: the network (`tailtune.models.network.Network`: ``head(features(x))``) on its device, in evaluation mode.
        profile: class distribution of the training part.
        train: training rows.
        val: validation rows, or None.
        collected: state dicts that `Stage.collect` asked for (of this stage; for a posterior, of the last one), and
            for a posterior with ``Method.members == "stages"`` the final state dict of every stage.
        seed: for random choices.
        renew_statistics: gives BatchNorm layers the statistics of the model's weights of now, for weights that no step
            has run with (`tailtune.training.running_statistics`).
        autocast: opens the mixed precision of the run.
    """

    model: torch.nn.Module
    profile: ClassProfile
    train: Rows
    val: Rows | None
    collected: Sequence[Mapping[str, torch.Tensor]]
    seed: int
    renew_statistics: Callable[[], None]
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True)
class Stage:
    """What one stretch of training uses; a part that is ``None`` is as in plain cross-entropy training.

    Attributes:
        loss: ``(logits [N, K], targets [N] or [N, K]) -> losses [N]``; cross-entropy when None.
        target_matrix: [K, K]; a row with targets q [K] is trained towards q @ target_matrix.
        class_weights: ``progress -> weights [K]`` with progress of the stage in [0, 1]; a row's loss is multiplied by
            q @ weights, q being its targets before smoothing. Asked once an epoch, with the progress of its middle.
        weight_mean: "batch" divides the rows' class weights by their mean in each batch; as they are when None.
        optimiser: wraps the base optimiser.
        base: makes the base optimiser.
        schedule: ``(step, total, warm-up steps) -> factor`` of the learning rate; warm-up and cosine when None.
        head: the classifier layer that the network is built with, linear when None. A method that needs a linear one
            says so, and then refuses to be combined with one that needs angles.
        sampler: decides which rows an epoch holds; every row once when None.
        enlarge: ``(training part, shape of the inputs, seed) -> part``, applied once before the stage.
        mix: ``(images [B, C, H, W] float, targets [B, K], generator) -> the same, mixed``; in place of the mixing of
            the augmentation policy.
        synthesise: replaces samples of the batch; the augmentation policy then does not mix.
        auxiliary: a self-supervised term.
        collect: ``(finished steps, total steps) -> whether to keep a copy of the weights now``, asked after each step.
        prepare: changes the model before the stage begins, such as giving it a new head.
        finish: changes the model once the stage's weights are selected.
        trainable: prefixes of the names of the parameters that train, such as ("head.",); all when None. What
            lies outside of them is in evaluation mode.
        lr_factors: prefix of parameter names to a factor of the run's learning rate, the first that fits.
        batchnorm: "shift" lets the running statistics of a frozen network follow the stage's batches, "freeze" keeps
            them in a network that trains; when None they follow exactly where weights train.
        share: how many of the run's epochs the stage lasts; 1 for all of them, 0 for no step at all, so that `prepare`
            and `finish` are all that there is.
        init: "fresh" begins with a newly initialised network, "previous" with the weights of the stage before.
        reference: index of an earlier stage whose final model `synthesise` is given.
    """

    loss: Loss | None = None
    target_matrix: torch.Tensor | None = None
    class_weights: Callable[[float], Floats] | None = None
    weight_mean: Literal["batch"] | None = None
    optimiser: WrapOptimiser | None = None
    base: MakeOptimiser | None = None
    schedule: Schedule | None = None
    head: Literal["linear", "cosine"] | None = None
    sampler: Sampler | None = None
    enlarge: Enlarge | None = None
    mix: Mix | None = None
    synthesise: Synthesise | None = None
    auxiliary: Auxiliary | None = None
    collect: Callable[[int, int], bool] | None = None
    prepare: Callable[[Context], None] | None = None
    finish: Callable[[Context], None] | None = None
    trainable: tuple[str, ...] | None = None
    lr_factors: Mapping[str, float] | None = None
    batchnorm: Literal["shift", "freeze"] | None = None
    share: float = 1.0
    init: Literal["previous", "fresh"] = "previous"
    reference: int | None = None


@dataclass(frozen=True)
class Method:
    """A named way to train.

    Attributes:
        name: as shown in tables.
        stages: what training uses, one stretch after the other.
        decision: fits what is made of the finished model's probabilities, in validation and prediction; None leaves
            them as they are.
        posterior: makes the weights over which predictions are averaged; None predicts with the one model.
        members: whether the posterior's context holds what the last stage collected or the final weights of all stages.
        main: index of the stage that takes up the parts of other methods when methods are combined.
        balances: whether the method makes up for unequal class frequencies; two such would overshoot.
        implied: class balance [K] that its probabilities belong to, where `implied_balance` cannot tell.
        kinds: the kinds of data that it applies to.
        recipe: which routine fills what a `Run` leaves open: "plain" (the field's conventional settings) or "tuned"
            (small batches, weight averaging, stronger augmentation).
        ema: decay of the weight average that the method insists on, or None.

    Raises:
        TailtuneError: `stages` is not a tuple of stages.
    """

    name: str
    stages: tuple[Stage, ...] = (Stage(),)
    decision: FitDecision | None = None
    posterior: Callable[[Context], Posterior] | None = None
    members: Literal["collected", "stages"] = "collected"
    main: int = 0
    balances: bool = False
    implied: Floats | None = None
    kinds: tuple[Kind, ...] = ("table", "image")
    recipe: Recipe = "plain"
    ema: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.stages, tuple) or not all(isinstance(stage, Stage) for stage in self.stages):
            raise TailtuneError(f"the stages of method {self.name} must be a tuple of Stage, such as (Stage(loss=f),)")
