"""The ``$ tailtune ...`` lines of the README's console blocks run, in order, in one empty folder."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^(?P<mark><!-- no-run: .+ -->\n)?```console\n(?P<body>.*?)^```$", flags=re.M | re.S)


def commands(text: str) -> list[list[str]]:
    """The arguments of every tailtune command in the blocks that are to be run; a backslash continues a line."""
    bodies = [found["body"].replace("\\\n", " ") for found in BLOCK.finditer(text) if not found["mark"]]
    lines = [line[2:] for body in bodies for line in body.splitlines() if line.startswith("$ ")]
    return [words for line in lines if (words := shlex.split(line, comments=True))[:1] == ["tailtune"]]


def test_commands_are_found() -> None:
    text = (
        "```console\n$ tailtune fit a.csv \\\n    --out 'my run'  # comment\nprinted output\n$ ls\n```\n"
        "<!-- no-run: needs data -->\n```console\n$ tailtune demo\n```\n"
    )
    assert commands(text) == [["tailtune", "fit", "a.csv", "--out", "my run"]]


@pytest.mark.skipif(not commands(README.read_text(encoding="utf-8")), reason="the README has no command to run")
@pytest.mark.skipif(importlib.util.find_spec("tailtune.cli") is None, reason="there is no command line")
def test_console_blocks_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tailtune.cli import main

    monkeypatch.chdir(tmp_path)
    for words in commands(README.read_text(encoding="utf-8")):
        monkeypatch.setattr(sys, "argv", words)
        try:
            code = main()
        except SystemExit as stop:
            code = stop.code
        assert not code, f"{shlex.join(words)} exited with {code}: {capsys.readouterr().err}"
