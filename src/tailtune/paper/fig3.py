"""Figures 3, 8 and 9: accuracy by network on balanced and imbalanced data, and how far the two agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tailtune.models.listed import IMAGE_MODELS
from tailtune.paper.classes import balanced, cell, minority
from tailtune.paper.correlation import Correlation, correlation
from tailtune.paper.curves import Panel, panels
from tailtune.paper.linked import apart
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.pictures import planned
from tailtune.paper.rows import by_study, ratios_of
from tailtune.paper.verdict import above_zero, judged
from tailtune.study.study import Arm

TITLE = "Figures 3, 8 and 9: architecture on balanced and imbalanced data"
CLAIM = (
    "performance on balanced and imbalanced datasets is virtually uncorrelated across a wide variety of architectures"
)
PRINTED = 0.14  # Pearson's r
RESNETS: Mapping[Scale, tuple[str, ...]] = {  # from small to large
    "smoke": ("resnet8", "resnet20"),
    "small": ("resnet8", "resnet20", "resnet32"),
    "full": ("resnet8", "resnet32", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
}
OTHERS: Mapping[Scale, tuple[str, ...]] = {
    "smoke": (),
    "small": ("vgg11_bn",),
    "full": ("wrn-28-10", "densenet121", "mobilenetv2_100", "inception_v3", "efficientnet_b0", "vgg16_bn"),
}
RATIOS: Mapping[Scale, tuple[float, ...]] = {
    "smoke": (0.1, 1.0),
    "small": (0.1, 1.0),
    "full": (0.001, 0.01, 1.0),
}


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of networks at every ratio.

    At small rows are few and epochs many: where training does not fit its rows, no network overfits, and at a ratio of
    0.01 none has anything of the rarest classes right.

    Raises what `planned` raises.
    """
    sets = ("cifar100", "cifar10", "cinic10") if scale == "full" else ()
    arms = [Arm(name, {"model": name}) for name in (*RESNETS[scale], *OTHERS[scale])]
    fitted = {"total": 2000, "epochs": 40} if scale == "small" else {}
    return planned(scale, asked, arms, RATIOS[scale], sets, **fitted)


def _of(rows: Sequence[Row], arm: str, ratio: float) -> dict[int, Row]:
    return {int(row["seed"]): row for row in rows if row["arm"] == arm and row["ratio"] == ratio}


def _by_size(rows: Sequence[Row]) -> list[str]:
    return sorted(dict.fromkeys(str(row["arm"]) for row in rows), key=lambda name: IMAGE_MODELS[name].parameters)


def _resnets(rows: Sequence[Row]) -> list[str]:
    return [name for name in _by_size(rows) if name.startswith("resnet")]


def _against(rows: Sequence[Row], low: float) -> Correlation | None:
    """Balanced against imbalanced accuracy, of the means over seeds of each architecture that has both."""
    even = max(ratios_of(rows))
    both = [name for name in _by_size(rows) if _of(rows, name, low) and _of(rows, name, even)]
    x, y = (
        [float(np.mean([balanced(row) for row in _of(rows, name, ratio).values()])) for name in both]
        for ratio in (even, low)
    )
    return correlation(x, y)


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return accuracy of every network at every ratio, on all classes and on the rarest, for each data set."""
    made = []
    for study, own in by_study(rows).items():
        ratios = ratios_of(own)
        lines = []
        for name in _by_size(own):
            cells = [
                cell([of(row) for row in _of(own, name, ratio).values()])
                for ratio in ratios
                for of in (balanced, minority)
            ]
            lines.append((name, f"{IMAGE_MODELS[name].parameters / 1e6:.2f}", *cells))
        made.append(
            Table(
                f"{study}: accuracy on balanced test rows in per cent, mean ± standard error over seeds; rarest is the "
                "fifth of the classes that is rare at the smaller ratios. Millions of parameters for 10 classes.",
                ("network", "millions", *(f"ratio {ratio:g}, {of}" for ratio in ratios for of in ("all", "rarest"))),
                tuple(lines),
            )
        )
    return tuple(made)


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return, for each data set, the ResNets' accuracy on rare classes by size, and all networks' accuracies."""
    made = {}
    for study, own in by_study(rows).items():
        ratios = ratios_of(own)
        size = {name: IMAGE_MODELS[name].parameters / 1e6 for name in _by_size(own)}
        left = Panel(
            "ResNets, rarest fifth of classes",
            "millions of parameters",
            "test accuracy",
            {
                f"train ratio {ratio:g}": {
                    size[name]: [minority(row) for row in _of(own, name, ratio).values()] for name in _resnets(own)
                }
                for ratio in ratios
            },
            log=10,
        )
        even, low = max(ratios), min(ratios)
        found = _against(own, low)
        right = Panel(
            "all classes" + ("" if found is None else f", r = {found.r:.2f}"),
            f"accuracy at ratio {even:g}, per cent",
            f"accuracy at ratio {low:g}",
            {
                name: {
                    100 * float(np.mean([balanced(row) for row in _of(own, name, even).values()])): [
                        balanced(row) for row in _of(own, name, low).values()
                    ]
                }
                for name in _by_size(own)
                if _of(own, name, even)
            },
            joined=False,
        )
        made[f"fig3-{study}"] = panels([left, right], f"fig3-{study}", f"{study}: accuracy by network")
    return made


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether the largest ResNet loses to a smaller one on imbalanced data, and how far accuracies agree."""
    found: list[Claim] = []
    for study, own in by_study(rows).items():
        ratios, nets = ratios_of(own), _resnets(own)
        low, even = ratios[0], ratios[-1]
        if low == even:
            continue
        found.append(
            judged(
                f"{study}: deeper architectures overfit on class-imbalanced data: performance on imbalanced data peaks "
                "below the largest size",
                "peak at 20 million parameters",
                {
                    f"best of the smaller over {nets[-1]}, rarest classes at {low:g}": above_zero(
                        past_the_peak(own, low)
                    )
                },
                own,
            )
        )
        found.append(apart(f"{study}: {CLAIM}", f"r = {PRINTED}", _against(own, low), own, "networks"))
    return tuple(found)


def past_the_peak(rows: Sequence[Row], ratio: float) -> list[float]:
    """Accuracy on the rarest classes of the best smaller ResNet minus that of the largest, a seed each.

    Which of the smaller is best the other seeds say, so that the choice does not favour it. Empty for one seed.
    """
    scores = {name: {seed: minority(row) for seed, row in _of(rows, name, ratio).items()} for name in _resnets(rows)}
    seeds = sorted(set.intersection(*(set(each) for each in scores.values()))) if len(scores) > 1 else []
    *smaller, largest = scores
    found = []
    for seed in seeds if len(seeds) > 1 else []:
        best = max(smaller, key=lambda name: np.mean([scores[name][other] for other in seeds if other != seed]))
        found.append(scores[best][seed] - scores[largest][seed])
    return found
