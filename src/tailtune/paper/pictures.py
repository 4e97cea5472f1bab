"""The studies of pictures: what all of them share at each scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailtune.errors import TailtuneError, nearest
from tailtune.paper.page import Asked, Planned, Scale
from tailtune.study.study import Arm, Study


@dataclass(frozen=True)
class Shared:
    """What trainings of pictures share unless an arm says otherwise.

    Attributes:
        data: the data set where a subject does not name its own.
        model: the network.
        epochs: of each training.
        total: training rows of all classes together, the same at every ratio; None takes as many as a ratio leaves.
        policy: of augmentation.
        seeds: trainings of each arm.
    """

    data: str
    model: str
    epochs: int
    total: int | None
    policy: str
    seeds: int


SHARED: dict[Scale, Shared] = {
    "smoke": Shared("digits", "resnet8", 1, 150, "none", 2),
    "small": Shared("cifar10", "resnet8", 30, 6000, "flip+crop", 3),
    "full": Shared("cifar100", "resnet50", 300, None, "flip+crop+trivialaugment+cutmix", 5),
}


def planned(
    scale: Scale,
    asked: Asked,
    arms: Sequence[Arm],
    ratios: Sequence[float],
    sets: Sequence[str] = (),
    **changes: Any,
) -> dict[str, Planned]:
    """Return a study of each data set: plain training by SGD with a cosine, last weights, decision by argmax.

    Args:
        scale: settles what `SHARED` says of it.
        asked: what a person wants otherwise.
        arms: what is compared.
        ratios: of training.
        sets: the data sets; by default the scale's own.
        changes: fields of `Study` instead of the scale's; None leaves the scale's.

    Raises:
        TailtuneError: a data set that is asked for and that is not among them.
    """
    shared = SHARED[scale]
    sets = sets or (shared.data,)
    for name in asked.data:
        if name not in sets:
            raise TailtuneError(
                f"at {scale} there is no data set {name!r}.{nearest(name, sets)} It has {', '.join(sets)}"
            )
    own = {name: value for name, value in changes.items() if value is not None}
    return {
        name: Planned(
            replace(
                Study(
                    arms=tuple(arms),
                    data=(name,),
                    ratios=tuple(ratios),
                    seeds=shared.seeds if asked.seeds is None else asked.seeds,
                    method="erm",
                    decision="none",
                    selection="last",
                    model=shared.model,
                    epochs=shared.epochs,
                    total=shared.total,
                    batch_size=128 if scale == "full" else 64,
                    optimizer="sgd",
                    lr=0.1,
                    weight_decay=2e-4,
                    ema=0.999 if scale == "full" else 0.0,
                    policy=shared.policy,
                    threads=1,
                    data_root=asked.data_root,
                    jobs=asked.jobs,
                    out=f"{asked.out}/{name}",
                ),
                **own,
            )
        )
        for name in (asked.data or sets)
    }
