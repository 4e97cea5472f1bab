"""Words, files and data that would hurt on their way through the command line: one line, and no control characters."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import TABLE, Cli, Refused

from tailtune.decision.costs import read_costs
from tailtune.decision.deployment import read_deployment
from tailtune.errors import TailtuneError
from tailtune.files import naming_files, refuse_unwritable, write_whole
from tailtune.profile import ClassProfile
from tailtune.report.rendering import page
from tailtune.run.predict import without_formulas
from tailtune.yaml_file import read_yaml

Table = Callable[..., Path]
CLEAR = "\x1b[2J\x9b2J\u202e"


def controls(text: str) -> list[str]:
    spaces = "\n\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
    return [letter for letter in text if not letter.isprintable() and letter not in spaces]


@pytest.mark.parametrize("seed", [2**32, 2**64, 10**30, -1])
def test_seeds_beyond_what_libraries_take(seed: int, table: Table, refused: Refused) -> None:
    assert "--seed must be 0 or more and under 2^32" in refused(table(), *TABLE, "--seed", str(seed))


def test_an_out_of_three_hundred_characters(table: Table, cli: Cli, tmp_path: Path) -> None:
    got = cli("fit", table(), *TABLE, "--out", tmp_path / ("x" * 300))
    assert (got.code, len(got.err.splitlines())) == (2, 1)
    assert got.err.endswith("File name too long; give it a shorter name\n")


def test_a_word_that_is_not_utf_8(table: Table, refused: Refused) -> None:
    line = refused(os.fsdecode(b"\xff.csv"), "--target", "label", command="inspect")
    assert "the name '\\udcff.csv' is not UTF-8; rename it" in line


def test_names_from_data_reach_the_terminal_without_control_characters(table: Table, cli: Cli, tmp_path: Path) -> None:
    named = {"height": f"height{CLEAR}", "colour": f"colour{CLEAR}"}
    path = table(lambda frame: frame.rename(named).with_columns(label=pl.col("label") + CLEAR), f"rows{CLEAR}.csv")
    shown = cli("inspect", path, "--target", "label", "--page", tmp_path / f"page{CLEAR}.html")
    assert shown.code == 0, shown.err
    assert not controls(shown.out + shown.err)
    assert not controls((tmp_path / f"page{CLEAR}.html").read_text(encoding="utf-8"))
    told = cli("inspect", path, "--target", "label", "--json").out
    assert not controls(told)
    assert json.loads(told)["source"] == str(path)
    line = cli("inspect", path, "--target", f"no{CLEAR}").err
    assert len(line.splitlines()) == 1
    assert not controls(line)


def test_an_error_is_one_printable_line() -> None:
    assert str(TailtuneError("class a\nb\x1b[2J")) == "class a b\N{REPLACEMENT CHARACTER}[2J"


def test_a_page_holds_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    import jinja2

    from tailtune.report import rendering

    environment = jinja2.Environment(loader=jinja2.DictLoader({"a.html.j2": "<p>{{ name }}</p>\n<p>3\xa0%</p>"}))
    monkeypatch.setattr(rendering, "_environment", lambda: environment)
    assert page("a.html.j2", {"name": "a\x00\x1b\x85b"}) == "<p>a\ufffd\ufffd\ufffdb</p>\n<p>3\xa0%</p>"


def test_predictions_hold_no_formulas_and_numbers_stay() -> None:
    harmful = ["=1+1", "+cmd", "-a", "@x", "\tx", "\rx", "-1+1", "＝1"]
    numbers = ["-1", "+1.5", "-1e-5", "-.5"]
    frame = pl.DataFrame({"id": [*harmful, *numbers], "probability_=1": np.linspace(-1, 0, 12)})
    safe = without_formulas(frame)
    assert safe["id"].to_list() == [*("'" + text for text in harmful), *numbers]
    assert safe["probability_=1"].equals(frame["probability_=1"])


LAUGHS = b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (i + 1, i + 1, i, i) for i in range(97, 120))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (LAUGHS, "alias"),
        (b"[" * 3000, "nested"),
        (b"a: 2020-02-30\n", "YAML"),
        (b"\xff", "YAML"),
        (b"a: 0.5\x00", "YAML"),
        (b"a: " + b"9" * 5000, "YAML"),
        (b"a: !!python/object/apply:os.system [ls]", "YAML"),
    ],
)
def test_yaml_of_a_few_lines_that_stands_for_much(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "shares.yaml"
    path.write_bytes(content)
    with pytest.raises(TailtuneError, match=told) as refusal:
        read_deployment(str(path), ClassProfile((9, 1), ("a", "b")))
    assert len(str(refusal.value)) < 1000


def test_yaml_that_is_too_large_or_a_pipe(tmp_path: Path) -> None:
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(2**25)
    with pytest.raises(TailtuneError, match="larger than 16 MiB"):
        read_yaml(tmp_path / "large.yaml")
    os.mkfifo(tmp_path / "pipe")
    for read in (read_yaml, lambda path: read_costs(str(path), ("a", "b"))):
        with pytest.raises(TailtuneError, match="is a pipe, not a file"):
            read(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("number", "mend"),
    [(errno.EROFS, "write elsewhere"), (errno.ENOSPC, "free some space"), (errno.EACCES, "change its permissions")],
)
def test_the_advice_fits_the_reason(number: int, mend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, mode: str) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(TailtuneError, match=f"; {mend}"):
        write_whole(tmp_path / "x", b"")


def test_errors_of_the_system_that_no_file_is_the_reason_of_are_passed_on() -> None:
    with pytest.raises(OSError, match="Connection refused"), naming_files():
        raise OSError(errno.ECONNREFUSED, "Connection refused")


def test_predictions_have_a_place_before_they_are_made(tmp_path: Path) -> None:
    for out in (tmp_path / ("x" * 240 + ".csv"), tmp_path):
        with pytest.raises(TailtuneError, match=r"give it a shorter name|it is a folder; name a file"):
            refuse_unwritable(out)
    refuse_unwritable(tmp_path / "p.csv")
