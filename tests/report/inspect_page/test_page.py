"""The page of `tailtune inspect`: it says what the terminal says, escapes what comes from data, spares other files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tailtune.advice.all_checks import advise
from tailtune.advice.facts import Facts
from tailtune.errors import TailtuneError
from tailtune.leaks.column_overview import ColumnOverview
from tailtune.profile import ClassProfile
from tailtune.report.inspect_page.page import MOST_COLUMNS, check_place, render, write_inspect_page

COLUMN = ColumnOverview("age", "number", True, 1000, 120, 60, "17 to 90")
LEAK = replace(COLUMN, name="paid", suspicions=("by itself nearly tells the class",), leaks=True)
FACTS = Facts(
    ClassProfile((900, 100), ("common", "rare")),
    "table",
    val_counts=(90, 10),
    test_counts=(90, 10),
    columns=(COLUMN, LEAK, replace(COLUMN, name="site", type="constant", used=False)),
)


def shown(facts: Facts, source: str = "people.csv") -> str:
    return render(facts, advise(facts), source=source, notes=("A note.",))


def test_it_says_classes_columns_and_advice() -> None:
    html = shown(FACTS)
    for words in ("people.csv", "A note.", "900", "17 to 90", "12.0", "left out", "--ignore paid", "TT019"):
        assert words in html
    assert "1 column looks" in " ".join(html.split())
    assert "&#39;rare&#39;, the rarest class, has 100 training rows to learn from" in html
    for advice in advise(FACTS):
        assert advice.title in html
    assert shown(FACTS) == html


def test_it_forbids_scripts_and_asks_nothing_of_the_net() -> None:
    html = shown(FACTS)
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")


def test_what_comes_from_data_is_escaped() -> None:
    nasty = "<script>alert(1)</script>"
    column = replace(LEAK, name=nasty, holds=nasty, suspicions=(nasty,))
    facts = replace(FACTS, profile=ClassProfile((900, 100), (nasty, "rare")), columns=(column,))
    html = render(facts, advise(facts), source=nasty, notes=(nasty,))
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_images_and_nearly_balanced_data() -> None:
    facts = Facts(ClassProfile((100, 90), ("a", "b")), "image", side=32, channels=3)
    html = shown(facts)
    assert "The classes are nearly balanced" in html
    assert "pixels on the longer side" in html
    assert 'id="columns"' not in html


def test_very_many_columns_are_summed_up() -> None:
    columns = tuple(replace(COLUMN, name=f"c{j}") for j in range(MOST_COLUMNS + 5))
    html = shown(replace(FACTS, columns=(*columns, LEAK)))
    assert html.count('<th scope="row"') == MOST_COLUMNS + 2  # and two classes
    assert "6 more columns: 6 number; 6 of them lack values." in html
    assert ">paid<" in html


def test_a_page_goes_where_nothing_is_unless_forced_and_never_over_the_data(tmp_path: Path) -> None:
    out, data = tmp_path / "page.html", tmp_path / "data.html"
    check_place(out, data, force=False)
    write_inspect_page(out, FACTS, advise(FACTS), source="people.csv")
    assert out.read_text() == render(FACTS, advise(FACTS), source="people.csv")
    check_place(out, data, force=True)
    with pytest.raises(TailtuneError, match="would be written over"):
        check_place(out, out, force=True)
    other = tmp_path / "other.html"
    other.write_text("<html>mine</html>")
    folder = tmp_path / "folder.html"
    folder.mkdir()
    for place, words in (
        (other, "exists; name another file, or add --force"),
        (folder, "is a folder"),
        (tmp_path / "page.csv", "must end in .html"),
        (tmp_path / "nowhere" / "page.html", "does not exist"),
    ):
        with pytest.raises(TailtuneError, match=words):
            check_place(place, data, force=False)
    assert other.read_text() == "<html>mine</html>"
