import os

import numpy as np
import pytest

from tailtune.data.catalog import binary_cifar10, open_named
from tailtune.data.catalog.cifar import Images, Layout
from tailtune.data.open import open_dataset
from tailtune.errors import TailtuneError
from tailtune.settings import Run

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture
def files(monkeypatch, tmp_path):
    """CIFAR-10 with ten training and two test pictures a class, whose pixels are all their position."""

    def read(folder, layout: Layout):
        parts = []
        for part, per_class in (("train", 10), ("test", 2)):
            targets = np.random.default_rng(0).permutation(np.repeat(np.arange(10), per_class))
            pixels = np.broadcast_to(
                np.arange(len(targets), dtype=np.uint8)[:, None, None, None], (len(targets), 3, 4, 4)
            )
            parts.append(Images(pixels, targets, np.array([f"{part}/{row}" for row in range(len(targets))])))
        return NAMES, *parts

    (tmp_path / "cifar-10-batches-bin").mkdir()
    monkeypatch.setattr("tailtune.data.catalog.cifar.read_binary", read)
    return str(tmp_path)


def test_cat_and_dog_by_default(files):
    data = open_named("binary_cifar10", Run("binary_cifar10", data_root=files, selection="last"))
    assert (data.names, data.profile.counts) == (("cat", "dog"), (10, 10))
    assert (len(data.test), data.source) == (4, "CIFAR-10 (cat, dog)")


def test_classes_are_numbered_as_they_are_named_and_keep_their_pictures(files):
    run = Run("binary_cifar10", data_root=files, classes=("ship", "bird"), selection="last")
    data = open_named("binary_cifar10", run)
    targets = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 10))
    rows = np.flatnonzero((targets == 8) | (targets == 2))
    assert data.train.ids.tolist() == [f"train/{row}" for row in rows]
    np.testing.assert_array_equal(data.train.inputs[0][:, 0, 0, 0], rows)
    np.testing.assert_array_equal(data.train.targets, (targets[rows] == 2).astype(int))


def test_the_class_named_first_is_the_frequent_one(files):
    run = Run("binary_cifar10", data_root=files, classes=("truck", "frog"), ratio=0.2, selection="last")
    data = open_named("binary_cifar10", run)
    assert dict(zip(data.names, data.profile.counts, strict=True)) == {"truck": 10, "frog": 2}


@pytest.mark.parametrize(
    ("classes", "why"),
    [
        (("cat",), "takes two classes"),
        (("cat", "dog", "ship"), "takes two classes"),
        (("cat", "cat"), "names a class twice"),
        (("cat", "dogs"), r"--classes dogs: there is no such class; there are airplane, .*'dog'"),
    ],
)
def test_other_classes_are_refused(files, classes, why):
    with pytest.raises(TailtuneError, match=why):
        open_named("binary_cifar10", Run("binary_cifar10", data_root=files, classes=classes))


@pytest.mark.parametrize("data", ["digits", "table.csv"])
def test_classes_belong_to_this_set_alone(data):
    with pytest.raises(TailtuneError, match="--classes cat dog belongs to binary_cifar10; leave it out"):
        open_dataset(Run(data, classes=("cat", "dog")))


@pytest.mark.real
def test_real_files():
    run = Run("binary_cifar10", data_root=os.environ["TAILTUNE_DATA"], ratio=0.01, selection="last")
    data = binary_cifar10.load(run)
    assert (data.profile.counts, len(data.test)) == ((5000, 50), 2000)
