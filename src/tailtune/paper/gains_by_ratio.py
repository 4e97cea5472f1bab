"""What methods gain over plain training at each train ratio: tables, figures and claims that several figures share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tailtune.paper.classes import at_test_ratio, balanced, cell, gain, minority
from tailtune.paper.curves import Panel, panels
from tailtune.paper.page import Claim, Row, Table
from tailtune.paper.rows import by_study, ratios_of
from tailtune.paper.verdict import above_zero, judged
from tailtune.study.paired import Paired

OF = {"all classes": balanced, "rarest fifth of classes": minority}
ALL = "all classes"


@dataclass(frozen=True)
class Gains:
    """Arms that are compared with one at every train ratio, on balanced test rows.

    Attributes:
        name: of the figure.
        baseline: name of the arm that the others are compared with.
        better: a claim that arms are better than the baseline at the most imbalanced ratio, in the paper's words.
        amplified: a claim that they gain more there than on balanced data.
        of: the arms that these claims are of.
        between: further claims at the most imbalanced ratio: words, and by words the better and the worse arm.
        relative: whether gains are shares of the baseline's accuracy (Equation 2), rather than points.
        imbalanced: draw the accuracy on test rows of the train ratio too.
    """

    name: str
    baseline: str
    better: str
    amplified: str
    of: Sequence[str]
    between: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    relative: bool = False
    imbalanced: bool = False

    @property
    def unit(self) -> str:
        """Of a gain."""
        return "per cent of the baseline's accuracy" if self.relative else "points of accuracy"

    def gains(
        self, rows: Sequence[Row], ratio: float, arm: str, of: str = ALL, over: str | None = None
    ) -> dict[int, float]:
        """Gain of an arm over another one, by default the baseline, by seed."""
        own, other = (
            {int(row["seed"]): OF[of](row) for row in rows if row["ratio"] == ratio and row["arm"] == name}
            for name in (arm, over or self.baseline)
        )
        both = sorted(own.keys() & other.keys())
        found = {seed: gain(own[seed], other[seed], by=other[seed] if self.relative else 1.0) for seed in both}
        return {seed: value for seed, value in found.items() if value is not None}

    def _arms(self, rows: Sequence[Row]) -> list[str]:
        return list(dict.fromkeys(str(row["arm"]) for row in rows))

    def tables(self, rows: Sequence[Row]) -> tuple[Table, ...]:
        """Return accuracy of every arm at every ratio, with its gain, for each data set."""
        made = []
        for study, own in by_study(rows).items():
            ratios = ratios_of(own)
            lines = []
            for arm in self._arms(own):
                cells = []
                for ratio in ratios:
                    each = [row for row in own if row["arm"] == arm and row["ratio"] == ratio]
                    cells += [cell([of(row) for row in each]) for of in OF.values()]
                    cells.append("–" if arm == self.baseline else cell(list(self.gains(own, ratio, arm).values())))
                lines.append((arm, *cells))
            made.append(
                Table(
                    f"{study}: accuracy on balanced test rows in per cent, of all and of the rarest fifth of the "
                    f"classes, and the gain over {self.baseline} in {self.unit}; mean ± standard error over paired "
                    "seeds, by argmax.",
                    ("arm", *(f"ratio {ratio:g}, {what}" for ratio in ratios for what in ("all", "rarest", "gain"))),
                    tuple(lines),
                )
            )
        return tuple(made)

    def figures(self, rows: Sequence[Row]) -> dict[str, str]:
        """Return, for each data set, accuracy and gain by train ratio."""
        made = {}
        for study, own in by_study(rows).items():
            ratios, arms = ratios_of(own), self._arms(own)
            kinds: dict[str, Callable[[Row], float]] = {"balanced test rows": balanced}
            if self.imbalanced:
                kinds["test rows of the train ratio"] = lambda row: at_test_ratio(row, float(row["ratio"]))
            shown = [
                Panel(
                    words,
                    "train ratio",
                    "test accuracy",
                    {
                        arm: {
                            ratio: [of(row) for row in own if row["arm"] == arm and row["ratio"] == ratio]
                            for ratio in ratios
                        }
                        for arm in arms
                    },
                    log=10,
                )
                for words, of in kinds.items()
            ]
            for of in OF:
                # the baseline comes along without places, so that colours are those of the first panel
                curves = {
                    arm: {}
                    if arm == self.baseline
                    else {ratio: list(self.gains(own, ratio, arm, of).values()) for ratio in ratios}
                    for arm in arms
                }
                words = "relative gain" if self.relative else "gain"
                shown.append(Panel(f"balanced, {of}", "train ratio", f"{words} over {self.baseline}", curves, log=10))
            name = f"{self.name}-{study}"
            made[name] = panels(shown, name, f"{study}: gain over {self.baseline} by train ratio")
        return made

    def claims(self, rows: Sequence[Row]) -> tuple[Claim, ...]:
        """Return whether the arms gain at the most imbalanced ratio, and more there than on balanced data."""
        found: list[Claim] = []
        for study, own in by_study(rows).items():
            ratios, arms = ratios_of(own), self._arms(own)
            low, high = ratios[0], ratios[-1]
            named = [arm for arm in self.of if arm in arms]
            better = {f"{arm} at {low:g}": above_zero(list(self.gains(own, low, arm).values())) for arm in named}
            found.append(judged(f"{study}: {self.better}", "a figure", better, own, self.unit))
            more = {f"{arm} at {low:g} over {high:g}": self._more(own, arm, low, high) for arm in named}
            found.append(judged(f"{study}: {self.amplified}", "a figure", more, own, self.unit))
            for words, (one, other) in self.between.items():
                if one in arms and other in arms:
                    gap = above_zero(list(self.gains(own, low, one, over=other).values()))
                    found.append(
                        judged(f"{study}: {words}", "a figure", {f"{one} over {other} at {low:g}": gap}, own, self.unit)
                    )
        return tuple(found)

    def _more(self, rows: Sequence[Row], arm: str, low: float, high: float) -> Paired | None:
        rare, even = (self.gains(rows, ratio, arm) for ratio in (low, high))
        return above_zero([rare[seed] - even[seed] for seed in sorted(rare.keys() & even.keys())])
