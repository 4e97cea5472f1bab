"""An ascent of its own for each group of classes, and the sum of what they find as the gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from torch import Tensor

from tailtune.errors import TailtuneError
from tailtune.optim.gradients import batch_loss, norm_of, several_processes
from tailtune.optim.held_gradients import Gradients
from tailtune.optim.parts import Part
from tailtune.optim.sam import SAM


class GroupedAscents(SAM, ABC):
    """Descends on sum_g L_g(w + eps_g), with eps_g = rho_g g_g / ||g_g|| and g_g the gradient of L_g at w.

    L_g is the part of the loss that belongs to group g. For G groups in the batch a step takes G + 1 forward and 2 G
    backward passes, and memory for G gradients. A subclass says what share of a sample belongs to which group, and how
    large the radii are.
    """

    _elsewhere = "an ascent for every group of classes runs in one process only"

    def _two_passes(self, passes: Callable[[], Iterable[Part]]) -> Tensor:
        self._refuse_several_processes()
        ascents: dict[int, Gradients] = {}

        def ascend(part: Part, weight: float) -> Tensor:
            shares = self._shares(part)
            for k in _present(shares):
                self._add_to(ascents.setdefault(k, {}), _of_group(part, shares[:, k]), weight)
            return batch_loss(part.losses.detach(), None if part.auxiliary is None else part.auxiliary.detach())

        def descend(part: Part, weight: float) -> Tensor:
            shares = self._shares(part)
            if k in _present(shares):
                self._differentiate(_of_group(part, shares[:, k]), weight)
            return part.losses.detach().sum()

        self._held.clear()
        loss, _, first = self._add_up(passes(), ascend)
        total: Gradients = {}
        self._held.put({parameter: gradient for each in ascents.values() for parameter, gradient in each.items()})
        with self._weights.away() as put_back:  # which holds all that climb
            for k in sorted(ascents):
                self._held.put(ascents[k])
                self._weights.move(self._radius(k) / norm_of(list(ascents[k].values())), adaptive=self.adaptive)
                self._held.put(total)  # to which the backward passes add
                self._add_up(passes(), descend)
                total = self._held.take()
                put_back()
        self._held.put(total)
        self._held.scale(first)
        return loss.add(norm_of(self._held.all()), alpha=0)  # NaN if a later pass was not finite

    def _refuse_several_processes(self) -> None:
        """Refuse to step where the processes of a training hold different groups.

        Raises:
            TailtuneError: there are several.
        """
        if several_processes():
            raise TailtuneError(self._elsewhere)

    def _refuse_several_backwards(self, what: str) -> None:
        name = type(self).__name__
        raise TailtuneError(f"{what} needs an ascent of one backward pass, and {name} takes several: take SAMA")

    @abstractmethod
    def _shares(self, part: Part) -> Tensor:
        """Each sample's share of its part by group, [n, G]; the shares of a part sum to 1."""

    @abstractmethod
    def _radius(self, group: int) -> float:
        """The radius of a group over the ``"rho"`` of the parameters."""


def _present(shares: Tensor) -> list[int]:
    """The groups of a part of which the samples have these shares [n, G]."""
    groups: list[int] = shares.sum(0).nonzero().flatten().tolist()
    return groups


def _of_group(part: Part, share: Tensor) -> Tensor:
    """The part of the objective that belongs to one group, of which the samples have these shares [n]."""
    return batch_loss(part.losses, None if part.auxiliary is None else share.sum() * part.auxiliary, share)
