"""What a user names in a file or a module is found, and whatever is wrong with it is told in one line."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from tailtune.by_name import files_of, load
from tailtune.errors import TailtuneError

# fails at once where the module is not in sys.modules: dataclasses look the annotations up there
POSTPONED = """
from __future__ import annotations
from dataclasses import KW_ONLY, dataclass

@dataclass(frozen=True)
class Held:
    _: KW_ONLY
    value: int

held = Held(value=3)
"""


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_dataclasses_with_postponed_annotations_load_from_a_file(tmp_path: Path) -> None:
    found: Any = load(f"{write(tmp_path / 'own.py', POSTPONED)}:held", "study")
    assert found.value == 3
    assert pickle.loads(pickle.dumps(found)) == found


def test_files_of_one_name_stay_apart_and_a_file_is_carried_out_once_until_it_changes(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    text = "class Mine: pass\n"
    one, other = write(tmp_path / "own.py", text), write(tmp_path / "other" / "own.py", text)
    first = load(f"{one}:Mine", "model")
    assert load(f"{one}:Mine", "model") is first
    assert load(f"{other}:Mine", "model") is not first
    write(tmp_path / "own.py", text + "more = 1\n")
    assert load(f"{one}:more", "model") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mine", r"'mine' names no data set; write path/to/file.py:name or package.module:name"),
        ("{}/absent.py:mine", r"there is no file .*absent.py to take the data set from; check the path"),
        ("{}:mine", r"cannot import '/.*' to take the data set from"),
        ("no.such:mine", r"cannot import 'no.such' to take the data set from: No module named 'no'"),
        (":mine", "cannot import '' to take the data set from: Empty module name"),
        (".:mine", r"cannot import '.' to take the data set from"),
        ("{}/own.py:mime", r"own.py has no function 'mime'. Did you mean 'mine'\?"),
        (
            "{}/broken.py:mine",
            r"broken.py cannot be loaded: ZeroDivisionError: division by zero \(.*broken.py, line 2\)",
        ),
        ("{}/worse.py:mine", r"worse.py cannot be loaded: SyntaxError"),
        ("{}/folder.py:mine", r"folder.py cannot be read: Is a directory"),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_line(text: str, words: str, tmp_path: Path) -> None:
    write(tmp_path / "own.py", "def mine(): pass\n")
    write(tmp_path / "broken.py", "x = 0\n1 / x\n")
    write(tmp_path / "worse.py", "def mine(:\n")
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(TailtuneError, match=words) as caught:
        load(text.format(tmp_path), "data set")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "ValueError"])
def test_a_file_that_stopped_half_way_leaves_no_module(raised: str, tmp_path: Path) -> None:
    path = write(tmp_path / "stopped_half_way.py", f"mine = 1\nraise {raised}\n")
    with pytest.raises((KeyboardInterrupt, TailtuneError)):
        load(f"{path}:mine", "model")
    assert not [name for name in sys.modules if name.startswith("stopped_half_way")]


def test_the_text_of_every_file_that_is_named_is_hashed(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one.py", "a"), write(tmp_path / "other.py", "a")
    found = files_of([f"{one}:mine", f"{other}:mine(rho=0.1, of='x:y')", "erm", "absent.py:f", "numpy:mean", None, 3])
    assert list(found) == [one, other]
    assert found[one] == found[other]
    write(tmp_path / "one.py", "b")
    assert files_of([f"{one}:mine"])[one] != found[one]
