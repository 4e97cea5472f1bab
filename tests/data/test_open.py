from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tailtune.data.open import open_dataset, open_for_prediction
from tailtune.errors import TailtuneError
from tailtune.settings import Reading, Run


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "size": rng.normal(size=90),
            "town": ["Rome", "Oslo", "Bern"] * 30,
            "grade": ["good", "bad", "bad"] * 30,
        }
    )


@pytest.fixture
def table(frame, tmp_path):
    frame.write_csv(tmp_path / "grades.csv")
    return tmp_path / "grades.csv"


def refusal(data, **settings) -> str:
    with pytest.raises(TailtuneError) as caught:
        open_dataset(Run(str(data), **settings))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_csv_and_parquet_give_the_same(table, frame, tmp_path):
    frame.write_parquet(tmp_path / "grades.parquet")
    first = open_dataset(Run(str(table), target="grade"))
    second = open_dataset(Run(str(tmp_path / "grades.parquet"), target="grade"))
    assert first.split_hash == second.split_hash
    assert first.train.inputs[0].equal(second.train.inputs[0])
    assert first.train.inputs[1].equal(second.train.inputs[1])


def test_table_folders(frame, tmp_path):
    frame.head(60).write_csv(tmp_path / "train.csv")
    frame.tail(30).write_parquet(tmp_path / "test.parquet")
    data = open_dataset(Run(str(tmp_path), target="grade"))
    assert (data.split, len(data.test)) == ("given", 30)
    assert (data.train.ids[0][:10], data.test.ids[0]) == ("train.csv:", "test.parquet:1")
    frame.head(5).write_csv(tmp_path / "valid.csv")
    assert len(open_dataset(Run(str(tmp_path), target="grade")).val) == 5
    frame.head(5).write_csv(tmp_path / "val.csv")
    assert "val.csv and valid.csv, which are the same part" in refusal(tmp_path, target="grade")


def test_npz_named_and_image_data_are_dispatched(tmp_path):
    from PIL import Image

    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).normal(size=(30, 2)), y=[0, 1] * 15)
    assert open_dataset(Run(str(tmp_path / "a.npz"))).kind == "table"
    assert open_dataset(Run("digits")).kind == "image"
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(6):
            Image.new("L", (9, 9), i).save(tmp_path / "pets" / name / f"{i}.png")
    assert open_dataset(Run(str(tmp_path / "pets"))).names == ("cat", "dog")


@pytest.mark.parametrize("shape", [(40, 3), (40, 8, 8)])
def test_arrays_beside_those_to_predict_are_columns(tmp_path, shape):
    rng, path = np.random.default_rng(0), tmp_path / "a.npz"
    arrays = {"x": rng.integers(0, 256, shape, dtype=np.uint8), "y": np.arange(40) % 2, "Who": np.arange(40) // 4}
    np.savez(path, **arrays, w=np.linspace(0, 1, 40))
    reading = Reading(data=str(path), group="Who", weight="w")
    data = open_dataset(reading)
    rows = open_for_prediction(path, data.preprocessor, data.names)
    known = rows.known(reading)
    assert known.groups.tolist() == arrays["Who"].astype(str).tolist()
    np.testing.assert_allclose(known.weights, np.linspace(0, 1, 40))
    assert rows.notes == ()
    np.savez(tmp_path / "b.npz", x_test=arrays["x"], w_test=np.ones(40), many_test=np.ones((40, 2)))
    later = open_for_prediction(tmp_path / "b.npz", data.preprocessor, data.names)
    assert later.known(reading).weights.tolist() == [1.0] * 40
    assert later.targets is None
    assert "many" not in later.frame.columns


def test_unknown_data_suggest_the_nearest(table, tmp_path):
    assert "Did you mean 'digits'?" in refusal("digit")
    assert "Named data sets: adult" in refusal("qqq")
    assert "Did you mean 'grades.csv'?" in refusal(tmp_path / "grade.csv")
    assert "does not exist" in refusal(tmp_path / "no" / "grade.csv")


def test_folder_of_loose_tables(table, tmp_path):
    assert "holds tables but no train.csv; give one file, such as" in refusal(tmp_path)


def test_target_column(table):
    assert "Name it with --target; its columns: size, town, grade" in refusal(table)
    assert "no target column 'grad'. Did you mean 'grade'? Its columns: size, town, grade" in refusal(
        table, target="grad"
    )
    assert "names 2 columns, so several labels a row" in refusal(table, target="town,grade")


def test_rows_for_prediction_keep_their_order(table, frame, tmp_path):
    data = open_dataset(Run(str(table), target="grade"))
    rows = open_for_prediction(table, data.preprocessor, data.names, "grade")
    assert rows.ids.tolist() == [str(row) for row in range(1, 91)]
    assert rows.targets.tolist() == [data.names.index(name) for name in frame["grade"]]
    assert rows.notes == ()
    place = int(data.test.ids[0]) - 1
    assert rows.inputs[0][place].equal(data.test.inputs[0][0])
    assert rows.frame.equals(frame.cast(pl.String))

    new = frame.drop("grade").with_columns(colour=pl.lit("red")).select("colour", "town", "size")
    new.write_parquet(tmp_path / "new.parquet")
    other = open_for_prediction(tmp_path / "new.parquet", data.preprocessor, data.names, None)
    assert other.targets is None
    assert other.notes == ("Not used, because the model was not trained on it: 'colour'.",)
    assert other.inputs[0].equal(rows.inputs[0])
    assert other.inputs[1].equal(rows.inputs[1])


def test_classes_are_read_when_they_are_asked_for(table, frame, tmp_path):
    data = open_dataset(Run(str(table), target="grade"))
    path = tmp_path / "new.csv"
    frame.head(3).with_columns(grade=pl.Series(["good", None, "ugly"])).write_csv(path)
    rows = open_for_prediction(path, data.preprocessor, data.names, None)
    assert len(rows.inputs[0]) == 3
    with pytest.raises(TailtuneError, match=r"no value in 1 of 3 rows"):
        _ = rows.targets
    frame.head(3).with_columns(grade=None).write_csv(path)
    assert open_for_prediction(path, data.preprocessor, data.names, None).targets is None


def test_prediction_data_that_do_not_fit(table, frame, tmp_path):
    data = open_dataset(Run(str(table), target="grade"))
    path = tmp_path / "new.csv"
    frame.select("grade").write_csv(path)
    with pytest.raises(TailtuneError, match=r"new.csv: the data lack the columns 'size', 'town'"):
        open_for_prediction(path, data.preprocessor, data.names, None)
    frame.with_columns(size=pl.lit("big")).write_csv(path)
    with pytest.raises(TailtuneError, match=r"new.csv: column 'size' holds numbers, however: 'big' in row 1"):
        open_for_prediction(path, data.preprocessor, data.names, None)
    with pytest.raises(TailtuneError, match=r"there is no file .* Did you mean 'new.csv'\?"):
        open_for_prediction(tmp_path / "newer.csv", data.preprocessor, data.names, None)


def test_arrays_for_prediction(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(40, 2)), np.array(["no", "yes"] * 20)
    np.savez(tmp_path / "train.npz", x=x, y=y)
    data = open_dataset(Run(str(tmp_path / "train.npz")))
    rows = open_for_prediction(tmp_path / "train.npz", data.preprocessor, data.names, None)
    assert rows.targets.tolist() == [0, 1] * 20
    assert rows.ids[3] == "x[3]"
    np.savez(tmp_path / "new.npz", x_test=x)
    assert open_for_prediction(tmp_path / "new.npz", data.preprocessor, data.names, None).targets is None
    np.savez(tmp_path / "new.npz", z=x)
    with pytest.raises(TailtuneError, match=r"holds the arrays z; prediction needs x"):
        open_for_prediction(tmp_path / "new.npz", data.preprocessor, data.names, None)
    np.savez(tmp_path / "new.npz", x=x[:, :1])
    with pytest.raises(TailtuneError, match=r"lack the column 'f1'"):
        open_for_prediction(tmp_path / "new.npz", data.preprocessor, data.names, None)


def test_images_for_prediction(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 6, 6), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=pixels, y=[0, 1] * 20)
    data = open_dataset(Run(str(tmp_path / "a.npz")))
    rows = open_for_prediction(tmp_path / "a.npz", data.preprocessor, data.names, None)
    assert rows.inputs[0].shape == (40, 1, 6, 6)
    assert rows.targets.tolist() == [0, 1] * 20
    assert rows.frame is None
