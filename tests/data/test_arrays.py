from __future__ import annotations

import numpy as np
import pytest

from tailtune.data.arrays import open_arrays
from tailtune.errors import TailtuneError
from tailtune.settings import Run

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = np.array(["cat", "dog", "dog"] * 20)


@pytest.fixture
def opened(tmp_path):
    def save_and_open(settings=None, **arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return open_arrays(Run(str(tmp_path / "data.npz"), **(settings or {})))

    return save_and_open


def test_tables_are_split(opened):
    data = opened(x=X, y=Y)
    assert (data.kind, data.names, data.split) == ("table", ("cat", "dog"), "stratified")
    assert data.preprocessor.numeric_names == ("f0", "f1", "f2")
    assert data.train.ids[0].startswith("x[")
    assert len(data.train) + len(data.val) + len(data.test) == 60


def test_given_parts(opened):
    parts = {f"{key}_{part}": array for part in ("train", "val", "test") for key, array in (("x", X), ("y", Y))}
    data = opened(**parts)
    assert (data.split, len(data.train), len(data.val), len(data.test)) == ("given", 60, 60, 60)
    assert data.test.ids[:2].tolist() == ["x_test[0]", "x_test[1]"]
    without = {name: array for name, array in parts.items() if "val" not in name}
    assert len(opened(settings={"selection": "last"}, **without).train) == 60
    assert opened(X_train=X, y_train=Y).split == "stratified"


def test_groups_and_text_features(opened):
    data = opened(settings={"group": "who"}, x=np.where(X > 0, "up", "down"), y=Y, who=np.arange(60) // 6)
    assert data.preprocessor.categorical_names == ("f0", "f1", "f2")
    groups = [{int(row[2:-1]) // 6 for row in part.ids} for part in (data.train, data.test)]
    assert not groups[0] & groups[1]


def test_weights_and_times_of_tables(opened):
    data = opened(settings={"weight": "w", "time": "t"}, x=X, y=Y, w=np.linspace(1, 2, 60), t=np.arange(60)[::-1])
    assert data.preprocessor.numeric_names == ("f0", "f1", "f2")
    assert data.split == "by time"
    assert set(data.test.ids) == {f"x[{row}]" for row in range(12)}
    assert data.train.weights.mean() == pytest.approx(1, abs=1e-6)


def test_groups_weights_and_times_of_pictures(opened):
    pixels = RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    who, beside = np.arange(60) // 6, {"w": np.linspace(1, 2, 60), "when": np.arange(60), "reading": np.arange(60)}
    data = opened(settings={"group": "Who", "weight": "w", "image_size": 4}, x=pixels, y=Y, Who=who, **beside)
    assert data.train.inputs[0].shape[1:] == (1, 4, 4)
    groups = [set(part.groups.tolist()) for part in (data.train, data.val, data.test)]
    assert not groups[0] & (groups[1] | groups[2])
    rows = [int(name[2:-1]) for name in data.train.ids]
    expected = beside["w"][rows] / beside["w"][rows].mean()
    np.testing.assert_allclose(data.train.weights.numpy(), expected, rtol=1e-6)
    assert opened(settings={"time": "when"}, x=pixels, y=Y, **beside).split == "by time"


def test_arrays_beside_given_parts(opened):
    parts = {f"{key}_{part}": array for part in ("train", "test") for key, array in (("x", X), ("y", Y))}
    for shape in ((60, 3), (60, 2, 2)):
        parts["x_train"] = parts["x_test"] = RNG.integers(0, 256, shape, dtype=np.uint8)
        weights = {"w_train": np.full(60, 2.0), "w_test": np.full(60, 4.0)}
        data = opened(settings={"weight": "w"}, **parts, **weights)
        assert data.test.weights.tolist() == [2.0] * 60
        with pytest.raises(TailtuneError, match="w"):
            opened(settings={"weight": "w"}, **parts, w_train=np.ones(60))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"group": "patient"}, "has no array patient for --group; it holds who, x, y"),
        ({"group": "who"}, r"who has shape \(59,\); it needs \(60,\), as y has"),
        ({"ignore": ("who",)}, "--ignore who needs a table"),
    ],
)
def test_arrays_beside_pictures_that_do_not_fit(opened, settings, message):
    pixels = RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    with pytest.raises(TailtuneError, match=message):
        opened(settings=settings, x=pixels, y=Y, who=np.arange(59))


def test_missing_values_are_allowed_and_infinity_is_not(opened):
    x = X.copy()
    x[5, 1] = np.nan
    assert opened(x=x, y=Y, settings={"selection": "last"}).preprocessor.numeric_names[:3] == ("f0", "f1", "f2")
    x[:, 2] = np.inf
    with pytest.raises(TailtuneError, match=r"'f2' is infinite in row x\[\d+\]"):
        opened(x=x, y=Y)


def test_images(opened):
    pixels = RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    data = opened(x=pixels, y=Y)
    assert (data.kind, data.names) == ("image", ("cat", "dog"))
    assert data.train.inputs[0].shape[1:] == (1, 8, 8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X}, "holds the arrays a; it needs x and y"),
        ({"x": X}, "needs x and y"),
        ({"x": X, "y": Y, "x_test": X, "y_test": Y}, "needs x and y, or x_train"),
        ({"x": X, "y": Y[:5]}, "y has 5 rows and x has 60"),
        ({"x": X[:, 0], "y": Y}, r"x has shape \(60,\)"),
        ({"x": X[:0], "y": Y[:0]}, r"shape \(0, 3\)"),
        ({"x": X, "y": np.eye(2)[[0, 1] * 30]}, r"one-hot; save class indices: y.argmax\(axis=1\)"),
        ({"x": X, "y": np.ones((60, 2))}, "several labels a row"),
        ({"x": X.astype(object), "y": Y}, "array 'x' holds Python objects"),
        ({"x": X, "y": RNG.normal(size=60)}, "is a quantity"),
        ({"x": X, "y": np.where(np.arange(60) == 3, np.nan, np.arange(60) % 2)}, r"1 of 60 rows, first in row x\[3\]"),
        ({"x": X, "y": np.zeros(60, dtype=int)}, "one class only"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, r"agree .*\(2,\), \(3,\)"),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y[::-1] + "s"}, "has no training rows"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(opened, arrays, message):
    with pytest.raises(TailtuneError, match=message):
        opened(**arrays)


def test_damaged_files_and_a_target_are_refused(opened, tmp_path):
    with pytest.raises(TailtuneError, match=r"leave --target z out"):
        opened(settings={"target": "z"}, x=X, y=Y)
    path = tmp_path / "bad.npz"
    for content in (b"", b"junk that is no archive", b"PK\x03\x04 cut off"):
        path.write_bytes(content)
        with pytest.raises(TailtuneError, match=r"is damaged or no .npz archive"):
            open_arrays(Run(str(path)))
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(TailtuneError, match=r"is damaged or no .npz archive"):
        open_arrays(Run(str(path)))
