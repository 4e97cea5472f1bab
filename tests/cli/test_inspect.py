"""`tailtune inspect` on a table: columns in the terminal, as JSON and on a page, and one line where that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from command_line import Cli, Refused


def test_the_columns_in_three_forms(table: Callable[..., Path], cli: Cli, tmp_path: Path) -> None:
    data, page = table(), tmp_path / "page.html"
    got = cli("inspect", data, "--target", "label", "--page", page)
    assert got.code == 0, got.err
    assert "columns in the training rows" in got.out
    seen = json.loads(cli("inspect", data, "--target", "label", "--json").out)
    html = page.read_text(encoding="utf-8")
    assert seen["columns"]
    for column in seen["columns"]:
        assert column["name"] in got.out
        assert column["name"] in html
        assert column["rows"] == sum(seen["counts"]["train"])
    assert seen["recipe"]["batch_size"] <= 128
    assert "label" not in [column["name"] for column in seen["columns"]]


def test_a_page_that_cannot_be_written_is_refused(table: Callable[..., Path], refused: Refused, tmp_path: Path) -> None:
    data = table()
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    for place, words in (
        (mine, "name another file"),
        (data, "must end in .html"),
        (tmp_path / "no" / "x.html", "make it"),
    ):
        assert words in refused(data, "--target", "label", "--page", place, command="inspect")
    assert mine.read_text() == "mine"
