"""The part of a run's page, and of the terminal, on slices: a table a column, and what may be said of differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tailtune.evaluation.measures import BY_KEY
from tailtune.evaluation.slices import ENOUGH, Slice, Sliced
from tailtune.report.measure_words import show, show_interval
from tailtune.report.rendering import sentence
from tailtune.words import NONE, points, quoted, shortened, whole

SENTENCES = "slices.txt.j2"
AREAS = ("auprc", "tail_auprc")
MOST_THIN = 2  # slices without figures that a table still has
SHARE = BY_KEY["accuracy"]  # shares are written as it is
HEADINGS = ("Recall", "Precision", "False alarms", "Balanced", "AUPRC", "Log loss")


@dataclass(frozen=True)
class SliceRow:
    """A slice: its rows, those of the rarest classes, and its figures under HEADINGS with their intervals."""

    label: str
    rows: str
    rare: str
    support: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SliceTable:
    """The slices by one column, and the sentences on them."""

    column: str
    rows: tuple[SliceRow, ...]
    told: tuple[str, ...]


def slice_tables(slices: Sequence[Sliced], names: Sequence[str], rare: str) -> list[SliceTable]:
    """Return a table a column.

    Args:
        slices: by column.
        names: of the classes, in class order.
        rare: the rarest classes in words.
    """
    return [SliceTable(each.column, tuple(_rows(each, names)), tuple(_told(each, rare))) for each in slices]


def _rows(each: Sliced, names: Sequence[str]) -> Iterator[SliceRow]:
    """Where many slices are too small, a sentence names them, and the table leaves them out."""
    thin = sum(not part.told for part in each.slices)
    return (_row(part, names) for part in each.slices if part.told or thin <= MOST_THIN)


def _row(part: Slice, names: Sequence[str]) -> SliceRow:
    support = ", ".join(f"{shortened(name, 24)} {n}" for name, n in zip(names[:20], part.support, strict=False))
    more = f" and {len(names) - 20} more classes" if len(names) > 20 else ""
    return SliceRow(part.label, whole(part.rows), whole(part.rare), support + more, tuple(_cells(part)))


def _cells(part: Slice) -> Iterator[tuple[str, str]]:
    area = next((key for key in AREAS if key in part.metrics), AREAS[0])
    for key in ("recall", "precision", "false_alarms", "balanced_accuracy", area, "log_loss"):
        measure = BY_KEY.get(key, SHARE)
        value = part.metrics.get(key)
        yield (NONE, "") if value is None else (show(measure, value), show_interval(measure, part.intervals.get(key)))


def _told(each: Sliced, rare: str) -> Iterator[str]:
    for contrast in each.contrasts:
        less, more = sorted(abs(end) for end in contrast.interval)
        yield sentence(
            SENTENCES, "contrast", column=each.column, each=contrast, rare=rare, low=points(less), high=points(more)
        )
    if not each.contrasts:
        yield sentence(SENTENCES, "level", column=each.column, comparisons=each.comparisons)
    thin = [f"{quoted(part.label, '“”')} ({part.rare} of {part.rows})" for part in each.slices if not part.told]
    if thin:
        yield sentence(SENTENCES, "thin", labels=thin, enough=ENOUGH)
