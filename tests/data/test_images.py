import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from tailtune.data import image_dataset, memory
from tailtune.data.images import dataset_from_arrays, open_image_folder
from tailtune.data.prediction_images import open_for_prediction
from tailtune.data.target import UnknownClassesError
from tailtune.errors import TailtuneError
from tailtune.settings import Run

rng = np.random.default_rng(0)


def picture(path, size=(6, 6), mode="RGB"):
    """Write a random picture of size (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"RGB": 3, "RGBA": 4, "L": 1, "P": 3, "I;16": 1}[mode]
    array = rng.integers(0, 256, (size[1], size[0], channels), dtype=np.uint8).squeeze(2 if channels == 1 else ())
    if mode == "I;16":
        array = array.astype(np.uint16) * 257
    image = Image.fromarray(array)
    (image.convert("P") if mode == "P" else image).save(path)
    return array


@pytest.fixture
def folder(tmp_path):
    for name, count in (("cat", 20), ("dog", 10), ("emu", 5)):
        for i in range(count):
            picture(tmp_path / "data" / name / f"{i:02d}.png")
    return tmp_path / "data"


def run_on(path, **changes):
    return Run(str(path), **changes)


def test_a_plain_folder_is_split_stratified(folder):
    data = open_image_folder(run_on(folder))
    assert data.kind == "image"
    assert data.names == ("cat", "dog", "emu")
    assert data.split == "stratified"
    assert np.bincount(data.test.targets).tolist() == [4, 2, 1]
    assert np.bincount(data.val.targets).tolist() == [2, 1, 1]
    assert data.profile.counts == (14, 7, 3)
    assert data.train.inputs[0].shape == (24, 3, 6, 6)
    assert data.train.inputs[0].dtype == torch.uint8
    assert data.warnings == ()
    assert data.left_out == ()
    parts = (data.train, data.val, data.test)
    everyone = sorted(identity for part in parts for identity in part.ids.tolist())
    assert everyone == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def test_pixels_belong_to_their_ids_and_classes(folder):
    data = open_image_folder(run_on(folder))
    for part in (data.train, data.val, data.test):
        for pixels, target, identity in zip(part.inputs[0], part.targets, part.ids, strict=True):
            np.testing.assert_array_equal(pixels, np.asarray(Image.open(folder / identity)).transpose(2, 0, 1))
            assert identity.startswith(data.names[target])


def test_statistics_come_from_the_training_pixels_only(folder):
    data = open_image_folder(run_on(folder))
    training = data.train.inputs[0].double() / 255
    np.testing.assert_allclose(data.preprocessor.mean, training.mean((0, 2, 3)), atol=1e-12)


def test_last_keeps_every_training_image(folder):
    data = open_image_folder(run_on(folder, selection="last"))
    assert data.val is None
    assert len(data.train) == 28


def test_the_split_and_its_hash_depend_on_the_split_seed_alone(folder):
    first, again, other = (
        open_image_folder(run_on(folder, seed=seed, split_seed=split)) for seed, split in ((0, 0), (9, 0), (0, 1))
    )
    assert first.split_hash == again.split_hash != other.split_hash
    assert first.train.ids.tolist() == again.train.ids.tolist()


def test_given_parts_are_kept(tmp_path):
    for part, count in (("train", 8), ("val", 3), ("test", 4)):
        for name in ("a", "b"):
            for i in range(count):
                picture(tmp_path / part / name / f"{i}.png")
    data = open_image_folder(run_on(tmp_path))
    assert (data.split, len(data.train), len(data.val), len(data.test)) == ("given", 16, 6, 8)
    assert set(data.test.ids.tolist()) == {f"test/{name}/{i}.png" for name in "ab" for i in range(4)}


def test_a_given_test_part_is_not_split_again_and_validation_comes_from_training(tmp_path):
    for part, count in (("train", 8), ("test", 4)):
        for name in ("a", "b"):
            for i in range(count):
                picture(tmp_path / part / name / f"{i}.png")
    data = open_image_folder(run_on(tmp_path))
    assert (len(data.train), len(data.val), len(data.test)) == (14, 2, 8)
    assert all(identity.startswith("train/") for identity in data.val.ids)


def test_all_grey_stays_one_channel(tmp_path):
    for name in ("a", "b"):
        for i, mode in enumerate(["L", "I;16", "L", "L"]):
            picture(tmp_path / name / f"{i}.png", mode=mode)
    data = open_image_folder(run_on(tmp_path))
    assert data.preprocessor.shape() == {"channels": 1, "height": 6, "width": 6}


def test_mixed_grey_rgb_rgba_and_palette_become_rgb(tmp_path):
    for name in ("a", "b"):
        for i, mode in enumerate(["L", "RGB", "RGBA", "P", "I;16"]):
            picture(tmp_path / name / f"{i}.png", mode=mode)
    data = open_image_folder(run_on(tmp_path))
    assert data.train.inputs[0].shape[1] == 3
    assert data.warnings[-1] == "4 of 10 images are grey; they became RGB."


def test_the_commonest_size_wins_and_the_warning_says_so(tmp_path):
    for i in range(5):
        picture(tmp_path / "a" / f"{i}.png", size=(8, 6))
        picture(tmp_path / "b" / f"{i}.png", size=(8, 6) if i else (20, 20))
    data = open_image_folder(run_on(tmp_path))
    assert data.train.inputs[0].shape[2:] == (6, 8)
    assert "1 of 10 images were scaled to 6 x 8 (the commonest size; 2 different sizes found)" in data.warnings[0]
    assert "1 of them got black beside them, to keep their proportions (--resize crop would cut" in data.warnings[0]


def test_large_pictures_are_scaled_down_to_224(tmp_path):
    for name in ("a", "b"):
        for i in range(2):
            picture(tmp_path / name / f"{i}.png", size=(448, 300))
    data = open_image_folder(run_on(tmp_path, selection="last"))
    assert data.train.inputs[0].shape[2:] == (150, 224)
    assert "at most 224 a side" in data.warnings[0]


def test_image_size_is_obeyed(folder):
    data = open_image_folder(run_on(folder, image_size=4))
    assert data.test.inputs[0].shape[2:] == (4, 4)
    assert "(--image-size;" in data.warnings[0]


@pytest.mark.parametrize("damage", ["empty", "text", "truncated"])
def test_a_bad_image_stops_with_its_name(folder, damage):
    path = folder / "dog" / "03.png"
    path.write_bytes({"empty": b"", "text": b"hello", "truncated": path.read_bytes()[:90]}[damage])
    with pytest.raises(TailtuneError, match=r"^image dog/03\.png .*--skip-bad-images$"):
        open_image_folder(run_on(folder))


def test_bad_images_are_skipped_counted_and_named_on_request(folder):
    (folder / "dog" / "03.png").write_bytes(b"")
    truncated = folder / "cat" / "07.png"
    truncated.write_bytes(truncated.read_bytes()[:90])
    data = open_image_folder(run_on(folder, skip_bad_images=True))
    assert "2 of 35 images cannot be read and are left out." in data.warnings
    assert {left.what: left.why.split(" (")[0] for left in data.left_out} == {
        "image dog/03.png": "is an empty file",
        "image cat/07.png": "is truncated or damaged",
    }
    everyone = [*data.train.ids, *data.val.ids, *data.test.ids]
    assert len(everyone) == 33
    assert "cat/07.png" not in everyone
    for pixels, identity in zip(data.train.inputs[0], data.train.ids, strict=True):
        np.testing.assert_array_equal(pixels, np.asarray(Image.open(folder / identity)).transpose(2, 0, 1))


def test_a_class_that_loses_all_its_images_is_named(folder):
    for path in (folder / "emu").iterdir():
        path.write_bytes(b"")
    with pytest.raises(TailtuneError, match="class 'emu' has no readable training images"):
        open_image_folder(run_on(folder, skip_bad_images=True))


def test_other_files_are_noted(folder):
    (folder / "cat" / "notes.txt").write_text("x")
    picture(folder / "loose.png")
    data = open_image_folder(run_on(folder))
    assert [(left.what, left.why) for left in data.left_out] == [
        ("1 file (loose.png)", "outside the class folders"),
        ("1 file (cat/notes.txt)", "not images by their names"),
    ]


def test_a_class_of_one_image_stays_in_training_and_is_named(folder):
    picture(folder / "yak" / "1.png")
    data = open_image_folder(run_on(folder))
    assert int((data.train.targets == 3).sum()) == 1
    assert any("'yak' has one sample: kept in training" in warning for warning in data.warnings)


def test_a_class_without_test_images_is_named(tmp_path):
    for part, names in (("train", "ab"), ("test", "a")):
        for name in names:
            for i in range(4):
                picture(tmp_path / part / name / f"{i}.png")
    data = open_image_folder(run_on(tmp_path))
    assert data.warnings == ("Class 'b' has no test images, so the test figures do not cover them.",)


def test_only_single_images_leave_nothing_to_test_on(tmp_path):
    picture(tmp_path / "a" / "1.png")
    picture(tmp_path / "b" / "1.png")
    with pytest.raises(TailtuneError, match="no class has two images"):
        open_image_folder(run_on(tmp_path))


def test_too_little_memory_suggests_a_size(folder, monkeypatch):
    monkeypatch.setattr(image_dataset, "available_memory", lambda: 5000)
    with pytest.raises(TailtuneError, match=r"35 images of 6 x 6 need .* --image-size 8"):
        open_image_folder(run_on(folder, storage="memory"))


def test_memory_is_what_machine_and_container_both_have(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "CONTAINER", tmp_path)
    assert 10_000_000 < memory.available_memory() < psutil.virtual_memory().total
    (tmp_path / "memory.current").write_text("1500\n")
    (tmp_path / "memory.max").write_text("5000\n")
    assert memory.available_memory() == 3500
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_memory() > 10_000_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": "patient"}, "--group patient needs a column, of a table or a --manifest"),
        ({"ratio": 0.1}, "--ratio makes a named image data set long-tailed"),
        ({"target": "y"}, "--target y needs a table"),
        ({"ignore": ("a", "b")}, "--ignore a, b needs a table"),
    ],
)
def test_options_of_tables_and_named_datasets_are_refused(folder, changes, message):
    with pytest.raises(TailtuneError, match=message):
        open_image_folder(run_on(folder, **changes))


def blocks(count, classes=3, shape=(5, 5)):
    """Images filled with their class's number, and its name."""
    targets = np.arange(count) % classes
    return (targets[:, None, None] * np.ones(shape)).astype(np.uint8), np.array(["x", "y", "z"])[targets]


def test_arrays_with_a_given_test_part():
    x, y = blocks(30)
    data = dataset_from_arrays(run_on("a.npz"), x_train=x, y_train=y, x_test=x[:6], y_test=y[:6])
    assert (data.split, data.names) == ("given", ("x", "y", "z"))
    assert data.test.ids[0] == "x_test[0]"
    assert len(data.train) + len(data.val) == 30
    assert torch.equal(data.train.inputs[0][:, 0, 0, 0].long(), data.train.targets)


def test_arrays_without_parts_are_split():
    x, y = blocks(30)
    data = dataset_from_arrays(run_on("a.npz"), x=np.stack([x] * 3, axis=3), y=y)
    assert (data.split, len(data.test), data.preprocessor.channels) == ("stratified", 6, 3)
    assert dataset_from_arrays(run_on("a.npz", image_size=16), x=x, y=y).test.inputs[0].shape == (6, 1, 16, 16)


def test_arrays_that_do_not_fit_together_are_refused():
    x, y = blocks(30)
    with pytest.raises(TailtuneError, match="lacks the array y_test"):
        dataset_from_arrays(run_on("a.npz"), x_train=x, y_train=y, x_test=x)
    with pytest.raises(TailtuneError, match="30"):
        dataset_from_arrays(run_on("a.npz"), x=x, y=y[:9])
    with pytest.raises(TailtuneError, match=r"images of x_test are \(1, 5, 4\), those of x_train \(1, 5, 5\)"):
        dataset_from_arrays(run_on("a.npz"), x_train=x, y_train=y, x_test=x[:, :, :4], y_test=y)
    with pytest.raises(TailtuneError, match="class 'x'"):
        dataset_from_arrays(run_on("a.npz"), x_train=x, y_train=np.array(["u", "v"] * 15), x_test=x, y_test=y)


def test_prediction_on_class_folders_knows_the_targets(folder):
    data = open_image_folder(run_on(folder))
    inputs, ids, targets = open_for_prediction(folder, data.preprocessor, data.names)
    assert inputs[0].shape == (35, 3, 6, 6)
    assert [data.names[k] for k in targets()] == [identity.split("/")[0] for identity in ids]
    place = ids.tolist().index(data.train.ids[3])
    assert torch.equal(inputs[0][place], data.train.inputs[0][3])


def test_prediction_on_a_flat_folder_a_file_and_an_array(folder):
    data = open_image_folder(run_on(folder))
    inputs, ids, targets = open_for_prediction(folder / "cat", data.preprocessor, data.names)
    assert (len(inputs[0]), ids[0], targets) == (20, "00.png", None)
    inputs, ids, targets = open_for_prediction(folder / "cat" / "05.png", data.preprocessor, data.names)
    assert (len(inputs[0]), ids.tolist(), targets) == (1, ["05.png"], None)
    array = rng.integers(0, 256, (4, 9, 9), dtype=np.uint8)
    inputs, ids, targets = open_for_prediction(array, data.preprocessor, data.names)
    assert (inputs[0].shape, len(ids), targets) == ((4, 3, 6, 6), 4, None)


def test_prediction_on_an_npz_file(tmp_path, folder):
    data = open_image_folder(run_on(folder))
    x = rng.integers(0, 256, (3, 6, 6, 3), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x_test=x, y_test=np.array(["emu", "cat", "dog"]))
    inputs, ids, targets = open_for_prediction(tmp_path / "a.npz", data.preprocessor, data.names)
    np.testing.assert_array_equal(inputs[0], x.transpose(0, 3, 1, 2))
    assert (ids[0], targets().tolist()) == ("x_test[0]", [2, 0, 1])


def test_folders_of_other_names_are_classes_that_the_model_does_not_know(folder, tmp_path):
    data = open_image_folder(run_on(folder))
    picture(folder / "zebra" / "1.png")
    picture(folder / "zebra" / "2.png")
    _, ids, targets = open_for_prediction(folder, data.preprocessor, data.names)
    with pytest.raises(UnknownClassesError, match=r"zebra is a folder of no class that the model knows") as caught:
        targets()
    assert caught.value.rows == {"zebra": 2}
    expected = [{"cat": 0, "dog": 1, "emu": 2, "zebra": -1}[identity.split("/")[0]] for identity in ids]
    assert caught.value.codes.tolist() == expected
    picture(tmp_path / "new" / "monday" / "1.png")  # folders that say nothing of classes
    assert open_for_prediction(tmp_path / "new", data.preprocessor, data.names)[2] is None


def test_unreadable_images_are_left_out_on_request(folder, monkeypatch):
    data = open_image_folder(run_on(folder))
    (whole,), ids, _ = open_for_prediction(folder, data.preprocessor, data.names)
    (folder / "cat" / "05.png").write_bytes(b"")
    with pytest.raises(TailtuneError, match=r"05.png is an empty file"):
        open_for_prediction(folder, data.preprocessor, data.names)
    for free in (10**9, 500):  # in memory, and as files
        monkeypatch.setattr(image_dataset, "available_memory", lambda free=free: free)
        bad = {}
        (left,), others, targets = open_for_prediction(folder, data.preprocessor, data.names, bad)
        kept = [row for row, name in enumerate(ids) if name != "cat/05.png"]
        assert isinstance(left, torch.Tensor) == (free > 500)
        pixels = left if isinstance(left, torch.Tensor) else left.read(np.arange(len(left)))
        assert torch.equal(pixels, whole[kept])
        assert others.tolist() == ids[kept].tolist()
        assert len(targets()) == len(kept)
        assert {place: problem.name for place, problem in bad.items()} == {5: "cat/05.png"}


def test_prediction_input_that_is_not_there_or_no_image_is_refused(folder, tmp_path):
    data = open_image_folder(run_on(folder))
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.csv").write_text("x")
    for path, message in (
        (tmp_path / "nowhere", "there is no image or folder"),
        (tmp_path / "empty", "holds no images"),
        (tmp_path / "a.csv", "is not an image file"),
    ):
        with pytest.raises(TailtuneError, match=message):
            open_for_prediction(path, data.preprocessor, data.names)
    picture(tmp_path / "parts" / "train" / "cat" / "1.png")
    with pytest.raises(TailtuneError, match="say which part is meant"):
        open_for_prediction(tmp_path / "parts", data.preprocessor, data.names)
