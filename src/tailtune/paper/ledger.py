"""The ledger: every claim of the paper that was put to the test, with its verdict, as a page and a ranked figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from tailtune.errors import TailtuneError
from tailtune.files import naming_files, write_whole
from tailtune.paper.page import Claim, Table, Verdict
from tailtune.paper.writing import CLAIMS, alone, comma_separated, markdown
from tailtune.report.inline_svg import LINE, MUTED, SERIES, canvas, described, markup

LEDGER = "claims"
VERDICTS: tuple[Verdict, ...] = ("held", "failed", "cannot be told at this scale")
COLOURS = dict(zip(VERDICTS, (SERIES[2], SERIES[1], MUTED), strict=True))
MARKS = dict(zip(VERDICTS, ("o", "X", "s"), strict=True))
WIDE, FRAME, ROW, TEXT = 980, 95, 32, 75  # points, and characters of a label


@dataclass(frozen=True)
class Entry:
    """A claim, the table or figure that it belongs to, and the scale at which that was run."""

    subject: str
    scale: str
    claim: Claim


def read_claims(folder: Path) -> list[Entry]:
    """Read the claims of every finished table and figure under a folder, those that speak for the paper first.

    Args:
        folder: that holds the folders of ``tailtune paper``, however deep.

    Raises:
        TailtuneError: there are none, or a file that cannot be read.
    """
    import msgspec

    found = []
    with naming_files():
        paths = sorted(folder.rglob(CLAIMS)) if folder.is_dir() else []
    for path in paths:
        again = "run the same command again, which writes it without training"
        try:
            content: list[dict[str, Any]] = msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
            for one in content:
                subject, scale = str(one.pop("subject")), str(one.pop("scale"))
                found.append(Entry(subject, scale, msgspec.convert(one, Claim)))
        except KeyError as error:
            raise TailtuneError(f"{path} does not say its {error.args[0]}; {again}") from error
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TailtuneError(f"{path} cannot be read ({' '.join(str(error).split())[:80]}); {again}") from error
    if not found:
        raise TailtuneError(f"there are no claims under {folder}; run tailtune paper fig1 and others first")
    return sorted(found, key=_rank)


def _rank(entry: Entry) -> tuple[int, float]:
    """By verdict, and within it by the effect in widths of its interval, which units do not matter for."""
    effect = entry.claim.effect
    strength = 0.0
    if effect is not None and effect.interval is not None:
        width = effect.interval[1] - effect.interval[0]
        strength = effect.mean / width if width > 0 else 0.0
    return (0, 2, 1)[VERDICTS.index(entry.claim.verdict)], -strength


def table_of(entries: Sequence[Entry]) -> Table:
    """Return every claim as a line."""
    counts = [sum(entry.claim.verdict == verdict for entry in entries) for verdict in VERDICTS]
    return Table(
        f"{len(entries)} claims: {counts[0]} held, {counts[1]} failed, {counts[2]} cannot be told at their scale. "
        "Intervals are 95 % over seeds, most of which share test rows; every claim stands by itself, with no "
        "correction for their number.",
        ("table or figure", "scale", "claim", "the paper's number", "ours", "verdict"),
        tuple(
            (entry.subject, entry.scale, entry.claim.words, entry.claim.number, entry.claim.ours, entry.claim.verdict)
            for entry in entries
        ),
    )


def figure_of(entries: Sequence[Entry]) -> str:
    """Return effects and intervals as SVG, ranked, a panel for each unit; right of 0 speaks for the paper."""
    shown = [entry for entry in entries if entry.claim.effect is not None]
    units = list(dict.fromkeys(entry.claim.effect.unit for entry in shown if entry.claim.effect is not None))
    groups = [[e for e in shown if e.claim.effect is not None and e.claim.effect.unit == unit] for unit in units]
    title = "Claims of the paper by verdict: right of 0 speaks for the claim"
    with canvas(WIDE, FRAME + sum(50 + ROW * len(group) for group in groups)) as figure:
        heights = [len(group) + 0.5 for group in groups]
        axes = figure.subplots(len(groups), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
        for each, group, unit in zip(axes, groups, units, strict=True):
            for y, entry in enumerate(group):
                effect, verdict = entry.claim.effect, entry.claim.verdict
                assert effect is not None
                low, high = effect.interval or (effect.mean, effect.mean)
                error = [[effect.mean - low], [high - effect.mean]]
                each.errorbar(effect.mean, y, xerr=error, fmt=MARKS[verdict], color=COLOURS[verdict], capsize=3)
            each.axvline(0, color=MUTED, linewidth=1)
            each.set_yticks(range(len(group)), [_label(entry) for entry in group], fontsize=9, ma="left")
            each.set_ylim(len(group) - 0.5, -0.5)
            each.set_xlabel(unit)
            each.grid(axis="y", color=LINE, alpha=0.4)
        for verdict in VERDICTS:
            axes[0].plot([], [], MARKS[verdict], color=COLOURS[verdict], label=verdict)
        figure.legend(loc="outside upper center", ncols=3, fontsize=10, labelcolor=MUTED)
        words = "; ".join(f"{_label(entry)}: {entry.claim.verdict}" for entry in shown)
        return described(markup(figure, LEDGER, title), LEDGER, words)


def _label(entry: Entry) -> str:
    return "\n".join(wrap(f"{entry.subject} ({entry.scale}) {entry.claim.words}", TEXT, max_lines=2, placeholder=" …"))


def write_ledger(folder: Path, entries: Sequence[Entry]) -> Path:
    """Write claims.md, claims.csv and, where a claim has a number, claims.svg; return the path of the page.

    Args:
        folder: to write into.
        entries: see `read_claims`. No space left is a TailtuneError.
    """
    table = table_of(entries)
    parts = ["# The paper's claims", table.caption, markdown(table)]
    if any(entry.claim.effect is not None for entry in entries):
        write_whole(folder / f"{LEDGER}.svg", alone(figure_of(entries)).encode())
        parts.insert(2, f"![claims by verdict]({LEDGER}.svg)")
    write_whole(folder / f"{LEDGER}.csv", comma_separated(table).encode())
    write_whole(folder / f"{LEDGER}.md", ("\n\n".join(parts) + "\n").encode())
    return folder / f"{LEDGER}.md"


def plain(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the claims ready for JSON."""
    return [{"subject": entry.subject, "scale": entry.scale} | asdict(entry.claim) for entry in entries]
