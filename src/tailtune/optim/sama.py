"""SAM-A: sharpness-aware minimisation with a radius for each class, around any base optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.losses.counts import Counts, read_counts
from tailtune.losses.targets import of_samples
from tailtune.optim.gradients import batch_loss, mean_over_ranks, several_processes
from tailtune.optim.held_gradients import Gradients
from tailtune.optim.parts import Part
from tailtune.optim.sam import SAM, Accumulate
from tailtune.profile import Rule, per_class

Normalise = Literal["mean_radius", "batch_gradient"]


class SAMA(SAM):
    """SAM-A: sharpness-aware minimisation that ascends further for rare classes.

    Each class k has a radius rho_k (`tailtune.profile.per_class` of rho), a sample i the radius
    rho_i = sum_k q_ik rho_k of its targets q_i, which the closure returns unsmoothed. The ascent gradient is
    G = (1/N) sum_i rho_i g_i with g_i the gradient of sample i; the descent at w + eps is unweighted. With rhobar the
    batch mean of the rho_i:

    - ``normalise="mean_radius"`` (default): eps = rhobar G / ||G||. Two passes, the cost of SAM.
    - ``normalise="batch_gradient"``: eps = G / ||gbar|| with gbar the gradient of the mean loss, the form that is
      linear in the radii; one backward more from the same forward.

    Either way ||eps|| is at most `cap` times rho: a batch of the rarest class alone, or class gradients that cancel in
    gbar, would otherwise throw the weights far away. With equal radii both are SAM. An auxiliary term of the closure is
    perturbed with the mean radius: rhobar times its gradient joins G. Of a batch in parts (see `SAM`), rhobar is the
    mean over all its samples, but for auxiliary terms each part has its own.

    - ``rule="inverse"`` (default): rare classes get more, as the paper's prose says.
    - ``rule="printed"``: Equation 5 as printed, rho / (1 - p_k), by which frequent classes get more.
    - ``rule="official"``: the official code, where the samples' gradients are weighted by n_max / n_k and
      eps = rho G / ||G|| for every batch; only the direction depends on the classes.

    Under DDP rhobar is averaged over the ranks, unless `no_sync` makes the ascent per rank. For all else see `SAM`.

    Args:
        base: an optimiser instance over the parameters.
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        model: the network whose BatchNorm layers are to be held on the second pass.
        rho: radius of a class of average size, for the groups of `base` that have no ``"rho"`` of their own.
        rule: how radii follow from counts, see above.
        normalise: how the perturbation is normalised, see above (not with the official rule).
        kappa: strength of the inverse rule; 0 is SAM.
        cap: the largest ratio of a class's radius to rho before normalising (inverse rule), and of ||eps|| to rho.
        priors: class distribution of the batches [K] if a sampler makes it differ from `counts`. The radii are then
            scaled so that sum_k priors_k rho_k = rho, in every rule; else a balanced sampler would multiply them.
        accumulate: what climbs by its own gradient if the closure yields parts: the "whole" batch, or "each" part.
        backward: called with a scalar loss to compute gradients; with ``retain_graph=True`` for batch_gradient.
        no_sync: makes the context in which gradients stay on their rank, such as ``ddp.no_sync``.
        before_step: called without arguments between the last backward and the base's step.

    Attributes:
        radii: radius of each class as a multiple of rho, float64 [K].

    Raises:
        TailtuneError: what `SAM`, `read_counts` and `per_class` refuse, an unknown `normalise`, the official rule with
            batch_gradient, or priors that are no distribution over the classes.

    Source: "Simplifying Neural Network Training Under Class Imbalance", Equation 5 and its official code.

    >>> model = nn.Linear(2, 3)
    >>> x, targets = torch.randn(8, 2), torch.randint(3, (8,))
    >>> optimizer = SAMA(torch.optim.SGD(model.parameters(), lr=0.1), counts=(900, 90, 10), model=model)
    >>> loss = optimizer.step(lambda: (nn.functional.cross_entropy(model(x), targets, reduction="none"), targets))
    >>> optimizer.radii.round(decimals=2).tolist()
    [0.52, 5.17, 6.98]
    """

    def __init__(
        self,
        base: torch.optim.Optimizer,
        counts: Counts,
        model: nn.Module | None = None,
        rho: float = 0.05,
        rule: Rule = "inverse",
        normalise: Normalise = "mean_radius",
        kappa: float = 1.0,
        cap: float = 5.0,
        priors: ArrayLike | Tensor | None = None,
        accumulate: Accumulate = "whole",
        backward: Callable[..., Any] | None = None,
        no_sync: Callable[[], AbstractContextManager[Any]] | None = None,
        before_step: Callable[[], Any] | None = None,
    ) -> None:
        if normalise not in ("mean_radius", "batch_gradient"):
            raise TailtuneError(f"normalise must be 'mean_radius' or 'batch_gradient', however: {normalise=}")
        if rule == "official" and normalise == "batch_gradient":
            raise TailtuneError("rule='official' has one radius for all batches: leave normalise at 'mean_radius'")
        self.radii = torch.from_numpy(per_class(1.0, read_counts(counts), rule=rule, kappa=kappa, cap=cap))
        self.rule = rule
        self.normalise = normalise
        self.cap = cap
        self._may_exceed_cap = bool(self.radii.max() > cap)
        self._radii = self.radii  # on the device and in the dtype of the last losses
        self._means: list[tuple[Tensor, int]] = []  # mean radius and samples of the parts since the last perturbation
        self._unweighted: Gradients = {}  # sum of their plain gradients, for batch_gradient
        if priors is not None:
            self.set_priors(priors)
        super().__init__(
            base,
            model=model,
            rho=rho,
            accumulate=accumulate,
            backward=backward,
            no_sync=no_sync,
            before_step=before_step,
        )

    def set_priors(self, priors: ArrayLike | Tensor) -> None:
        """Scale the radii for batches of another class distribution [K], such that sum_k priors_k rho_k = rho.

        Raises:
            TailtuneError: `priors` is no distribution over the classes.
        """
        distribution = torch.as_tensor(priors, device="cpu", dtype=torch.float64)
        if distribution.shape != self.radii.shape or distribution.min() < 0 or abs(distribution.sum() - 1) > 1e-6:
            raise TailtuneError(
                f"priors must be {len(self.radii)} proportions that sum to 1, however: {distribution.tolist()}"
            )
        self.radii = self.radii / (distribution @ self.radii)
        self._may_exceed_cap = bool(self.radii.max() > self.cap)
        self._radii = self.radii

    def ascent_loss(self, losses: Tensor, targets: Tensor, auxiliary: Tensor | None = None) -> Tensor:
        """Return the scalar to call backward on before `first_step`: (1/N) sum_i rho_i l_i + rhobar auxiliary.

        Args:
            losses: of the samples [N], from a forward pass at the weights.
            targets: class indices [N], or soft [N, K] before smoothing.
            auxiliary: a scalar to add with the mean radius, if any.

        Raises:
            TailtuneError: fp16, or what `tailtune.losses.targets.check_targets` refuses.
        """
        self._look(losses)
        shares = self._radii_of(targets, losses) / len(losses)
        mean_radius = shares.sum()
        if self._synchronised():
            mean_over_ranks([mean_radius])
        self._means.append((mean_radius, len(losses)))
        return batch_loss(losses, None if auxiliary is None else mean_radius * auxiliary, shares)

    def _two_passes(self, passes: Callable[[], Iterable[Part]]) -> Tensor:
        self._means, self._unweighted = [], {}
        return super()._two_passes(passes)

    def _ascend(self, part: Part, weight: float) -> Tensor:
        loss = batch_loss(part.losses, part.auxiliary)
        weighted = self.ascent_loss(*part)
        if self.normalise == "batch_gradient":
            self._add_to(self._unweighted, loss, weight)
        self._differentiate(weighted, weight)
        return loss.detach()

    def _factor(self) -> Tensor:
        means, self._means = self._means, []
        if not means:
            raise TailtuneError(
                f"{type(self).__name__}.first_step needs the radii of the batch: call backward on "
                "optimizer.ascent_loss(losses, targets), with losses [N], before it"
            )
        if self.normalise == "batch_gradient":
            batch_norm = self._norm(list(self._unweighted.values()))
            if self._synchronised():  # DDP reduces only the first backward of a forward
                mean_over_ranks(self._held.all())
            return torch.minimum(1 / batch_norm, self.cap / self._norm(self._held.all()))
        norm = self._norm(self._held.all())
        if self.rule == "official":
            return norm.reciprocal()
        mean_radius = means[0][0]
        if len(means) > 1:
            mean_radius = torch.stack([mean * count for mean, count in means]).sum() / sum(count for _, count in means)
        return (mean_radius.clamp_max(self.cap) if self._may_exceed_cap else mean_radius) / norm

    def _refuse_several_backwards(self, what: str) -> None:
        if self.normalise == "batch_gradient":
            raise TailtuneError(f"{what} needs an ascent of one backward pass: take normalise='mean_radius'")

    def _synchronised(self) -> bool:
        return self._no_sync is None and several_processes()

    def _radii_of(self, targets: Tensor, losses: Tensor) -> Tensor:
        dtype = torch.float64 if losses.dtype == torch.float64 else torch.float32
        if self._radii.device != losses.device or self._radii.dtype != dtype:
            self._radii = self.radii.to(losses.device, dtype)
        return of_samples(self._radii, targets, len(losses))
