"""A manifest of pictures becomes the parts that it says, keeps its rows beside them, and is refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tailtune.data.dataset import Dataset, Part
from tailtune.data.open import open_dataset, open_for_prediction
from tailtune.errors import TailtuneError
from tailtune.settings import Reading

Written = Callable[..., Path]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """60 grey pictures of which the first pixel is the number of the picture, in two folders."""
    for i in range(60):
        pixels = np.full((6, 6), 30 + 60 * (i % 3), dtype=np.uint8)
        pixels[0, 0] = i
        path = tmp_path / "pictures" / f"batch{i % 2}" / f"p{i // 4}_{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "pictures"


def rows() -> pl.DataFrame:
    numbers = np.arange(60)
    return pl.DataFrame(
        {
            "path": [f"batch{i % 2}/p{i // 4}_{i}.png" for i in numbers],
            "label": [("a", "b", "c")[i % 3] for i in numbers],
            "patient": [f"p{i // 4}" for i in numbers],
            "day": [f"2024-01-{1 + i // 2:02}" for i in numbers],
            "site": [("north", "south")[i % 2] for i in numbers],
            "number": numbers,
        }
    )


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(frame: pl.DataFrame, name: str = "manifest.csv") -> Path:
        path = tmp_path / name
        frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
        return path

    return write


def opened(folder: Path, manifest: Path, **changes: object) -> Dataset:
    return open_dataset(Reading(data=str(folder), manifest=str(manifest), **changes))  # type: ignore[arg-type]


def parts(dataset: Dataset) -> list[Part]:
    return [part for part in (dataset.train, dataset.val, dataset.test) if part is not None]


def stays_beside(part: Part) -> bool:
    """Whether pixels, identity, class and row of the manifest are of the same picture."""
    assert part.frame is not None
    numbers = part.frame["number"].cast(pl.Int64).to_numpy()
    pixels = part.tensors("a test")[0][:, 0, 0, 0].numpy()
    return bool(
        (pixels == numbers).all()
        and part.frame["path"].to_list() == part.ids.tolist()
        and (part.targets.numpy() == numbers % 3).all()
    )


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.parquet"])
def test_pictures_and_rows_stay_together(pictures: Path, written: Written, name: str) -> None:
    dataset = opened(pictures, written(rows().sample(fraction=1.0, shuffle=True, seed=1), name))
    assert dataset.names == ("a", "b", "c")
    assert sum(map(len, parts(dataset))) == 60
    assert all(map(stays_beside, parts(dataset)))
    assert dataset.split == "stratified"


def test_the_given_parts_are_the_parts_in_the_order_of_the_rows(pictures: Path, written: Written) -> None:
    said = pl.Series("split", ["Train", "test", "train", "valid", "train"] * 12)
    dataset = opened(pictures, written(rows().with_columns(said)))
    assert dataset.split == "given"
    for part, word in ((dataset.train, "Train,train"), (dataset.val, "valid"), (dataset.test, "test")):
        assert part is not None
        assert part.frame is not None
        assert set(part.frame["split"]) == set(word.split(","))
        numbers = part.frame["number"].cast(pl.Int64)
        assert numbers.is_sorted()
        assert stays_beside(part)


@pytest.mark.parametrize("changes", [{"group": "patient"}, {"group_pattern": "p([0-9]+)_"}])
def test_groups_stay_in_one_part(pictures: Path, written: Written, changes: dict[str, str]) -> None:
    dataset = opened(pictures, written(rows()), **changes)
    groups = [set(part.groups.tolist()) for part in parts(dataset) if part.groups is not None]
    assert len(groups) == 3
    assert sum(map(len, groups)) == len(set.union(*groups)) == 15


def test_columns_of_the_usual_names_are_used_unless_others_are_named(pictures: Path, written: Written) -> None:
    frame = rows().with_columns(group="patient", weight=1.0 + pl.col("number") % 2, time="day")
    dataset = opened(pictures, written(frame))
    for part in parts(dataset):
        assert part.groups is not None
        assert part.weights is not None
        assert part.times is not None
        assert part.frame is not None
        assert part.groups.tolist() == part.frame["patient"].to_list()
        ratio = part.weights.numpy() / part.frame["weight"].cast(pl.Float64).to_numpy()
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    assert float(dataset.train.weights.mean()) == pytest.approx(1.0)  # type: ignore[union-attr]
    other = opened(pictures, written(frame), group="day", time="number")
    assert other.train.frame is not None
    assert other.train.groups is not None
    assert other.train.groups.tolist() == other.train.frame["day"].to_list()


def test_unreadable_pictures_are_left_out_with_their_rows(pictures: Path, written: Written) -> None:
    (pictures / "batch0" / "p1_4.png").write_bytes(b"no picture")
    with pytest.raises(TailtuneError, match="p1_4"):
        opened(pictures, written(rows()))
    dataset = opened(pictures, written(rows()), skip_bad_images=True)
    assert sum(map(len, parts(dataset))) == 59
    assert all(map(stays_beside, parts(dataset)))


def test_another_column_of_classes(pictures: Path, written: Written) -> None:
    assert opened(pictures, written(rows()), target="site").names == ("north", "south")


def test_pictures_to_predict_are_those_of_the_rows_in_their_order(pictures: Path, written: Written) -> None:
    dataset = opened(pictures, written(rows()))
    some = rows().sample(20, shuffle=True, seed=3)
    found = open_for_prediction(pictures, dataset.preprocessor, dataset.names, None, str(written(some, "some.csv")))
    assert found.ids.tolist() == some["path"].to_list()
    assert found.inputs[0][:, 0, 0, 0].tolist() == some["number"].to_list()  # type: ignore[index]
    assert found.targets is not None
    assert found.targets.tolist() == (some["number"] % 3).to_list()
    blind = open_for_prediction(
        pictures, dataset.preprocessor, dataset.names, None, str(written(some.drop("label"), "blind.csv"))
    )
    assert blind.targets is None


def test_paths_have_one_spelling(pictures: Path, written: Written) -> None:
    first, second = pl.col("number") == 0, pl.col("number") == 1
    spelled = (
        pl.when(first)
        .then(pl.format("./batch1/../{}", "path"))
        .when(second)
        .then(pl.format(f"{pictures}/{{}}", "path"))
        .otherwise("path")
    )
    dataset = opened(pictures, written(rows().with_columns(path=spelled)))
    ids = np.concatenate([part.ids for part in parts(dataset)])
    assert sorted(ids.tolist()) == sorted(rows()["path"].to_list())


FIRST = pl.col("number") == 0


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda f: f.drop("path"), {}, "has no column 'path'"),
        (lambda f: f.drop("label"), {}, "has no column 'label'; name that of the classes with --target"),
        (lambda f: f.with_columns(path=pl.when(FIRST).then(None).otherwise("path")), {}, "has no path in row 1"),
        (lambda f: pl.concat([f, f[:1]]), {}, "lists 'batch0/p0_0.png' in rows 1 and 61"),
        (lambda f: pl.concat([f, f[:1].with_columns(path=pl.lit("./batch0/p0_0.png"))]), {}, "in rows 1 and 61"),
        (
            lambda f: f.with_columns(path=pl.when(FIRST).then(pl.lit("batch0/p0_O.png")).otherwise("path")),
            {},
            "1 of 60 pictures are not in .* Did you mean 'p0_",
        ),
        (
            lambda f: f.with_columns(path=pl.when(FIRST).then(pl.lit("../secret.png")).otherwise("path")),
            {},
            "leads out of",
        ),
        (
            lambda f: f.with_columns(path=pl.when(FIRST).then(pl.lit("/etc/secret.png")).otherwise("path")),
            {},
            "leads out of",
        ),
        (lambda f: f.with_columns(label=pl.when(FIRST).then(None).otherwise("label")), {}, "'label' has no value in 1"),
        (lambda f: f.with_columns(split=pl.lit("tst")), {}, "split has 'tst' in row 1; write train, val or test"),
        (
            lambda f: f.with_columns(split=pl.when(FIRST).then(None).otherwise(pl.lit("train"))),
            {},
            "split has no value in row 1",
        ),
        (lambda f: f.with_columns(split=pl.lit("test")), {}, "no row whose split is train"),
        (
            lambda f: f.with_columns(
                split=pl.when(pl.col("label") == "b").then(pl.lit("test")).otherwise(pl.lit("train"))
            ),
            {},
            "class 'b' has no row whose split is train, such as row 2",
        ),
        (lambda f: f, {"group": "pateint"}, "has no group column 'pateint'. Did you mean 'patient'"),
        (lambda f: f, {"group": "path"}, "--group path is the column of the files"),
        (lambda f: f, {"time": "label"}, "--time label is the column of the classes"),
        (lambda f: f, {"group": "patient", "group_pattern": "p"}, "both say what stays together"),
        (lambda f: f, {"group": "day", "time": "day"}, "both name the column 'day'"),
        (lambda f: f, {"ignore": ("site",)}, "--ignore site needs a table; only pictures are inputs here"),
        (lambda f: f, {"target": "path"}, "--target path is the column of the files"),
        (lambda f: f, {"ratio": 0.1}, "--ratio"),
    ],
)
def test_what_is_refused(
    pictures: Path,
    written: Written,
    change: Callable[[pl.DataFrame], pl.DataFrame],
    options: dict[str, object],
    words: str,
) -> None:
    with pytest.raises(TailtuneError, match=words) as caught:
        opened(pictures, written(change(rows())), **options)
    assert "\n" not in str(caught.value)


def test_a_link_out_of_the_folder(pictures: Path, written: Written, tmp_path: Path) -> None:
    (tmp_path / "outside.png").write_bytes((pictures / "batch0" / "p0_0.png").read_bytes())
    (pictures / "batch0" / "p0_0.png").unlink()
    (pictures / "batch0" / "p0_0.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(TailtuneError, match="leads out of"):
        opened(pictures, written(rows()))


def test_a_manifest_needs_a_folder(pictures: Path, written: Written) -> None:
    manifest = written(rows())
    with pytest.raises(TailtuneError, match="--manifest is for a folder of pictures, and digits is none"):
        open_dataset(Reading(data="digits", manifest=str(manifest)))
    with pytest.raises(TailtuneError, match="--manifest is for a folder of pictures"):
        open_dataset(Reading(data=str(manifest), manifest=str(manifest)))
    with pytest.raises(TailtuneError, match=r"no file none\.csv"):
        opened(pictures, pictures / "none.csv")
    (pictures / "list.csv").write_text(manifest.read_text())
    with pytest.raises(TailtuneError, match=r"there is no manifest list.csv; write .*list\.csv"):
        opened(pictures, Path("list.csv"))
