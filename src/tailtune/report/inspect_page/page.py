"""The page that `tailtune inspect --page` writes: one file that opens offline and needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tailtune.advice.advice import Advice
from tailtune.advice.facts import Facts
from tailtune.advice.inspection import bar_share, rest_of_columns, shown_columns
from tailtune.errors import TailtuneError
from tailtune.files import check_output, write_whole
from tailtune.report.rendering import page
from tailtune.version import __version__
from tailtune.words import counted, whole

MOST_COLUMNS = 1000
SUFFIXES = (".html", ".htm")


def check_place(out: Path, data: Path, force: bool) -> None:
    """Refuse a file that the page may not be written to; cheap, and best called before data are read.

    Args:
        out: the file.
        data: what is read, which is never written over.
        force: whether another file there may be replaced.

    Raises:
        TailtuneError: another suffix, a folder that does not exist, or something that is there.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise TailtuneError(f"--page writes an HTML page, so its name must end in .html, however: {out}")
    if not out.parent.is_dir():
        raise TailtuneError(f"the folder {out.parent} of --page {out.name} does not exist; make it, or choose another")
    if out.is_dir():
        raise TailtuneError(f"--page {out} is a folder; name a file, such as {out / 'inspect.html'}")
    check_output(out, force, data)


def write_inspect_page(
    out: Path, facts: Facts, advice: Sequence[Advice], *, source: str, notes: Sequence[str] = ()
) -> None:
    """Write the page.

    The file holds its style, asks nothing of the net, forbids scripts, and is the same bytes for the same input.

    Args:
        out: file to write, see `check_place`.
        facts: what is known about the data.
        advice: what the checks said about them.
        source: name of the data, for the heading.
        notes: what was noticed while reading, a sentence each.

    Raises:
        TailtuneError: no space for the page, or no right to write it.
    """
    write_whole(out, render(facts, advice, source=source, notes=notes).encode())


def render(facts: Facts, advice: Sequence[Advice], *, source: str, notes: Sequence[str] = ()) -> str:
    """Return the page as HTML; everything that came from data is escaped."""
    profile = facts.profile
    order = profile.by_size.tolist()
    return page(
        "inspect_page.html.j2",
        {
            "version": __version__,
            "source": source,
            "notes": notes,
            "rows": facts.rows,
            "verdict": _verdict(facts),
            "tiles": _tiles(facts),
            "parts": _parts(facts),
            "classes": [
                {
                    "name": profile.names[k],
                    "share": float(profile.priors[k]),
                    "bar": bar_share(profile, k, facts.severe),
                    "counts": [counts[k] for _, counts in _parts(facts)],
                }
                for k in order
            ],
            "log_scale": facts.severe,
            "columns": shown_columns(facts.columns, MOST_COLUMNS),
            "rest": rest_of_columns(facts.columns, MOST_COLUMNS),
            "suspect": sum(bool(column.suspicions) for column in facts.columns),
            "advice": advice,
        },
    )


def _parts(facts: Facts) -> list[tuple[str, Sequence[int]]]:
    parts = (("training", facts.profile.counts), ("validation", facts.val_counts), ("test", facts.test_counts))
    return [(name, counts) for name, counts in parts if counts is not None]


def _verdict(facts: Facts) -> str:
    profile, k = facts.profile, facts.rarest
    rarest = f"{facts.name(k)}, the rarest class, has {counted(profile.counts[k], *_nouns(facts))} to learn from"
    if not facts.imbalanced:
        return f"The classes are nearly balanced: {rarest}."
    times = max(profile.counts) / profile.counts[k]
    return f"{rarest}; {facts.name(facts.commonest)}, the most frequent, has {times:.3g} times as many."


def _nouns(facts: Facts) -> tuple[str, str]:
    return ("training row", "training rows") if facts.kind == "table" else ("training image", "training images")


def _tiles(facts: Facts) -> list[tuple[str, str]]:
    tiles = [(f"{part} {facts.rows}", whole(sum(counts))) for part, counts in _parts(facts)]
    tiles += [
        ("classes", str(facts.profile.num_classes)),
        ("rarest over most frequent class", f"{facts.profile.ratio:.3g}"),
    ]
    if facts.side is not None:
        tiles.append(("pixels on the longer side", str(facts.side)))
        tiles.append(("colour channels", str(facts.channels)))
    if facts.columns:
        tiles.append(("columns, besides the target", str(len(facts.columns))))
    return tiles
