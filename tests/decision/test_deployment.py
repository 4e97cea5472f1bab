"""The deployment balance as a user states it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune.decision.deployment import read_deployment, train_balance
from tailtune.errors import TailtuneError
from tailtune.profile import ClassProfile

ROWS = ClassProfile((70, 20, 10), ("a", "b", "c=d"))
PAIR = ClassProfile((90, 10), ("legit", "fraud"))


def test_the_named_balances() -> None:
    np.testing.assert_allclose(read_deployment("uniform", ROWS), [1 / 3] * 3)
    np.testing.assert_allclose(read_deployment("train", ROWS), [0.7, 0.2, 0.1])
    np.testing.assert_allclose(train_balance(ClassProfile((9, 0))), [0.9, 0.1])


@given(st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3))
def test_shares_are_on_any_scale_and_in_any_order(shares: list[float]) -> None:
    a, b, c = shares
    found = read_deployment(f" c=d = {c},b={b},a={a}".replace(" = ", "="), ROWS)
    np.testing.assert_allclose(found, np.array(shares) / sum(shares), rtol=1e-12)


def test_of_two_classes_one_share_is_enough() -> None:
    np.testing.assert_allclose(read_deployment("fraud=0.002", PAIR), [0.998, 0.002])
    np.testing.assert_allclose(read_deployment("legit=0.5", PAIR), [0.5, 0.5])


@pytest.mark.parametrize("text", ["legit: 99\nfraud: 1\n", '{"fraud": 0.01, "legit": 0.99}'])
def test_a_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "balance.yaml"
    path.write_text(text)
    np.testing.assert_allclose(read_deployment(str(path), PAIR), [0.99, 0.01])


def test_a_file_with_numbers_as_class_names(tmp_path: Path) -> None:
    path = tmp_path / "balance.yaml"
    path.write_text("0: 0.25\n1: 0.75\n")
    np.testing.assert_allclose(read_deployment(str(path), ClassProfile((1, 1), ("0", "1"))), [0.25, 0.75])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("equal", "must be uniform, train, shares such as"),
        ("", "must be uniform, train"),
        ("=0.5", "must be uniform, train"),
        ("a=0.1", "names no share of b, c=d; every class needs one"),
        ("a=0.1,b=0.1,d=0.1", "there is no class 'd'; there are a, b, c=d"),
        ("a=0,b=0.1,c=d=0.1", "the share of a must be more than 0, however: 0"),
        ("a=-1,b=0.1,c=d=0.1", "the share of a must be more than 0"),
        ("a=nan,b=0.1,c=d=0.1", "the share of a must be more than 0"),
        ("a=inf,b=0.1,c=d=0.1", "the share of a must be more than 0"),
        ("a=much,b=0.1,c=d=0.1", "the share of a must be more than 0, however: much"),
        ("nowhere.yaml", "must be uniform, train"),
    ],
)
def test_what_is_no_balance_is_refused(text: str, words: str) -> None:
    with pytest.raises(TailtuneError) as refusal:
        read_deployment(text, ROWS)
    assert words in str(refusal.value)
    assert str(refusal.value).startswith("--deploy-prior ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- 0.5\n- 0.5\n", "must map class names to shares"),
        ("fraud: [1\n", "cannot be read"),
        ("fraud: \n", "the share of fraud must be more than 0"),
        ("fraud: 2\n", "names no share of legit"),
    ],
)
def test_a_file_without_a_balance_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "balance.yaml"
    path.write_text(text)
    with pytest.raises(TailtuneError, match=words):
        read_deployment(str(path), PAIR)
