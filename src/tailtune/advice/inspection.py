"""`tailtune inspect`: the class profile, the columns and the advice, for a terminal of 80 columns, and as JSON.

What comes from data (class names) is shown as plain text, never as markup, and every mark has a meaning without
colour.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.constrain import Constrain
from rich.measure import Measurement
from rich.padding import Padding
from rich.rule import Rule
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from tailtune.advice.advice import Advice
from tailtune.advice.facts import SEVERE, Facts
from tailtune.leaks.column_overview import ColumnOverview
from tailtune.profile import ClassProfile
from tailtune.words import counted, listed, printable, short_percent, shortened

MOST_ROWS = 24  # classes shown one by one; of more, only the largest and the smallest
SHOWN_EACH_END = 10
MOST_COLUMNS = 40  # columns shown one by one: all that are suspicious, then the first ones
LONGEST_NAME = 24
WIDEST = 100  # longer lines of prose are hard to read
BAR = "#0072b2"  # colour-blind safe (Okabe and Ito)
LEVEL_STYLE = {"act": "bold #d55e00", "consider": "bold #0072b2", "note": "bold"}


@dataclass(frozen=True)
class Bar:
    """A horizontal bar that fills `share` of the width, in eighths of a character (in # where only ASCII prints)."""

    share: float
    style: str = BAR

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the one segment that draws the bar."""
        width = options.max_width
        if options.ascii_only:
            drawn = "#" * round(width * self.share)
        else:
            full, eighths = divmod(round(8 * width * self.share), 8)
            drawn = "█" * full + (" ▏▎▍▌▋▊▉"[eighths] if eighths else "")
        if self.share > 0 and not drawn:
            drawn = "|" if options.ascii_only else "▏"
        yield Segment(drawn, Style.parse(self.style))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Ask for all the width there is."""
        return Measurement(4, options.max_width)


def render(facts: Facts, advice: Sequence[Advice], *, source: str = "", log_scale: bool | None = None) -> Constrain:
    """Lay out the profile, the columns and the advice for ``rich.console.Console.print``.

    Args:
        facts: what is known about the data.
        advice: what `tailtune.advice.all_checks.advise` said about them.
        source: name of the data, for the heading.
        log_scale: whether the bars show log(1 + n) instead of n; by default where the ratio is under 0.05.
    """
    log_scale = facts.profile.ratio < SEVERE if log_scale is None else log_scale
    heading = Text(printable(source) or "Class profile", style="bold")
    parts: list[RenderableType] = [heading, Text(), _summary(facts), Text(), _table(facts, log_scale), Text()]
    return Constrain(Group(*parts, *_columns(facts.columns), *_advice(advice)), WIDEST)


def _summary(facts: Facts) -> Table:
    profile = facts.profile
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()

    def line(label: str, value: str) -> None:
        grid.add_row(label, Text(value))

    parts = {"training": profile.counts, "validation": facts.val_counts, "test": facts.test_counts}
    sizes = ", ".join(f"{sum(n):,} {part}" for part, n in parts.items() if n is not None)
    line(facts.rows, sizes)
    line("classes", f"{profile.num_classes:,}")
    if facts.side is not None:
        line(
            "pictures", f"{facts.side} pixels on the longer side, {counted(facts.channels or 0, 'channel', 'channels')}"
        )
    times = f"{1 / profile.ratio:,.3g} times as many as the rarest" if profile.ratio else "the rarest has none"
    line("ratio r", f"{profile.ratio:.3g}  (most frequent class: {times})")
    line("balance", f"{profile.balance:.3f}  (entropy over log K; 1 is balanced)")
    effective = profile.effective_number()
    line("effective number", f"{effective.min():,.4g} to {effective.max():,.4g} a class  (beta 0.9999)")
    line("head 20 %", _members(facts, profile.head))
    line("tail 20 %", _members(facts, profile.tail))
    shots = {"many (> 100)": profile.many, "medium": profile.medium, "few (< 20)": profile.few}
    line("classes by size", ", ".join(f"{len(members)} {shot}" for shot, members in shots.items()))
    return grid


def _members(facts: Facts, members: NDArray[np.int64]) -> str:
    share = short_percent(float(facts.profile.priors[members].sum()))
    return f"{listed([facts.name(int(k)) for k in members])}  ({share} of training)"


def _table(facts: Facts, log_scale: bool) -> Table:
    profile = facts.profile
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, expand=True, show_edge=False)
    table.add_column("class", no_wrap=True, overflow="ellipsis", max_width=LONGEST_NAME)
    table.add_column("training", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    others = [
        (title, counts)
        for title, counts in (("val", facts.val_counts), ("test", facts.test_counts))
        if counts is not None
    ]
    for title, _ in others:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("log scale" if log_scale else "", ratio=1, no_wrap=True)

    head, tail = set(profile.head.tolist()), set(profile.tail.tolist())
    order = profile.by_size.tolist()
    hidden = order[SHOWN_EACH_END:-SHOWN_EACH_END] if len(order) > MOST_ROWS else []
    skip = set(hidden)
    for k in order:
        if hidden and k == hidden[0]:
            most, least = profile.counts[hidden[0]], profile.counts[hidden[-1]]
            blank = [""] * (len(others) + 1)
            table.add_row(
                Text(f"… {len(hidden)} more", style="dim"), f"{least:,}-{most:,}", "", *blank, "", style="dim"
            )
        if k in skip:
            continue
        group = "head" if k in head else "tail" if k in tail else ""
        table.add_row(
            Text(printable(profile.names[k])),
            f"{profile.counts[k]:,}",
            f"{100 * profile.priors[k]:.2f} %",
            *(f"{counts[k]:,}" for _, counts in others),
            Text(group, style="dim"),
            Bar(bar_share(profile, k, log_scale)),
        )
    return table


def bar_share(profile: ClassProfile, index: int, log_scale: bool) -> float:
    """Length of a class's bar as a share of the longest: n / n_max, or log(1 + n) / log(1 + n_max).

    >>> bar_share(ClassProfile((1000, 10)), 1, log_scale=False)
    0.01
    """
    count, most = profile.counts[index], max(profile.counts)
    return math.log1p(count) / math.log1p(most) if log_scale else count / most


def shown_columns(columns: Sequence[ColumnOverview], most: int = MOST_COLUMNS) -> list[ColumnOverview]:
    """Return at most so many columns in the table's order: those with a suspicion, then the first of the others."""
    first = sorted(range(len(columns)), key=lambda j: (not columns[j].suspicions, j))[:most]
    return [columns[j] for j in sorted(first)]


def rest_of_columns(columns: Sequence[ColumnOverview], most: int = MOST_COLUMNS) -> str:
    """Say in words what the columns beyond those shown are; empty if all are shown."""
    shown = {column.name for column in shown_columns(columns, most)}
    left = [column for column in columns if column.name not in shown]
    kinds = Counter(column.type for column in left)
    lacking = sum(column.missing > 0 for column in left)
    listed_kinds = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    return f"{len(left)} more columns: {listed_kinds}; {lacking} of them lack values" if left else ""


def _columns(columns: Sequence[ColumnOverview]) -> list[RenderableType]:
    if not columns:
        return []
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("column", no_wrap=True)
    table.add_column("type", no_wrap=True)
    table.add_column("missing", justify="right", no_wrap=True)
    table.add_column("levels", justify="right", no_wrap=True)
    table.add_column("range, or commonest levels", overflow="fold")
    for column in shown_columns(columns):
        missing = f"{column.missing:,} ({short_percent(column.missing_share)})" if column.missing else "0"
        suspicion = f"! {'; '.join(column.suspicions)}" if column.suspicions else ""
        left_out = "" if column.used else "left out"
        holds = Text("\n".join(filter(None, (printable(column.holds), suspicion, left_out))))
        table.add_row(
            Text("!" if column.suspicions else ""),
            Text(shortened(column.name, LONGEST_NAME)),
            column.type,
            missing,
            f"{column.levels:,}",
            holds,
            style="" if column.used else "dim",
        )
    rest = rest_of_columns(columns)
    suspect = sum(bool(column.suspicions) for column in columns)
    title = f"{counted(len(columns), 'column', 'columns')} in the training rows, {suspect} of them suspicious (!)"
    after = [Text(f"… {rest}", style="dim")] if rest else []
    return [Rule(Text(title), align="left", style="dim"), Text(), table, *after, Text()]


def _advice(advice: Sequence[Advice]) -> list[RenderableType]:
    if not advice:
        return [Text("No advice: no check found anything to say about these data.")]
    levels = ", ".join(
        f"{number} {level}" for level in LEVEL_STYLE if (number := sum(a.level == level for a in advice))
    )
    parts: list[RenderableType] = [Rule(Text(f"Advice: {levels}"), align="left", style="dim"), Text()]
    for piece in advice:
        parts.append(
            Text.assemble(
                (f"{piece.code} ", "dim"), (piece.title, "bold"), ("  "), (f"[{piece.level}]", LEVEL_STYLE[piece.level])
            )
        )
        parts.append(Padding(_prose(printable(piece.recommendation)), (0, 0, 0, 6)))
        change = ", ".join(piece.change) or "nothing in the settings"
        parts.append(Padding(_prose(f"Changes: {printable(change)}"), (0, 0, 0, 6)))
        parts.append(Padding(_prose(f"Why: {printable(piece.finding)}", "dim"), (0, 0, 1, 6)))
    return parts


def _prose(words: str, style: str = "") -> Text:
    """Text that wraps even on a console with soft wrapping, which would cut what is padded."""
    return Text(words, style=style, no_wrap=False, overflow="fold")


def as_json(facts: Facts, advice: Sequence[Advice], *, source: str = "") -> dict[str, object]:
    """Return what `render` shows as plain values for ``json.dumps``.

    Returns:
        A dictionary with the keys source, kind, counts (train, val, test), ratio, balance, head, tail, many, medium,
        few (names), classes (one entry a class, in class order), pictures (side, channels; null for tables), columns
        (one entry a column, empty for images), leaks (one entry a finding of the leakage checks), recipe (what the
        tuned recipe takes) and advice.
    """
    profile = facts.profile
    effective = profile.effective_number()

    def names(members: NDArray[np.int64]) -> list[str]:
        return [profile.names[int(k)] for k in members]

    parts = {"train": profile.counts, "val": facts.val_counts, "test": facts.test_counts}
    counts = {part: None if n is None else [int(count) for count in n] for part, n in parts.items()}
    every = [
        {
            "name": name,
            **{part: None if n is None else n[k] for part, n in counts.items()},
            "share": float(profile.priors[k]),
            "effective_number": float(effective[k]),
        }
        for k, name in enumerate(profile.names)
    ]
    return {
        "source": source,
        "kind": facts.kind,
        "num_classes": profile.num_classes,
        "counts": counts,
        "ratio": profile.ratio,
        "balance": profile.balance,
        "head": names(profile.head),
        "tail": names(profile.tail),
        "many": names(profile.many),
        "medium": names(profile.medium),
        "few": names(profile.few),
        "classes": every,
        "pictures": None if facts.side is None else {"side": facts.side, "channels": facts.channels},
        "columns": [asdict(column) for column in facts.columns],
        "leaks": [asdict(leak) for leak in facts.leaks],
        "recipe": asdict(facts.recipe),
        "advice": [asdict(piece) for piece in advice],
    }
