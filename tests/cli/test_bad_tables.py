"""Tables that cannot be learnt from are refused in one line that says what, where and how to mend it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import SMALL, TABLE, Cli, Refused

Table = Callable[..., Path]
FIT = (*TABLE, *SMALL)


@pytest.mark.parametrize("command", ["fit", "inspect"])
def test_a_missing_file_names_the_nearest(command: str, table: Table, refused: Refused) -> None:
    path = table()
    line = refused(path.with_name("row.csv"), "--target", "label", command=command)
    assert "row.csv" in line
    assert "Did you mean 'rows.csv'?" in line


def test_an_unknown_data_set_names_the_nearest(refused: Refused) -> None:
    assert "Did you mean 'digits'?" in refused("digit", *SMALL)


@pytest.mark.parametrize("command", ["fit", "inspect"])
def test_a_missing_target_column_names_the_nearest(command: str, table: Table, refused: Refused) -> None:
    line = refused(table(), "--target", "lable", command=command)
    assert "'lable'" in line
    assert "Did you mean 'label'?" in line


def test_a_target_that_is_not_named_lists_the_columns(table: Table, refused: Refused) -> None:
    line = refused(table(), *SMALL)
    assert "--target" in line
    assert "height, weight, colour, label" in line


@pytest.mark.parametrize("option", ["--ignore", "--group"])
def test_a_missing_column_of_an_option(option: str, table: Table, refused: Refused) -> None:
    assert "Did you mean 'colour'?" in refused(table(), *FIT, option, "color")


@pytest.mark.parametrize("content", ["", "\n\n", "height,label\n"])
def test_an_empty_file(content: str, tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(content)
    line = refused(path, *FIT)
    assert "empty.csv" in line
    assert "empty" in line.split("empty.csv", 1)[1] or "no rows" in line


def test_an_empty_parquet_file(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "empty.parquet"
    path.touch()
    assert "empty.parquet is empty" in refused(path, *FIT)


def test_one_class_only(table: Table, refused: Refused) -> None:
    path = table(lambda frame: frame.with_columns(label=pl.lit("only")))
    line = refused(path, *FIT)
    assert "one class only" in line
    assert "'only'" in line


def test_a_target_with_missing_values_names_the_first_row(table: Table, refused: Refused) -> None:
    path = table(lambda frame: frame.with_columns(label=pl.when(pl.int_range(pl.len()) != 4).then("label")))
    line = refused(path, *FIT)
    assert "no value in 1 of 240 rows" in line
    assert "row 5" in line


@pytest.mark.parametrize("command", ["fit", "inspect"])
def test_infinity_names_column_and_row(command: str, table: Table, refused: Refused) -> None:
    path = table(lambda f: f.with_columns(height=pl.when(pl.int_range(pl.len()) == 7).then(np.inf).otherwise("height")))
    line = refused(path, "--target", "label", command=command)
    assert "'height' is infinite in row 8" in line


def test_nan_is_a_missing_value(table: Table, cli: Cli, tmp_path: Path) -> None:
    ninth = pl.int_range(pl.len()) % 9 == 0
    path = table(lambda frame: frame.with_columns(height=pl.when(ninth).then(np.nan).otherwise("height")))
    got = cli("fit", path, *FIT, "--out", tmp_path / "run")
    assert got.code == 0
    assert got.notes == []


def test_constant_and_empty_columns_are_dropped_and_named(table: Table, cli: Cli, tmp_path: Path) -> None:
    path = table(lambda frame: frame.with_columns(same=pl.lit(3), nothing=pl.lit(None, dtype=pl.Float64)))
    got = cli("fit", path, *FIT, "--out", tmp_path / "run")
    assert got.code == 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "is constant in the training rows" in page
    assert "has no value in the training rows" in page
    for notes in (got.notes, cli("inspect", path, "--target", "label").notes):
        assert notes == [
            "Left out: same (is constant in the training rows ('3')); nothing (has no value in the training rows)."
        ]


def test_a_class_with_one_sample_is_a_warning(table: Table, cli: Cli, tmp_path: Path) -> None:
    first = pl.int_range(pl.len()) == 0
    path = table(lambda frame: frame.with_columns(label=pl.when(first).then(pl.lit("lone")).otherwise("label")))
    got = cli("fit", path, *FIT, "--out", tmp_path / "run")
    assert got.code == 0
    assert got.notes == ["Class 'lone' has one sample: kept in training, absent from validation and test."]
    assert "lone" in (tmp_path / "run" / "report.html").read_text()


def test_duplicate_column_names(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("age,age,label\n" + "1,2,a\n2,1,b\n" * 50)
    assert "more than one column is called 'age'" in refused(path, *FIT)


def test_ragged_rows_name_the_line(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("age,size,label\n1,2,a\n2,1,b,c\n")
    line = refused(path, *FIT)
    assert "row 2 (line 3) has 4 fields where the header has 3" in line


@pytest.mark.parametrize(("encoding", "words"), [("latin-1", "is not UTF-8"), ("utf-16", "UTF-16")])
def test_a_wrong_encoding_says_how_to_convert(encoding: str, words: str, tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("größe,label\n1,a\n2,b\n".encode(encoding))
    line = refused(path, "--target", "label")
    assert words in line
    assert "iconv" in line


def test_multi_label_targets_name_an_alternative(table: Table, refused: Refused) -> None:
    labels = pl.Series("label", ["a", "b", "a;b", "b;c", "c", "a;c"] * 40)
    line = refused(table(lambda frame: frame.with_columns(labels)), *FIT)
    assert "several labels a row" in line
    assert "train one model a label" in line


def test_several_target_columns_name_an_alternative(table: Table, refused: Refused) -> None:
    assert "train one model for each" in refused(table(), "--target", "label,colour")


def test_regression_targets_name_an_alternative(table: Table, refused: Refused) -> None:
    line = refused(table(), "--target", "height")
    assert "quantity" in line
    assert "regressor" in line


def test_ordinal_targets_are_a_note(table: Table, cli: Cli, tmp_path: Path) -> None:
    grades = pl.col("label").replace({"common": "low", "middling": "medium", "rare": "high"})
    got = cli("fit", table(lambda frame: frame.with_columns(label=grades)), *FIT, "--out", tmp_path / "run")
    assert got.code == 0
    assert len(got.notes) == 1
    assert "treated as unordered" in got.err


def test_as_many_classes_as_rows(table: Table, refused: Refused) -> None:
    names = pl.Series("label", [f"person {row}" for row in range(240)])
    line = refused(table(lambda frame: frame.with_columns(names)), *FIT)
    assert "as many classes as rows" in line


def test_a_suffix_that_is_no_table(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "rows.feather"
    path.write_bytes(b"ARROW1")
    assert "no table that can be read" in refused(path, *FIT)


def test_a_gzipped_table_that_is_none_or_was_cut(tmp_path: Path, refused: Refused) -> None:
    packed = gzip.compress(b"a,label\n" + b"1,x\n2,y\n" * 300)
    for content in (b"a,label\n1,x\n", packed[:-9], packed[:20] + b"\xff" + packed[21:]):
        path = tmp_path / "rows.csv.gz"
        path.write_bytes(content)
        assert "cannot be unpacked" in refused(path, *FIT)


def test_no_column_left_to_learn_from(table: Table, refused: Refused) -> None:
    assert "no column is left to learn from" in refused(table(), *FIT, "--ignore", "height", "weight", "colour")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros((30, 2))}, "it needs x and y"),
        ({"x": np.zeros((30, 2)), "y": np.zeros(20)}, "the same rows in the same order"),
        ({"x": np.zeros((30, 2)), "y": np.eye(3)[np.arange(30) % 3]}, "one-hot"),
        ({"x": np.array([[{}]] * 4, dtype=object), "y": np.arange(4) % 2}, "Python objects"),
    ],
)
def test_arrays_that_do_not_fit(arrays: dict[str, np.ndarray], words: str, tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "arrays.npz"
    np.savez(path, **arrays)
    assert words in refused(path, *SMALL)
