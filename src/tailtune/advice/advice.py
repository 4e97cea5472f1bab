"""What a check looks at (`Facts`), what it says (`Advice`), and the few ways of saying numbers that checks share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tailtune.profile import ClassProfile

Kind = Literal["table", "image"]
Level = Literal["act", "consider", "note"]
LEVELS: tuple[Level, ...] = ("act", "consider", "note")

# Where imbalance begins to matter and where it is severe is tailtune's reading of the paper's curves over ratios
# from 1 down to 0.001; the paper names no thresholds.
BALANCED, SEVERE = 0.5, 0.05


@dataclass(frozen=True)
class Facts:
    """What is known about the data, and about the run if one is planned. ``None`` means not known or not chosen.

    Args:
        profile: class distribution of the training part.
        kind: table or image.
        val_counts: rows of each class in the validation part [K].
        test_counts: rows of each class in the test part [K].
        side: longer side of the images in pixels.
        channels: colour channels of the images.
        flip: whether a mirrored image keeps its class, if the user or the data set has said so.
        method: name of the chosen method.
        model: name of the chosen model.
        parameters: number of trainable parameters of that model.
        batch_size: rows a step.
        epochs: passes over the training part.
    """

    profile: ClassProfile
    kind: Kind
    val_counts: Sequence[int] | None = None
    test_counts: Sequence[int] | None = None
    side: int | None = None
    channels: int | None = None
    flip: bool | None = None
    method: str | None = None
    model: str | None = None
    parameters: int | None = None
    batch_size: int | None = None
    epochs: int | None = None

    @property
    def rows(self) -> str:
        """What one sample is called: rows of a table, images of a folder."""
        return "rows" if self.kind == "table" else "images"

    @property
    def network(self) -> bool:
        """Whether the chosen model is a network, or may be one: advice on its training has no meaning for trees."""
        return self.model != "xgboost"

    @property
    def imbalanced(self) -> bool:
        """Whether the ratio is under 0.5."""
        return self.profile.ratio < BALANCED

    @property
    def severe(self) -> bool:
        """Whether the ratio is 0.05 or less."""
        return self.profile.ratio <= SEVERE

    @property
    def rarest(self) -> int:
        """Index of the rarest class that has training samples at all."""
        counts = self.profile.counts
        return min((k for k, count in enumerate(counts) if count), key=lambda k: counts[k])

    @property
    def commonest(self) -> int:
        """Index of the most frequent class of the training part."""
        return int(self.profile.head[0])

    def name(self, index: int) -> str:
        """The quoted name of a class."""
        return quoted(self.profile.names[index])


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    Attributes:
        code: TT001 and so on; docs/advice.md has an entry for each.
        title: a few words.
        finding: what the paper found, with its section, or what plain counting says where the paper is silent.
        recommendation: what to do with this data, with its numbers.
        level: act (a result would mislead or fail), consider (likely to help), note (good to know).
    """

    code: str
    title: str
    finding: str
    recommendation: str
    level: Level


def printable(text: str) -> str:
    """`text` without control characters, which come from data and would otherwise reach a terminal or a page."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def quoted(name: str, longest: int = 40) -> str:
    """`name` in quotes, made printable and cut to `longest` characters."""
    name = printable(name)
    return f"'{name[: longest - 1]}…'" if len(name) > longest else f"'{name}'"


def listed(names: Iterable[str], most: int = 3) -> str:
    """Join names in words, at most `most` of them.

    >>> listed(["'a'", "'b'", "'c'"], most=2)
    "'a', 'b' and 1 more"
    """
    every = list(names)
    if len(every) > most:
        return f"{', '.join(every[:most])} and {len(every) - most} more"
    return " and ".join(filter(None, [", ".join(every[:-1]), every[-1]])) if every else "none"


def classes(number: int) -> str:
    """`number` with the word class in the right form.

    >>> classes(1), classes(1200)
    ('1 class', '1,200 classes')
    """
    return f"{number:,} class" if number == 1 else f"{number:,} classes"


def percent(share: float) -> str:
    """A share in per cent with as many digits as it needs.

    >>> percent(0.752), percent(0.0081), percent(0.9987)
    ('75 %', '0.81 %', '99.87 %')
    """
    digits = 2 if min(share, 1 - share) < 0.01 else 0
    return f"{100 * share:.{digits}f} %"
