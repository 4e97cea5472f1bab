"""The README works from top to bottom: its Python runs, its files are written and its commands succeed, in one folder.

A Python block whose first line is a comment with a file name (``# my_method.py``) is saved under that name instead.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tailtune.cli import main

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(
    r"^(?P<mark><!-- no-run: .+ -->\n)?```(?P<language>python|console)\n(?P<body>.*?)^```$", flags=re.M | re.S
)


def commands(body: str) -> list[list[str]]:
    """The arguments of every tailtune command of a console block; a backslash continues a line."""
    lines = [line[2:] for line in body.replace("\\\n", " ").splitlines() if line.startswith("$ ")]
    return [words for line in lines if (words := shlex.split(line, comments=True))[:1] == ["tailtune"]]


def test_commands_are_found() -> None:
    body = "$ tailtune fit a.csv \\\n    --out 'my run'  # comment\nprinted output\n$ ls\n"
    assert commands(body) == [["tailtune", "fit", "a.csv", "--out", "my run"]]


def test_the_table_is_what_the_result_files_say() -> None:
    script = README.parent / "benchmarks" / "readme_table.py"
    table = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout.strip()
    assert f"<!-- made by benchmarks/readme_table.py -->\n\n{table}\n\n<!-- end -->" in README.read_text("utf-8")


def test_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for block in BLOCK.finditer(README.read_text(encoding="utf-8")):
        if block["mark"]:
            continue
        if block["language"] == "console":
            for words in commands(block["body"]):
                monkeypatch.setattr(sys, "argv", words)
                code = main()
                assert code == 0, f"{shlex.join(words)} exited with {code}: {capsys.readouterr().err}"
                ran += 1
        elif saved := re.match(r"# (\w+\.py)\n", block["body"]):
            Path(saved[1]).write_text(block["body"], encoding="utf-8")
        else:
            exec(compile(block["body"], str(README), "exec"), {"__name__": "readme"})
            ran += 1
    assert ran >= 6, "the README lost its examples"
