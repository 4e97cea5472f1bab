"""The terminal view of a class profile: right numbers, 80 columns, no colour needed, nothing executed from data."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import replace

import pytest
from rich.console import Console

from tailtune.advice.all_checks import advise
from tailtune.advice.facts import Facts
from tailtune.advice.inspection import MOST_ROWS, as_json, bar_share, render
from tailtune.profile import ClassProfile

FACTS = Facts(
    ClassProfile((900, 90, 10), ("common", "middling", "rare")),
    "table",
    val_counts=(90, 9, 1),
    test_counts=(90, 9, 1),
)


def printed(
    facts: Facts, width: int = 80, encoding: str = "utf-8", colour: str | None = None, **options: object
) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="\n")
    console = Console(file=stream, width=width, color_system=colour, force_terminal=colour is not None)
    console.print(render(facts, advise(facts), source="people.csv", **options))
    stream.flush()
    return raw.getvalue().decode(encoding)


def test_shows_profile_counts_and_advice() -> None:
    text = printed(FACTS)
    for words in ("people.csv", "1,000 training, 100 validation, 100 test", "90.00 %", "common", "TT006", "[act]"):
        assert words in text
    assert "ratio r           0.0111  (most frequent class: 90 times as many as the rarest)" in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    names = tuple(f"a class with a rather long name, the {k}th" for k in range(100))
    facts = replace(FACTS, profile=ClassProfile(tuple(range(1000, 0, -10)), names), val_counts=None, test_counts=None)
    longest = max(len(line) for line in printed(facts, width).splitlines())
    assert longest <= min(width, 100)


def test_nothing_is_cut_where_the_console_wraps_softly() -> None:
    stream = io.StringIO()
    advice = advise(FACTS)
    Console(file=stream, soft_wrap=True, width=80).print(render(FACTS, advice))
    words = stream.getvalue().split()
    for piece in advice:
        assert piece.recommendation.split()[-1] in words
        assert piece.finding.split()[-1] in words


def test_many_classes_are_collapsed_to_both_ends() -> None:
    profile = ClassProfile(tuple(range(300, 0, -1)), tuple(f"k{k}" for k in range(300)))
    text = printed(replace(FACTS, profile=profile, val_counts=None, test_counts=None))
    assert "… 280 more" in text
    assert "11-290" in text
    rows = [line for line in text.splitlines() if line.startswith("k")]
    assert len(rows) == 20
    assert len(rows) < MOST_ROWS


def test_bars_are_linear_or_logarithmic() -> None:
    assert bar_share(FACTS.profile, 1, log_scale=False) == pytest.approx(0.1)
    assert bar_share(FACTS.profile, 1, log_scale=True) == pytest.approx(math.log(91) / math.log(901))
    assert "log scale" in printed(FACTS)  # ratio 0.011 is under 0.05
    assert "log scale" not in printed(FACTS, log_scale=False)
    assert "log scale" not in printed(replace(FACTS, profile=ClassProfile((90, 80, 70))))


def test_an_ascii_terminal_gets_ascii_bars() -> None:
    text = printed(FACTS, encoding="ascii")
    assert "####" in text
    assert "?" not in text


def test_colour_adds_no_information() -> None:
    coloured = printed(FACTS, colour="truecolor")
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == printed(FACTS)


def test_class_names_are_neither_markup_nor_escapes() -> None:
    facts = replace(
        FACTS, profile=ClassProfile((9, 5), ("[red]x[/]", "\x1b[31my\nz")), val_counts=None, test_counts=None
    )
    text = printed(facts)
    assert "[red]x[/]" in text
    assert "\x1b" not in text
    assert "y\ufffdz" in text


def test_an_empty_class_is_shown() -> None:
    text = printed(replace(FACTS, profile=ClassProfile((9, 0), ("a", "b")), val_counts=None, test_counts=None))
    assert "the rarest has none" in text


def test_json_says_the_same_and_is_serialisable() -> None:
    data = json.loads(json.dumps(as_json(FACTS, advise(FACTS), source="people.csv")))
    assert data["counts"] == {"train": [900, 90, 10], "val": [90, 9, 1], "test": [90, 9, 1]}
    assert data["head"] == ["common"]
    assert data["tail"] == ["rare"]
    assert (data["many"], data["medium"], data["few"]) == (["common"], ["middling"], ["rare"])
    assert data["classes"][2] == {
        "name": "rare",
        "train": 10,
        "val": 1,
        "test": 1,
        "share": 0.01,
        "effective_number": pytest.approx(9.9955, abs=1e-4),
    }
    assert [a["code"] for a in data["advice"]] == [a.code for a in advise(FACTS)]
