"""Sharpness-aware minimisation: SAM and ASAM, around any base optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tailtune.errors import TailtuneError
from tailtune.optim.precision import NO_FP16, computes_in_fp16

Closure = Callable[[], tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]]

SMALLEST_NORM = 1e-12  # below it a gradient counts as zero, and so does the perturbation


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
    - Gradients are cleared at the start of a step: a batch that is accumulated in parts is not supported, since each
      part would need its own ascent.
    - A NaN or infinity in either pass makes the returned loss NaN; no step is skipped in silence.

    Args:
        base: an optimiser instance over the parameters, all on one device and with dense gradients.
        model: the network whose BatchNorm layers are to be held on the second pass (as trained: wrapped or not).
        rho: radius of the perturbation, for the groups of `base` that have no ``"rho"`` of their own.
        adaptive: ASAM instead of SAM.
        backward: called with a scalar loss to compute gradients, such as ``fabric.backward``; ``loss.backward()`` else.
        no_sync: makes the context in which gradients stay on their rank, such as ``ddp.no_sync``.
        before_step: called without arguments between the last backward and the base's step, to clip gradients.

    Raises:
        TailtuneError: `base` is not a plain optimiser instance, or a negative radius.

    Source: Foret et al. 2021, "Sharpness-Aware Minimization for Efficiently Improving Generalization"; Kwon et al.
    2021, "ASAM" (without its constant eta, for every parameter).

    >>> model = nn.Linear(2, 3)
    >>> x, targets = torch.randn(8, 2), torch.randint(3, (8,))
    >>> optimizer = SAM(torch.optim.SGD(model.parameters(), lr=0.1), model, rho=0.05)
    >>> def closure():
    ...     return nn.functional.cross_entropy(model(x), targets, reduction="none"), targets
    >>> loss = optimizer.step(closure)
    """

    # By this a GradScaler hands its scale to `step` instead of failing obscurely on the closure, so `step` can refuse.
    _step_supports_amp_scaling = True

    def __init__(
        self,
        base: torch.optim.Optimizer,
        model: nn.Module | None = None,
        rho: float = 0.05,
        adaptive: bool = False,
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
        self.base = base
        self._rho = rho
        self.adaptive = adaptive
        self._backward = backward if backward is not None else torch.autograd.backward
        self._no_sync = no_sync
        self._before_step = before_step
        self._batchnorms = [m for m in model.modules() if isinstance(m, _BatchNorm)] if model is not None else []
        self._saved: list[Tensor] = []
        self._saved_of: list[tuple[int, torch.dtype, torch.device]] = []
        self._graph_checked = False
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
                indices [N], or soft [N, K] before smoothing), and optionally a scalar to add to the mean loss.

        Returns:
            Mean loss plus auxiliary term before the step: a detached scalar, NaN if either pass was not finite.

        Raises:
            TailtuneError: no closure, a result of another form, fp16, or no gradient for any parameter.
        """
        if closure is None:
            raise TailtuneError(f"{type(self).__name__}.step needs a closure that returns (losses [N], targets)")
        if getattr(self, "grad_scale", None) is not None:
            raise TailtuneError(NO_FP16)
        if any(group["rho"] for group in self.param_groups):
            loss = self._two_passes(closure)
        else:
            loss = self._descend(closure)
        if self._before_step is not None:
            self._before_step()
        self.base.step()
        return loss

    def _two_passes(self, closure: Closure) -> Tensor:
        self._clear_gradients()
        with self._no_sync() if self._no_sync is not None else nullcontext():
            loss, factor = self._ascend(*self._forward(closure))
        with self._away():
            self._perturb(factor)
            descent = self._descend(closure)
        return loss.add(descent, alpha=0)  # NaN if the second pass was not finite

    @contextmanager
    def _away(self) -> Iterator[Callable[[], None]]:
        """Hold BatchNorm's statistics, and put the weights back at the end; give what puts them back in between."""
        tracking = [layer for layer in self._batchnorms if layer.track_running_stats]
        parameters = self._save()

        def put_back() -> None:
            with torch.no_grad():
                torch._foreach_copy_(parameters, self._saved)
            torch.clear_autocast_cache()

        try:
            for layer in tracking:  # a layer in training mode that does not track still uses the batch's statistics
                layer.track_running_stats = False
            yield put_back
        finally:  # also when interrupted, so that a checkpoint written then has the true weights
            for layer in tracking:
                layer.track_running_stats = True
            put_back()

    def _ascend(self, losses: Tensor, targets: Tensor, auxiliary: Tensor | None) -> tuple[Tensor, Tensor]:
        """Leave the ascent direction in the gradients; return the detached loss and the factor to eps / rho."""
        loss = batch_loss(losses, auxiliary)
        self._backward(loss)
        return loss.detach(), self._gradient_norm().reciprocal()

    def _descend(self, closure: Closure) -> Tensor:
        self._clear_gradients()
        losses, _, auxiliary = self._forward(closure)
        loss = batch_loss(losses, auxiliary)
        self._backward(loss)
        return loss.detach()

    def _forward(self, closure: Closure) -> tuple[Tensor, Tensor, Tensor | None]:
        result: Any = closure()
        if not (isinstance(result, tuple) and len(result) in (2, 3) and all(isinstance(r, Tensor) for r in result)):
            raise TailtuneError("the closure must return tensors (losses [N], targets) or (losses, targets, auxiliary)")
        losses, targets, auxiliary = (*result, None)[:3]
        if losses.ndim != 1 or len(losses) == 0 or (auxiliary is not None and auxiliary.ndim):
            raise TailtuneError(
                "the closure must return the losses of one or more samples [N] (reduction='none') and, if any, a "
                f"scalar auxiliary term, however: losses of shape {tuple(losses.shape)}"
            )
        if not self._graph_checked and computes_in_fp16(losses):
            raise TailtuneError(NO_FP16)
        self._graph_checked = True
        if losses.dtype == torch.bfloat16:
            losses = losses.float()
        return losses, targets, auxiliary

    def _clear_gradients(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def _gradients(self) -> list[Tensor]:
        gradients = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        if not gradients:
            raise TailtuneError("no parameter of the optimiser got a gradient: do the losses depend on them?")
        return gradients

    def _gradient_norm(self) -> Tensor:
        gradients = self._gradients()
        if self.adaptive:
            parameters = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
            with torch.no_grad():
                gradients = list(torch._foreach_mul(gradients, parameters))
        return norm_of(gradients)

    @torch.no_grad()
    def _save(self) -> list[Tensor]:
        """Copy the parameters that have a gradient into buffers that are kept from step to step."""
        parameters = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        identity = [(id(p), p.dtype, p.device) for p in parameters]
        if identity != self._saved_of:
            self._saved, self._saved_of = [torch.empty_like(p) for p in parameters], identity
        torch._foreach_copy_(self._saved, parameters)
        return parameters

    @torch.no_grad()
    def _perturb(self, factor: Tensor) -> None:
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters and group["rho"]:
                step = [p.grad for p in parameters]
                torch._foreach_mul_(step, factor * group["rho"])
                if self.adaptive:
                    torch._foreach_mul_(step, parameters)
                    torch._foreach_mul_(step, parameters)
                torch._foreach_add_(parameters, step)
        torch.clear_autocast_cache()  # or an autocast around the whole step would reuse its casts of the old weights


def batch_loss(losses: Tensor, auxiliary: Tensor | None, shares: Tensor | None = None) -> Tensor:
    """Sum over the samples of share times loss (1/N each, the mean, by default), plus the auxiliary term."""
    if shares is None:
        shares = torch.full_like(losses, 1 / len(losses))
    total = torch.dot(losses, shares)  # one operation each way, where a mean takes several
    return total if auxiliary is None else total + auxiliary


def norm_of(tensors: list[Tensor]) -> Tensor:
    """Euclidean norm over all the tensors, at least `SMALLEST_NORM`."""
    norm: Tensor = torch.linalg.vector_norm(torch.stack(list(torch._foreach_norm(tensors))))
    return norm.clamp_min(SMALLEST_NORM)


def mean_over_ranks(tensors: list[Tensor]) -> None:
    """Replace each tensor by its mean over the processes of a data-parallel training."""
    for tensor in tensors:
        torch.distributed.all_reduce(tensor)
    torch._foreach_div_(tensors, torch.distributed.get_world_size())
