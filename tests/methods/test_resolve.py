"""Settings in the parentheses of a method's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailtune import ClassProfile, TailtuneError
from tailtune.methods.resolve import build, find, settings_of, split_names
from tailtune.named_settings import parse, with_settings

PROFILE = ClassProfile((90, 9, 1))


@pytest.fixture
def own(tmp_path: Path) -> str:
    file = tmp_path / "mine.py"
    file.write_text(
        "from tailtune.methods.method import Method\n"
        "def mine(profile, *, rho=0.1, rule='inverse', deep=False):\n    return Method(f'{rho} {rule} {deep}')\n"
        "def broken(profile):\n    return 1 / 0\n"
    )
    return f"{file}:mine"


def test_settings_reach_the_method_in_every_way_of_naming_it(own: str) -> None:
    assert build(f"{own}(rho=0.5, rule=printed, deep=True)", PROFILE).name == "0.5 printed True"
    assert build(f"{own}(rule='printed')", PROFILE).name == "0.1 printed False"
    assert build(f"{own}()", PROFILE).name == "0.1 inverse False"
    assert build("tailtune.methods.sama:sama(rho=0.2)", PROFILE).name == "sama"


def test_settings_of_a_found_method_stay_named() -> None:
    both = find("sama(rule=printed, cap=2)")
    assert settings_of(both) == ("rho", "rule", "kappa", "cap", "normalise")
    assert build("sama(rule=printed, cap=2)", PROFILE).stages[0].optimiser is not None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "sama(ro=1)",
            r"method 'sama' takes no 'ro'. Did you mean 'rho'\? \(its settings: rho, rule, kappa, cap, normalise\)",
        ),
        ("erm(rho=1)", r"method 'erm' takes no 'rho'. \(it has no settings\)"),
        ("sama(0.1)", r"cannot read the settings in 'sama\(0.1\)'; write sama\(setting=value"),
        ("sama(rho=)", "cannot read the settings"),
        ("sama(rho=1+x)", "cannot read the settings"),
        ("sama(**x)", "cannot read the settings"),
        ("sama(rho=1", "is no name"),
        ("(rho=1)", "is no name"),
    ],
)
def test_bad_settings_get_one_line(name: str, words: str) -> None:
    with pytest.raises(TailtuneError, match=words) as caught:
        find(name)
    assert "\n" not in str(caught.value)


def test_a_method_that_fails_is_named_with_the_place(own: str) -> None:
    with pytest.raises(TailtuneError, match=r"fails: ZeroDivisionError: division by zero \(.*mine.py, line 5\)"):
        build(own.replace(":mine", ":broken"), PROFILE)


def test_a_file_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nowhere_at_all\n")
    with pytest.raises(TailtuneError, match=r"bad.py cannot be loaded: ModuleNotFoundError"):
        find(f"{tmp_path / 'bad.py'}:mine")
    (tmp_path / "worse.py").write_text("def mine(:\n")
    with pytest.raises(TailtuneError, match=r"worse.py cannot be loaded: SyntaxError"):
        find(f"{tmp_path / 'worse.py'}:mine")


def test_lists_are_split_outside_of_parentheses() -> None:
    assert split_names("erm,sama(rho=0.1, rule=printed) , a/b.py:c,") == (
        "erm",
        "sama(rho=0.1, rule=printed)",
        "a/b.py:c",
    )
    for wrong in ("sama(rho=1", "sama)rho(", "", " , "):
        with pytest.raises(TailtuneError, match="--methods"):
            split_names(wrong)


def test_settings_are_written_as_they_are_read() -> None:
    written = with_settings("m(a=1, b=two)", {"b": "three", "c": 0.1, "d": True})
    assert parse(written) == ("m", {"a": 1, "b": "three", "c": 0.1, "d": True})
    assert with_settings("erm", {}) == "erm"
