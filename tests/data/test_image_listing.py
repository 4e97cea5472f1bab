import pytest
from PIL import Image

from tailtune.data.image_listing import every_image, has_parts, list_images
from tailtune.errors import TailtuneError


def put(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(root / path) if path.endswith(".png") else (root / path).write_text("x")
    return root


def test_classes_and_images_are_sorted_and_nested_folders_read(tmp_path):
    put(tmp_path, "b/2.png", "b/1.png", "a/x/3.png", "a/4.png", "B/5.png")
    listing = list_images(tmp_path)
    assert listing.names == ("B", "a", "b")
    files = (("B/5.png", "B"), ("a/4.png", "a"), ("a/x/3.png", "a"), ("b/1.png", "b"), ("b/2.png", "b"))
    assert listing.files == {"train": files}


@pytest.mark.parametrize("val", ["val", "valid", "validation", "VAL"])
def test_parts_are_found_by_name(tmp_path, val):
    put(tmp_path, "train/a/1.png", "train/b/1.png", f"{val}/a/2.png", "test/b/3.png")
    listing = list_images(tmp_path)
    assert {part: [path for path, _ in files] for part, files in listing.files.items()} == {
        "train": ["train/a/1.png", "train/b/1.png"],
        "val": [f"{val}/a/2.png"],
        "test": ["test/b/3.png"],
    }
    assert has_parts(tmp_path)


def test_files_that_are_not_used_are_listed_and_hidden_ones_passed_over(tmp_path):
    put(tmp_path, "a/1.png", "b/1.png", "b/notes.txt", "readme.md", "loose.png", "a/.hidden.png", ".git/x/1.png")
    put(tmp_path, "a/Thumbs.db")
    listing = list_images(tmp_path)
    assert listing.strays == ("b/notes.txt", "loose.png", "readme.md")
    assert listing.names == ("a", "b")
    assert every_image(tmp_path) == ["a/1.png", "b/1.png", "loose.png"]


def test_folders_beside_the_parts_are_strays(tmp_path):
    put(tmp_path, "train/a/1.png", "train/b/1.png", "extra/a/1.png", "labels.csv")
    assert list_images(tmp_path).strays == ("extra/a/1.png", "labels.csv")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(TailtuneError, match=r"there is no folder .*nowhere"):
        list_images(tmp_path / "nowhere")


def test_an_empty_class_folder_is_named(tmp_path):
    put(tmp_path, "a/1.png", "b/notes.txt")
    with pytest.raises(TailtuneError, match=r"class folder .*b holds no images"):
        list_images(tmp_path)


def test_one_class_is_too_few(tmp_path):
    with pytest.raises(TailtuneError, match=r"one class only \('a'\)"):
        list_images(put(tmp_path, "a/1.png"))


def test_images_without_class_folders_are_refused(tmp_path):
    with pytest.raises(TailtuneError, match="2 images but no class folders; put the images of each class"):
        list_images(put(tmp_path, "1.png", "2.png"))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(TailtuneError, match="no class folders"):
        list_images(tmp_path)


def test_a_class_that_only_the_test_part_has_is_named(tmp_path):
    put(tmp_path, "train/a/1.png", "train/b/1.png", "test/c/1.png")
    with pytest.raises(TailtuneError, match=r"test has the class 'c', which .*train lacks"):
        list_images(tmp_path)


def test_a_test_part_without_training_images_is_refused(tmp_path):
    with pytest.raises(TailtuneError, match="has test/ but no train/"):
        list_images(put(tmp_path, "test/a/1.png", "test/b/1.png"))


def test_two_folders_for_one_part_are_refused(tmp_path):
    put(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/1.png", "valid/a/1.png")
    with pytest.raises(TailtuneError, match="two val folders, val/ and valid/"):
        list_images(tmp_path)
