"""LDAM: cross-entropy with a margin that is larger for rarer classes."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor
from torch.nn import functional

from tailtune.errors import TailtuneError
from tailtune.losses.counts import Counts, read_counts
from tailtune.losses.cross_entropy import of_checked
from tailtune.losses.loss import Reduction, SampleLoss
from tailtune.models.heads import SCALE
from tailtune.profile import Floats


def ldam_margins(counts: Counts, max_margin: float = 0.5) -> Floats:
    """Margins m_k = C n_k^(-1/4) [K], with C such that the rarest class has `max_margin`.

    An empty class has the margin of the rarest class that has samples: it must not make the margins of all others
    smaller.

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`.
        max_margin: margin of the rarest class, on the scale of a cosine.

    Raises:
        TailtuneError: `max_margin` outside [0, 2] (two cosines differ by 2 at most), or what `read_counts` refuses.

    >>> ldam_margins((16, 1)).tolist()
    [0.25, 0.5]
    """
    if not 0 <= max_margin <= 2:
        raise TailtuneError(f"max_margin must lie between 0 and 2, however: {max_margin=}")
    n = read_counts(counts)
    rarest = n[n > 0].min()
    return np.asarray(max_margin * (np.maximum(n, rarest) / rarest) ** -0.25)


class LDAMLoss(SampleLoss):
    """Cross-entropy of logits from which the margin of the true class is taken: CE(z - s m_y 1_y), z = s cos.

    The logits must come from a cosine head that outputs s cos(x, w_k), such as `tailtune.models.heads.CosineHead` with
    the same scale: a margin means nothing where logits can grow at will. At inference the logits are used as they are.

    With soft targets q the margins are q_k m_k, which is the above for one class. A mixed sample thus has a part of the
    margin for each of its classes; this is *not* the mixture of the losses towards its classes.

    Args:
        counts: training samples of each class [K], on any device, or a `ClassProfile`; `ldam_margins` makes the
            margins of them.
        max_margin: margin of the rarest class, on the scale of a cosine.
        scale: s, that of the cosine head.
        reduction: see `tailtune.losses.loss.SampleLoss`.
        ignore_index: see `tailtune.losses.loss.SampleLoss`.

    Raises:
        TailtuneError: a scale of 0 or less, or what `SampleLoss` or `ldam_margins` refuse.

    Source: Cao et al. 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss"; 0.5 and 30
    are those of its code.

    >>> loss = LDAMLoss(counts=(900, 90, 10))
    >>> loss
    LDAMLoss(margins=0.162..0.5, scale=30.0)
    """

    margins: Tensor

    def __init__(
        self,
        counts: Counts,
        max_margin: float = 0.5,
        scale: float = SCALE,
        reduction: Reduction = "none",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction, ignore_index, margins=ldam_margins(counts, max_margin))
        if not 0 < scale < math.inf:
            raise TailtuneError(f"scale must be more than 0, however: {scale=}")
        self.scale = scale

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the losses [N]; called by ``forward``, which checks the targets."""
        q = functional.one_hot(targets, len(self.margins)) if targets.ndim == 1 else targets
        return of_checked(logits - q * (self.scale * self.margins), targets)

    def extra_repr(self) -> str:
        """Show the margins and the scale in ``print(module)``."""
        return f"margins={float(self.margins.min()):.3g}..{float(self.margins.max()):.3g}, scale={self.scale}"
