"""Names for the classes, and the class to find: what they change, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tailtune.data.class_names import read_class_names
from tailtune.data.dataset import Dataset
from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.settings import Reading


def opened(tmp_path: Path, classes: int = 2, **changes: Any) -> Dataset:
    rng = np.random.default_rng(0)
    y = np.sort(rng.choice(classes, 120, p=[0.2, 0.8] if classes == 2 else None))
    pl.DataFrame({"x": rng.standard_normal(120) + y, "y": y}).write_csv(tmp_path / "rows.csv")
    return open_dataset(Reading(data=str(tmp_path / "rows.csv"), target="y", **changes))


def written(tmp_path: Path, text: str) -> str:
    (tmp_path / "names.csv").write_text(text)
    return str(tmp_path / "names.csv")


def test_names_in_any_order_stand_for_their_labels(tmp_path: Path) -> None:
    plain, named = opened(tmp_path), opened(tmp_path, class_names=written(tmp_path, "name,label\nill,1\nwell,0.0\n"))
    assert plain.names == named.labels == ("0", "1")
    assert named.names == named.profile.names == ("well", "ill")
    assert named.train.targets.tolist() == plain.train.targets.tolist()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label,name\n0,well\n", "names no class '1' (1 of 2 are missing)"),
        ("label,name\n0,well\n1,ill\n2,dead\n", "names the class '2' in row 3, which the data do not have"),
        ("label,name\n0,well\n1,ill\n1,sick\n", "has the label '1' twice"),
        ("label,name\n0,ill\n1,ill\n", "has the name 'ill' twice"),
        ("label,name\n0,well\n1,\n", "has no name in row 2"),
        ("label,name\n0,well\n,ill\n", "has no label in row 2"),
        ("label,text\n0,well\n1,ill\n", "has no column 'name'"),
        ("", "is empty"),
    ],
)
def test_a_file_that_does_not_fit(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(TailtuneError) as caught:
        opened(tmp_path, class_names=written(tmp_path, text))
    assert words in str(caught.value)


def test_the_nearest_label_is_named(tmp_path: Path) -> None:
    with pytest.raises(TailtuneError, match=r"names the class 'melanom' in row 1.*Did you mean 'melanoma'"):
        read_class_names(written(tmp_path, "label,name\nmelanom,Melanoma\n"), ["melanoma", "naevus"])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TailtuneError, match=r"no file nowhere\.csv"):
        opened(tmp_path, class_names=str(tmp_path / "nowhere.csv"))


def test_the_class_to_find_stands_for_the_rarest_one(tmp_path: Path) -> None:
    plain = opened(tmp_path)
    assert plain.profile.tail.tolist() == [0]
    found = opened(tmp_path, positive="1")
    assert (found.profile.tail.tolist(), found.profile.head.tolist()) == ([1], [0])
    assert found.profile.by_size.tolist() == [0, 1]
    assert any("The class to find is '1'" in said for said in found.warnings)
    rare = opened(tmp_path, positive="0")
    assert rare.profile.tail.tolist() == [0]
    assert rare.warnings == plain.warnings


@pytest.mark.parametrize("positive", ["1", "ill"])
def test_the_class_to_find_by_its_label_or_its_name(tmp_path: Path, positive: str) -> None:
    names = written(tmp_path, "label,name\n1,ill\n0,well\n")
    assert opened(tmp_path, positive=positive, class_names=names).positive == 1


def test_a_class_to_find_that_there_is_not(tmp_path: Path) -> None:
    names = written(tmp_path, "label,name\n1,ill\n0,well\n")
    with pytest.raises(TailtuneError, match=r"--positive il: there is no such class. Did you mean 'ill'"):
        opened(tmp_path, positive="il", class_names=names)
    with pytest.raises(TailtuneError, match=r"--positive 1 says which of two classes .* has 3; leave it out"):
        opened(tmp_path, classes=3, positive="1")
