"""Names with settings in parentheses."""

from __future__ import annotations

import pytest

from tailtune.errors import TailtuneError
from tailtune.named_settings import home, parse, settled, with_settings


def test_settings_take_the_place_of_defaults() -> None:
    defaults = {"max_depth": 6, "learning_rate": 0.1, "kind": "plain"}
    assert settled("trees", defaults) == defaults
    assert settled("trees(max_depth=4, kind=other)", defaults) == {**defaults, "max_depth": 4, "kind": "other"}
    assert (home("trees(max_depth=4)"), home("trees"), home("own.py:net(a=1)")) == ("trees", "trees", "own.py:net")
    assert parse(with_settings("trees(a=1)", {"a": 2, "b": (0.1, 3)})) == ("trees", {"a": 2, "b": (0.1, 3)})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("trees(max_dept=4)", r"model trees takes no 'max_dept'. Did you mean 'max_depth'"),
        ("trees(4)", "cannot read the settings"),
        ("trees(max_depth=4", "is no name"),
        ("trees(max_depth=f())", "cannot read the settings"),
    ],
)
def test_what_cannot_be_read(name: str, words: str) -> None:
    with pytest.raises(TailtuneError, match=words):
        settled(name, {"max_depth": 6})
