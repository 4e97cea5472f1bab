"""The precursor's Figure 3: majority growth for a ResNet on CIFAR-10 and XGBoost on Adult, and the best number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tailtune.errors import TailtuneError, nearest
from tailtune.paper import fig16, fig20, pictures
from tailtune.paper.growth import arms, growth_claims, growth_figures, growth_tables
from tailtune.paper.page import Asked, Planned, Row, Scale

TITLE = "Precursor, Figure 3: majority growth, and the best number of majority rows by minority rows"
CLAIM = "increasing the number of majority samples degrades performance"
# the precursor fixes 500 minority rows in (a) and (b), and varies them in (c)
MINORITIES: Mapping[Scale, Mapping[str, Sequence[int]]] = {
    "smoke": {"digits": (10,), "adult": (20, 40)},
    "small": {"cifar10": fig16.MINORITIES["small"], "adult": (125, 250, 500)},
    "full": {"cifar10": (100, 200, 500), "adult": (125, 250, 500)},
}
RATIOS: Mapping[str, Sequence[float]] = {
    "digits": (0.2, 1.0),
    "cifar10": (0.1, 0.15, 0.2, 0.35, 0.5, 1.0),
    "adult": (0.025, 0.05, 0.1, 0.2, 0.5, 1.0),
}
tables, claims = growth_tables, growth_claims


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return the study of Figure 16 on pictures, with more ratios at full, and one of XGBoost on Adult.

    Raises:
        TailtuneError: a data set that is not among them.
    """
    sets = MINORITIES[scale]
    for name in asked.data:
        if name not in sets:
            raise TailtuneError(
                f"at {scale} there is no data set {name!r}.{nearest(name, sets)} There is {', '.join(sets)}"
            )
    found: dict[str, Planned] = {}
    for name in asked.data or sets:
        if name == "adult":
            study = replace(fig20.of_table(name, scale, asked), arms=tuple(arms(sets[name])))
            found[name] = Planned(replace(study, ratios=tuple(RATIOS[name]), total=None))
        elif scale == "full":
            own = pictures.planned(
                scale, replace(asked, data=()), arms(sets[name]), RATIOS[name], (name,), model="resnet34"
            )
            found |= {key: replace(one, study=replace(one.study, total=None)) for key, one in own.items()}
        else:
            found |= fig16.design(scale, replace(asked, data=()))
    return found


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return accuracy by rows of the largest class, and the best number of these by rows of the rarest."""
    return growth_figures(rows, "precursor-fig3")
