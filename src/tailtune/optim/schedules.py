"""Learning-rate schedules as pure functions of the step."""

from __future__ import annotations

import math

from tailtune.errors import TailtuneError


def warmup_cosine(step: int, total: int, warmup: int = 0) -> float:
    """Factor of the learning rate: linear warm-up, then half a cosine down to 0 (Loshchilov & Hutter 2017).

    Step s has (s + 1) / (warmup + 1) during the warm-up (so that no step is spent at 0) and
    (1 + cos(pi (s - warmup) / (total - warmup))) / 2 from `warmup` on: exactly 1 at `warmup`, exactly 0 from `total`
    on, which is after the last step.

    Args:
        step: steps taken so far, from 0.
        total: number of steps in all, one or more.
        warmup: number of steps below the full learning rate, at most `total`.

    Returns:
        A factor in [0, 1]; for ``torch.optim.lr_scheduler.LambdaLR``: ``lambda step: warmup_cosine(step, 900, 45)``.

    Raises:
        TailtuneError: a negative step, a total under 1, or a warm-up outside 0..total.

    >>> [warmup_cosine(step, total=5, warmup=1) for step in (0, 1, 3, 5)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if step < 0 or total < 1 or not 0 <= warmup <= total:
        raise TailtuneError(
            f"steps need 0 <= step, 1 <= total, 0 <= warmup <= total, however: {step=} {total=} {warmup=}"
        )
    if step >= total:
        return 0.0
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / (total - warmup)
    return (1 + math.cos(math.pi * progress)) / 2
