"""Sharpness-aware minimisation: SAM and ASAM, around any base optimiser."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import islice
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tailtune.errors import TailtuneError
from tailtune.optim.first_look import HOLD_BATCHNORM, NO_FP16, computes_in_fp16, moves_running_statistics
from tailtune.optim.gradients import batch_loss, is_sharded, norm_of, several_processes
from tailtune.optim.held_gradients import Gradients, HeldGradients
from tailtune.optim.moved_weights import MovedWeights
from tailtune.optim.parts import Closure, Part, parts_of

Accumulate = Literal["whole", "each"]


class _Sum(NamedTuple):
    """What adding up the parts of a batch gave: their mean objective, their samples, and the first one's share."""

    loss: Tensor
    rows: int
    first: float


class SAM(torch.optim.Optimizer):
    """Sharpness-aware minimisation (SAM), and its scale-invariant form ASAM, around a base optimiser.

    One step makes two passes. The ascent gradient g is taken at the weights w, the weights are moved to w + eps with
    eps = rho g / ||g||, the descent gradient is taken there, and the base optimiser applies it to w, which is restored
    from a saved copy (adding and subtracting eps would leave rounding errors that differ between DDP ranks). ASAM
    (``adaptive=True``) uses eps = rho w^2 g / || |w| g || and wants a rho about 10 times larger.

    The optimiser shares parameter groups and state with its base, so learning-rate schedulers, weight decay, groups and
    checkpoints behave as the base's. rho is an entry of each parameter group: give a group its own, or assign
    ``group["rho"]`` to schedule it. A step with rho 0 in all groups is a step of the base, one pass only.

    - BatchNorm: the pass at w updates the running statistics; the pass at w + eps, weights that nobody will evaluate,
      normalises by the batch but leaves the running statistics and ``num_batches_tracked`` alone. Needs `model`.
    - Dropout draws a new mask in each pass, as reference implementations do.
    - Mixed precision: bf16 autocast, inside the closure or around the step. fp16 is refused.
    - DDP: by default both passes are synchronised, as if one process held the whole batch. With `no_sync` the ascent is
      per rank: each perturbs by the gradient of its own samples and saves one communication (m-sharpness).
    - Accumulation: a closure that yields instead of returning gives the batch in parts (microbatches), of which one at
      a time is in memory. ``accumulate="whole"`` perturbs once, by the gradient of the whole batch, and equals one big
      batch up to rounding (BatchNorm still sees the parts). ``"each"`` perturbs each part by its own gradient, which
      costs the same and is m-sharpness. Parts count by their samples. Under DDP all ranks need as many parts.
    - A step takes its gradients itself and leaves none: gradients that others have left are refused, since the two
      passes could not include them. To look at gradients or clip them, use `before_step`.
    - A NaN or infinity in either pass makes the returned loss NaN; no step is skipped in silence.

    Beside ``step(closure)`` there are ``first_step`` and ``second_step`` for loops that call backward themselves.

    Args:
        base: an optimiser instance over the parameters, all on one device and with dense gradients.
        model: the network whose BatchNorm layers are to be held on the second pass (as trained: wrapped or not).
        rho: radius of the perturbation, for the groups of `base` that have no ``"rho"`` of their own.
        adaptive: ASAM instead of SAM.
        accumulate: what climbs by its own gradient if the closure yields parts: the "whole" batch, or "each" part.
        backward: called with a scalar loss to compute gradients, such as ``fabric.backward``; ``loss.backward()`` else.
        no_sync: makes the context in which gradients stay on their rank, such as ``ddp.no_sync``.
        before_step: called without arguments between the last backward and the base's step, to clip gradients.

    Raises:
        TailtuneError: `base` is not a plain optimiser instance, a negative radius, or an unknown `accumulate`.

    Source: Foret et al. 2021, "Sharpness-Aware Minimization for Efficiently Improving Generalization"; Kwon et al.
    2021, "ASAM" (without its constant eta, for every parameter).

    >>> model = nn.Linear(2, 3)
    >>> x, targets = torch.randn(8, 2), torch.randint(3, (8,))
    >>> optimizer = SAM(torch.optim.SGD(model.parameters(), lr=0.1), model, rho=0.05)
    >>> def closure():
    ...     return nn.functional.cross_entropy(model(x), targets, reduction="none"), targets
    >>> loss = optimizer.step(closure)
    >>> def microbatches():
    ...     for rows in (slice(0, 4), slice(4, 8)):
    ...         yield nn.functional.cross_entropy(model(x[rows]), targets[rows], reduction="none"), targets[rows]
    >>> loss = optimizer.step(microbatches)
    """

    # By this a GradScaler hands its scale to `step` instead of failing obscurely on the closure, so `step` can refuse.
    _step_supports_amp_scaling = True

    def __init__(
        self,
        base: torch.optim.Optimizer,
        model: nn.Module | None = None,
        rho: float = 0.05,
        adaptive: bool = False,
        accumulate: Accumulate = "whole",
        backward: Callable[..., Any] | None = None,
        no_sync: Callable[[], AbstractContextManager[Any]] | None = None,
        before_step: Callable[[], Any] | None = None,
    ) -> None:
        if not isinstance(base, torch.optim.Optimizer) or isinstance(base, SAM):
            raise TailtuneError(
                f"base must be an optimiser instance, torch.optim.SGD(...), however: {type(base).__name__}"
            )
        if rho < 0 or any(group.get("rho", 0) < 0 for group in base.param_groups):
            raise TailtuneError(f"rho must be 0 or more in every parameter group, however: {rho=}")
        if accumulate not in ("whole", "each"):
            raise TailtuneError(f"accumulate must be 'whole' or 'each', however: {accumulate=}")
        self.base = base
        self._rho = rho
        self.adaptive = adaptive
        self.accumulate = accumulate
        self._backward = backward if backward is not None else torch.autograd.backward
        self._no_sync = no_sync
        self._before_step = before_step
        batchnorms = [m for m in model.modules() if isinstance(m, _BatchNorm)] if model is not None else []
        self._held = HeldGradients(base)
        self._weights = MovedWeights(base, self._held, batchnorms)
        self._carried: Gradients = {}  # what the descent adds its gradients to
        self._between = ExitStack()  # what second_step undoes
        self._is_between = False
        self._looked = self._scale_seen = False
        self._has_model = model is not None
        groups, state = base.param_groups, base.state
        super().__init__(groups, base.defaults)  # empties the base's through the properties below, so put them back
        base.param_groups, base.state = groups, state

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The base's parameter groups, with a ``"rho"`` each."""
        return self.base.param_groups

    @param_groups.setter
    def param_groups(self, groups: list[dict[str, Any]]) -> None:
        self.base.param_groups = groups

    @property
    def state(self) -> Any:
        """The base's state."""
        return self.base.state

    @state.setter
    def state(self, state: Any) -> None:
        self.base.state = state

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a parameter group to the base, with the constructor's rho unless it has its own."""
        param_group.setdefault("rho", self._rho)
        self.base.add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """Return the base's state and groups (rho among them): a step of SAM leaves nothing else behind."""
        return self.base.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what `state_dict` returned, or the state of the bare base (its groups get the constructor's rho)."""
        self.base.load_state_dict(state_dict)
        for group in self.param_groups:
            group.setdefault("rho", self._rho)

    @torch.enable_grad()
    def step(self, closure: Closure | None = None) -> Tensor:  # type: ignore[override]
        """Take one step.

        Args:
            closure: runs the forward pass only, and is called twice. Returns the samples' losses [N] and targets (class
                indices [N], or soft [N, K] before smoothing), and optionally a scalar to add to the mean loss; or
                yields such tuples, one a microbatch, each forward pass just before its yield.

        Returns:
            Mean loss plus auxiliary term before the step: a detached scalar, NaN if either pass was not finite.

        Raises:
            TailtuneError: no closure, a result of another form, fp16, gradients that were there before, a backward that
                scales them, no gradient for any parameter, or other samples in the second pass than in the first.
        """
        name = type(self).__name__
        if closure is None:
            raise TailtuneError(
                f"{name}.step needs a closure that returns (losses [N], targets); a loop that calls backward itself "
                "uses first_step and second_step"
            )
        if getattr(self, "grad_scale", None) is not None:
            raise TailtuneError(NO_FP16)
        if self._is_between:
            raise TailtuneError("step(closure) between first_step and second_step: call second_step first")
        self._held.refuse_foreign(name)
        try:
            if not self._is_sharp():
                loss = self._descend(parts_of(closure)).loss
            elif self.accumulate == "whole":
                loss = self._two_passes(lambda: parts_of(closure))
            else:
                loss = self._two_passes_each(closure)
            if self._before_step is not None:
                self._before_step()
            self.base.step()
        finally:  # also after an error, so that a later step does not find the remains of this one
            self._held.clear()
        return loss

    def ascent_loss(self, losses: Tensor, targets: Tensor, auxiliary: Tensor | None = None) -> Tensor:
        """Return the scalar to call backward on before `first_step`; here the mean loss plus the auxiliary term.

        Args:
            losses: of the samples [N], from a forward pass at the weights.
            targets: class indices [N], or soft [N, K] before smoothing.
            auxiliary: a scalar to add, if any.

        Raises:
            TailtuneError: fp16.
        """
        self._look(losses)
        return batch_loss(losses, auxiliary)

    @torch.no_grad()
    def first_step(self, zero_grad: bool = True) -> None:
        """Move the weights to w + eps, by the gradient that ``backward`` calls on `ascent_loss` have left.

        The loop computes the descent gradient there, with ``backward`` on the plain mean loss, and calls `second_step`.
        Until then BatchNorm is held as in `step`, whose bits these two reproduce. With several microbatches call
        backward on ``ascent_loss(...) / m`` and on the mean loss over m. `no_sync` and `backward` are the loop's own.

        Args:
            zero_grad: must be true, since the ascent gradient is used up by the perturbation.

        Raises:
            TailtuneError: no gradient, two first steps without a second, or an optimiser whose ascent takes several
                backward passes.
        """
        if not zero_grad:
            raise TailtuneError("the perturbation uses up the ascent gradient: call first_step(zero_grad=True)")
        if self._is_between:
            raise TailtuneError("first_step after first_step: call second_step in between")
        self._refuse_several_backwards("first_step")
        factor = self._factor()
        self._between.enter_context(self._weights.away())
        self._is_between = True
        self._weights.move(factor, adaptive=self.adaptive)
        self._held.clear()

    @torch.no_grad()
    def second_step(self, zero_grad: bool = True) -> None:
        """Move the weights back to w and take the base's step with the gradient that is there, found at w + eps.

        Args:
            zero_grad: clear the gradients afterwards; else the loop must.

        Raises:
            TailtuneError: no first step, or no gradient.
        """
        if not self._is_between:
            raise TailtuneError("second_step without first_step: call backward, first_step, backward, second_step")
        self._is_between = False
        self._between.close()
        self._held.all()
        if self._before_step is not None:
            self._before_step()
        self.base.step()
        if zero_grad:
            self._held.clear()

    def _is_sharp(self) -> bool:
        """Whether the step ascends at all."""
        return any(group["rho"] for group in self.param_groups)

    def _two_passes(self, passes: Callable[[], Iterable[Part]]) -> Tensor:
        """Leave the descent gradient; `passes` gives the parts of the batch anew for every pass.

        Raises:
            TailtuneError: other samples in the second pass than in the first.
        """
        if several_processes() and any(is_sharded(p) for group in self.param_groups for p in group["params"]):
            self._refuse_several_backwards("a step with sharded parameters (DTensor)")
        with self._own_rank():
            loss, rows, _ = self._add_up(passes(), self._ascend)
            factor = self._factor()
        with self._weights.away():
            self._weights.move(factor, adaptive=self.adaptive)
            descent, again, _ = self._descend(passes())
        if again != rows:
            raise TailtuneError(
                f"the closure gave {rows} samples at first and {again} when it was called again: let it loop over a "
                "list of microbatches, not over an iterator that it uses up"
            )
        return loss.add(descent, alpha=0)  # NaN if the second pass was not finite

    def _two_passes_each(self, closure: Closure) -> Tensor:
        """Leave the sum of the descent gradients of the parts, each taken where its own ascent led."""
        ascents, descents = self._at_w(closure), parts_of(closure)
        sums: Gradients = {}

        def both(part: Part, weight: float) -> Tensor:
            passes = iter(([part], islice(descents, 1)))
            loss = self._two_passes(passes.__next__)
            for parameter, gradient in self._held.take().items():
                gradient = gradient * weight  # a copy, since DDP may write to the original again
                sums[parameter] = sums[parameter] + gradient if parameter in sums else gradient
            return loss

        total = self._add_up(ascents, both)
        self._held.put(sums)
        self._held.scale(total.first)
        return total.loss

    def _at_w(self, closure: Closure) -> Iterator[Part]:
        """Give the parts, with their forward passes where `no_sync` keeps the gradients on their rank."""
        parts = parts_of(closure)
        while True:
            with self._own_rank():
                part = next(parts, None)
            if part is None:
                return
            yield part

    def _own_rank(self) -> AbstractContextManager[Any]:
        return self._no_sync() if self._no_sync is not None else nullcontext()

    def _add_up(self, parts: Iterable[Part], differentiate: Callable[[Part, float], Tensor]) -> _Sum:
        """Call ``differentiate(part, weight)``, which returns the part's objective, with weight n_j / n_1 for part j.

        The number of samples N is known at the end only; `HeldGradients.scale` by n_1 / N then makes a mean of the sum.

        Raises:
            TailtuneError: no parts.
        """
        total: Tensor | None = None
        rows = first = 0
        for part in parts:
            count = len(part.losses)
            first = first or count
            if not self._looked:
                self._look(part.losses)
            loss = differentiate(part, count / first)
            total = loss if total is None else total + loss * (count / first)
            rows += count
        if total is None:
            raise TailtuneError(
                "the closure yielded no microbatch: it runs more than once a step, so let it loop over a list of "
                "microbatches, not over an iterator that it uses up"
            )
        return _Sum(total if rows == first else total * (first / rows), rows, first / rows)

    def _look(self, losses: Tensor) -> None:
        """Look at the graph of the first forward pass, once.

        Raises:
            TailtuneError: it computed in fp16.
        """
        if self._looked:
            return
        self._looked = True
        if computes_in_fp16(losses):
            raise TailtuneError(NO_FP16)
        if not self._has_model and moves_running_statistics(losses):
            warnings.warn(HOLD_BATCHNORM, UserWarning, stacklevel=2)

    def _differentiate(self, loss: Tensor, weight: float = 1.0, **arguments: Any) -> None:
        """Call backward on weight times loss, and see at the first call that nothing else scales it.

        Raises:
            TailtuneError: something does.
        """
        loss = loss if weight == 1 else weight * loss
        if self._scale_seen or not loss.requires_grad:
            self._backward(loss, **arguments)
            return
        seen: list[Tensor] = []
        hook = loss.register_hook(seen.append)  # type: ignore[no-untyped-call]
        self._backward(loss, **arguments)
        hook.remove()
        self._scale_seen = True
        if seen and float(seen[0]) != 1:
            raise TailtuneError(
                f"backward= multiplies the loss by {float(seen[0]):g}, as frameworks do that accumulate gradients "
                "themselves: switch that off (Accelerate: gradient_accumulation_steps=1), and let the closure yield "
                "the microbatches of a step"
            )

    def _ascend(self, part: Part, weight: float) -> Tensor:
        """Add the ascent direction of a part to the gradients; return its objective, detached."""
        loss = batch_loss(part.losses, part.auxiliary)
        self._differentiate(loss, weight)
        return loss.detach()

    def _factor(self) -> Tensor:
        """Return what makes the gradients eps / rho."""
        return self._norm(self._held.all()).reciprocal()

    def _descend(self, parts: Iterable[Part]) -> _Sum:
        self._held.put(self._carried)
        total = self._add_up(parts, self._descend_part)
        self._held.all()  # refuses if there are none
        self._held.scale(total.first)
        return total

    def _descend_part(self, part: Part, weight: float) -> Tensor:
        loss = batch_loss(part.losses, part.auxiliary)
        self._differentiate(loss, weight)
        return loss.detach()

    def _refuse_several_backwards(self, what: str) -> None:
        """Refuse what asks for an ascent of one backward pass; optimisers that take several override this.

        Raises:
            TailtuneError: the ascent takes several backward passes.
        """

    def _add_to(self, sums: Gradients, loss: Tensor, weight: float) -> None:
        """Add the gradient of weight times loss to `sums`, keep the graph, and leave the parameters' as they were."""
        own = {p: p.grad for p in self._held.parameters() if p.grad is not None}
        self._held.put(sums)
        self._differentiate(loss, weight, retain_graph=True)
        # Copied, since DDP may keep gradients in buckets that the next backward writes to.
        sums.update({parameter: gradient.clone() for parameter, gradient in self._held.take().items()})
        self._held.put(own)

    def _norm(self, gradients: list[Tensor]) -> Tensor:
        """Norm of the ascent direction that the parameters hold, in the geometry of the perturbation."""
        if self.adaptive:
            parameters: list[Tensor] = [*self._held.parameters()]
            with torch.no_grad():
                gradients = list(torch._foreach_mul(gradients, parameters))
        return norm_of(gradients)
