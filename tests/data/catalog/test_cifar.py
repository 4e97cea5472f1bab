import dataclasses
import hashlib
import os
import sys

import numpy as np
import pytest

from tailtune.data import catalog
from tailtune.data.catalog import cifar10, cifar100
from tailtune.data.catalog.cifar import load_cifar, read_binary
from tailtune.errors import TailtuneError
from tailtune.settings import Run


def small(official, folder, per_class=6):
    """Write a tiny set in the official binary layout; return its layout with the sizes and checksums that fit it."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    files = (*official.train_files, official.test_file)
    rows = per_class * official.num_classes
    labels, pixels = [], []
    for name in files:
        fine = rng.permutation(np.repeat(np.arange(official.num_classes), per_class)).astype(np.uint8)
        images = rng.integers(0, 256, (rows, 3072), dtype=np.uint8)
        coarse = [rng.integers(0, 20, (rows, 1), dtype=np.uint8)] * (official.labels_per_row - 1)
        np.concatenate([*coarse, fine[:, None], images], axis=1).tofile(folder / name)
        labels.append(fine)
        pixels.append(images.reshape(-1, 3, 32, 32))
    (folder / official.names_file).write_text("\n".join(f"class_{k}" for k in range(official.num_classes)) + "\n\n")
    train, train_pixels = np.concatenate(labels[:-1]), np.concatenate(pixels[:-1])
    layout = dataclasses.replace(
        official,
        rows_per_file=rows,
        test_rows=rows,
        label_digests=tuple(hashlib.sha256(y.tobytes()).hexdigest() for y in (train, labels[-1])),
        train_mean=tuple((train_pixels.mean((0, 2, 3)) / 255).tolist()),
    )
    return layout, train, train_pixels


@pytest.fixture(params=[cifar10.LAYOUT, cifar100.LAYOUT], ids=["cifar10", "cifar100"])
def official(request):
    return request.param


def test_binary_files_are_read_in_order_with_fine_labels(official, tmp_path):
    layout, labels, pixels = small(official, tmp_path / official.folder)
    names, train, test = read_binary(tmp_path / official.folder, layout)
    np.testing.assert_array_equal(train.targets, labels)
    np.testing.assert_array_equal(train.pixels, pixels)
    assert names == tuple(f"class_{k}" for k in range(official.num_classes))
    assert (train.ids[1], test.ids[0]) == ("train/1", "test/0")


def test_a_ratio_takes_the_canonical_rows_in_their_order(official, tmp_path):
    from tailtune.data.longtail import canonical

    layout, labels, pixels = small(official, tmp_path / official.folder)
    run = Run("cifar", data_root=str(tmp_path), ratio=0.5, selection="last")
    data = load_cifar(run, layout)
    rows = canonical(labels, 0.5)
    assert data.train.ids.tolist() == [f"train/{row}" for row in rows]
    np.testing.assert_array_equal(data.train.inputs[0], pixels[rows])
    assert (data.split, data.flip, data.val, data.headline) == ("official", True, None, "accuracy")
    assert data.source == f"{official.title} at ratio 0.5"


def test_validation_is_split_from_training_and_the_test_part_stays(tmp_path):
    layout, labels, _ = small(cifar10.LAYOUT, tmp_path / cifar10.LAYOUT.folder)
    data = load_cifar(Run("cifar10", data_root=str(tmp_path)), layout)
    assert len(data.train) + len(data.val) == len(labels)
    assert len(data.test) == 60


def test_the_folder_comes_from_the_environment_too(tmp_path, monkeypatch):
    layout, _, _ = small(cifar10.LAYOUT, tmp_path / cifar10.LAYOUT.folder)
    monkeypatch.setenv("TAILTUNE_DATA", str(tmp_path))
    assert len(load_cifar(Run("cifar10"), layout).test) == 60


def test_missing_data_says_which_files_go_where(official, tmp_path, monkeypatch):
    monkeypatch.delenv("TAILTUNE_DATA", raising=False)
    with pytest.raises(TailtuneError) as caught:
        load_cifar(Run("cifar", data_root=str(tmp_path)), official)
    message = str(caught.value)
    for part in (*official.train_files, official.test_file, official.archive, official.folder, "--download"):
        assert part in message
    assert "\n" not in message


def test_a_missing_file_is_named(tmp_path):
    layout, _, _ = small(cifar10.LAYOUT, tmp_path / "x")
    (tmp_path / "x" / "data_batch_3.bin").unlink()
    with pytest.raises(TailtuneError, match=r"data_batch_3\.bin cannot be read"):
        read_binary(tmp_path / "x", layout)


def test_a_file_of_another_size_is_named(tmp_path):
    layout, _, _ = small(cifar10.LAYOUT, tmp_path / "x")
    path = tmp_path / "x" / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TailtuneError, match=r"data_batch_3\.bin has 184379 bytes instead of 184380"):
        read_binary(tmp_path / "x", layout)


def test_other_labels_and_other_pixels_are_refused(tmp_path):
    layout, _, _ = small(cifar10.LAYOUT, tmp_path / "x")
    path = tmp_path / "x" / "data_batch_1.bin"
    rows = np.fromfile(path, dtype=np.uint8).reshape(-1, 3073)
    darker = rows.copy()
    darker[:, 1:] //= 2
    darker.tofile(path)
    with pytest.raises(TailtuneError, match=r"training pixels in .* are not the official ones"):
        read_binary(tmp_path / "x", layout)
    rows[:, 0] = (rows[:, 0] + 1) % 10
    rows.tofile(path)
    with pytest.raises(TailtuneError, match=r"training labels in .* are not the official ones"):
        read_binary(tmp_path / "x", layout)


def test_wrong_class_names_are_refused(tmp_path):
    layout, _, _ = small(cifar10.LAYOUT, tmp_path / "x")
    (tmp_path / "x" / layout.names_file).write_text("only\ntwo\n")
    with pytest.raises(TailtuneError, match="has 2 class names instead of 10"):
        read_binary(tmp_path / "x", layout)


def test_the_python_version_is_read_through_torchvision(official, tmp_path, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")
    layout, labels, pixels = small(official, tmp_path / "binary")
    _, _, test = read_binary(tmp_path / "binary", layout)
    asked = []

    class Reader:
        classes = tuple(f"class_{k}" for k in range(official.num_classes))

        def __init__(self, root, train, download):
            asked.append((root, train, download))
            self.data = (pixels if train else test.pixels).transpose(0, 2, 3, 1)
            self.targets = (labels if train else test.targets).tolist()

    monkeypatch.setattr(datasets, official.title.replace("-", ""), Reader)
    run = Run("cifar", data_root=str(tmp_path / "root"), download=True, selection="last")
    data = load_cifar(run, layout)
    np.testing.assert_array_equal(data.train.inputs[0], pixels)
    assert data.names == Reader.classes
    assert [(train, download) for _, train, download in asked] == [(True, True), (False, True)]


def test_a_damaged_python_version_is_one_line(tmp_path):
    pytest.importorskip("torchvision")
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(TailtuneError, match=r"cannot be read from .*cifar-10-batches-py by torchvision"):
        load_cifar(Run("cifar10", data_root=str(tmp_path)), cifar10.LAYOUT)


def test_missing_torchvision_is_said(tmp_path, monkeypatch):
    (tmp_path / "cifar-10-batches-py").mkdir()
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(TailtuneError, match=r"needs torchvision; install it with: pip install tailtune\[app\]"):
        load_cifar(Run("cifar10", data_root=str(tmp_path)), cifar10.LAYOUT)


def test_every_named_dataset_has_one_line():
    for name in catalog.__all__:
        assert 20 < len(catalog.about(name)) < 140


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "ratio", "total", "first"), [("cifar10", 0.01, 12_406, "airplane"), ("cifar100", 0.01, 10_847, "apple")]
)
def test_real_files(name, ratio, total, first):
    run = Run(name, ratio=ratio, selection="last", data_root=os.environ["TAILTUNE_DATA"])
    data = catalog.open_named(name, run)
    assert (len(data.train), len(data.test), data.names[0]) == (total, 10_000, first)
    assert data.profile.ratio == pytest.approx(ratio, rel=0.05)
