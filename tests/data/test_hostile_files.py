"""Files that would hurt: each is read as what it is, or refused in one line, soon and without much memory."""

from __future__ import annotations

import io
import os
import platform
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tailtune.advice.facts import facts_of_dataset
from tailtune.data import memory
from tailtune.data.dataset import Dataset
from tailtune.data.frames import column_series
from tailtune.data.image_listing import every_image, list_images
from tailtune.data.npz import read_arrays
from tailtune.data.open import open_dataset, open_for_prediction
from tailtune.data.schema import read_schema
from tailtune.data.table_preprocessor import TablePreprocessor, row_numbers
from tailtune.data.tables import parse_csv, read_table
from tailtune.errors import TailtuneError
from tailtune.settings import Reading

ROWS = pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0] * 5, "y": ["a", "b"] * 10})
FITTED = TablePreprocessor.fit(ROWS, target="y")


@pytest.mark.parametrize("name", ["v[1]", "v*", "v?", "v #%41", "{a,b}", "s3:", "a=1"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_file_name_is_no_pattern(name: str, suffix: str, tmp_path: Path) -> None:
    for other in ("v1", "v2", "va"):
        ROWS.head(1).write_parquet(tmp_path / f"{other}.parquet")
    content = io.BytesIO()
    ROWS.write_parquet(content) if suffix == ".parquet" else ROWS.write_csv(content)
    (tmp_path / f"{name}{suffix}").write_bytes(content.getvalue())
    assert read_table(tmp_path / f"{name}{suffix}").shape == ROWS.shape


def test_a_long_file_name(tmp_path: Path) -> None:
    with pytest.raises(TailtuneError, match=r"File name too long; give it a shorter name$"):
        open_dataset(Reading(str(tmp_path / ("x" * 300 + ".csv")), target="y"))


def test_a_pipe_is_no_file_and_is_not_its_own_neighbour(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.csv")
    with pytest.raises(TailtuneError, match=r"rows\.csv is a pipe, not a file"):
        open_dataset(Reading(str(tmp_path / "rows.csv"), target="y"))


def test_many_blank_lines_above_the_header() -> None:
    frame = parse_csv(b"\n" * 70_000 + b" \n\t\na;b\n1;2\n", "rows.csv")
    assert (frame.columns, frame.height) == (["a", "b"], 1)
    with pytest.raises(TailtuneError, match=r"row 1 \(line 5\) has 1 field"):
        parse_csv(b"\n\n\na,b\n1\n", "rows.csv")


def test_nested_columns_where_text_is_expected() -> None:
    fitted = TablePreprocessor.fit(pl.DataFrame({"colour": ["red", "blue"] * 3, "size": [1, 2, 3, 4, 5, 6]}))
    for frame in (
        pl.DataFrame({"colour": [["red"]], "size": [1]}),
        pl.DataFrame({"colour": ["red"], "size": [{"cm": 1}]}),
        pl.DataFrame({"colour": [b"\xff"], "size": [1]}),
    ):
        with pytest.raises(TailtuneError, match=r"column '(colour|size)' holds values of type"):
            fitted.encode(frame)


@pytest.mark.parametrize("unit", ["ms", "us"])
def test_times_outside_the_calendar(unit: str) -> None:
    frame = pl.DataFrame({"t": pl.Series([2**62, 0], dtype=pl.Int64).cast(pl.Datetime(unit))})
    with pytest.raises(TailtuneError, match=r"column 't' holds times outside the years 1 to 9999"):
        read_schema(frame, row_numbers(2), {})
    long = pl.DataFrame({"d": pl.Series([2**62, 0], dtype=pl.Int64).cast(pl.Duration(unit))})
    assert read_schema(long, row_numbers(2), {}).columns[0].kind == "numeric"


def test_denormal_numbers_and_numbers_whose_squares_are_not() -> None:
    fitted = TablePreprocessor.fit(pl.DataFrame({"x": [5e-324, 1e-323, -5e-324, 0.0] * 5, "z": [1.0, 2.0] * 10}))
    numeric = fitted.encode(pl.DataFrame({"x": [1e-320, None], "z": [1.0, 2.0]}))[0]
    assert np.isfinite(numeric.numpy()).all()
    with pytest.raises(TailtuneError, match=r"column 'x' is 1e\+308, which is too large, in row 1"):
        TablePreprocessor.fit(pl.DataFrame({"x": [1e308, 1.0]}))


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    beyond = np.array([[0x110000], [97]] * 5, dtype="<u4").view("<U1")
    for x in (np.array([["\udcff"], ["a"]] * 5), np.array([[b"\xff"], [b"a"]] * 5), beyond, beyond.astype(">U1")):
        np.savez(tmp_path / "x.npz", x=x, y=np.arange(10) % 2)
        with pytest.raises(TailtuneError, match="'f0' holds text that is not UTF-8"):
            open_dataset(Reading(str(tmp_path / "x.npz")))


def test_long_doubles_beyond_doubles_are_refused_as_infinite(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.full((10, 1), np.longdouble("1e400")), y=np.arange(10) % 2)
    with pytest.raises(TailtuneError, match="'f0' is infinite"):
        open_dataset(Reading(str(tmp_path / "x.npz")))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="long doubles of 80 bits")
def test_a_signalling_nan_is_a_missing_value() -> None:
    signalling = np.frombuffer(bytes([1, 0, 0, 0, 0, 0, 0, 0x80, 0xFF, 0x7F, 0, 0, 0, 0, 0, 0]), dtype=np.longdouble)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(column_series("x", signalling).to_numpy()).all()


def test_a_column_with_a_signalling_nan_is_read_without_a_warning() -> None:
    signalling = np.array([1.0, 2.0, 3.0] * 5)
    signalling.view(np.uint64)[-1] = 0x7FF0000000000001  # np.nanmin takes it for the smallest where it is the last
    frame = pl.DataFrame([column_series("x", signalling)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        column = read_schema(frame, row_numbers(15), {}).columns[0]
    assert (column.kind, column.missing) == ("numeric", True)


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def array(shape: tuple[int, ...], content: bytes = b"", dtype: str = "<f8") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": dtype})
    return file.getvalue() + content


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"x.npy": array((10**15, 3))}, r"'x' is damaged: its header states shape \(1000000000000000, 3\), and 0"),
        ({"x.npy": array((-1, 3))}, "'x' is damaged"),
        ({"x.npy": array((2, 3), bytes(8))}, "'x' is damaged"),
        ({"x.npy": b"hello"}, "'x' is no NumPy array"),
        ({"notes.txt": b"hello"}, "'notes.txt' is no NumPy array"),
        ({"x.npy": array((1,), bytes(8), "|O")}, "Python objects"),
        ({"x.npy": array((1,), bytes(8)), "X.npy": array((1,), bytes(8))}, "2 arrays called 'x'"),
        ({"x.npy": b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((("}, "damaged"),
    ],
)
def test_archives_of_what_is_no_array(members: dict[str, bytes], told: str, tmp_path: Path) -> None:
    with pytest.raises(TailtuneError, match=told):
        read_arrays(archive(tmp_path / "x.npz", members))


def test_an_encrypted_archive(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.npz", {"x.npy": array((1,), bytes(8))})
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    path.write_bytes(content)
    with pytest.raises(TailtuneError, match="'x' is encrypted"):
        read_arrays(path)


def test_every_flipped_byte_of_an_archive_is_read_or_refused(tmp_path: Path) -> None:
    whole = archive(tmp_path / "x.npz", {"x.npy": array((2, 2), bytes(32))}).read_bytes()
    refused = 0
    for place in range(len(whole)):
        (tmp_path / "x.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read_arrays(tmp_path / "x.npz")
        except TailtuneError:
            refused += 1
    assert refused > len(whole) / 2


def test_a_small_archive_of_more_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path / "x.npz", {"x.npy": array((1000, 1000), bytes(8_000_000))})
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000_000)
    with pytest.raises(TailtuneError, match=r"x\.npz need 0\.0 GB of memory, 0\.0 GB are free"):
        read_arrays(path)


@pytest.mark.parametrize("read", [open_dataset, lambda reading: open_for_prediction(reading.data, FITTED, ("a", "b"))])
def test_an_archive_without_x_is_refused_by_its_names(
    read: Callable[[Reading], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "x.npz", {"z.npy": array((1000, 1000), bytes(8_000_000))})
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(TailtuneError, match="holds the arrays z; "):
        read(Reading(str(path)))


def test_a_small_parquet_file_of_more_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pl.DataFrame({"x": np.zeros(100_000)}).write_parquet(tmp_path / "x.parquet")
    monkeypatch.setattr(memory, "available_memory", lambda: 1_000_000)
    with pytest.raises(TailtuneError, match=r"100,000 cells of .*x\.parquet need"):
        read_table(tmp_path / "x.parquet")


def test_more_classes_than_their_confusions_have_room_for() -> None:
    names = tuple(map(str, range(1_000_000)))
    with pytest.raises(TailtuneError, match=r"the confusions of 1,000,000 classes need 32,000\.0 GB"):
        Dataset("table", "x", names, None, None, None, None, "given", "")  # type: ignore[arg-type]


def test_thousands_of_columns_take_seconds() -> None:
    rng = np.random.default_rng(0)
    columns = {f"c{j}": rng.normal(size=12).astype(str) for j in range(2000)}
    begun = time.process_time()
    fitted = TablePreprocessor.fit(pl.DataFrame(columns))
    fitted.encode(pl.DataFrame(columns))
    assert len(fitted.columns) == 2000
    assert time.process_time() - begun < 2


def test_a_look_at_twenty_thousand_columns_takes_seconds(tmp_path: Path) -> None:
    rng, wide = np.random.default_rng(0), tmp_path / "wide.csv"
    lines = [",".join([*(f"c{j}" for j in range(20_000)), "y"])]
    lines += [",".join([*map(str, rng.normal(size=20_000).round(3)), "ab"[row % 2]]) for row in range(12)]
    wide.write_text("\n".join(lines))
    begun, reading = time.process_time(), Reading(str(wide), target="y")
    assert len(facts_of_dataset(open_dataset(reading), reading).columns) == 20_000
    assert time.process_time() - begun < 60  # anything that looks at the whole table for each column takes ten minutes


def test_numbers_are_read_at_once_as_one_by_one() -> None:
    texts = ["1", "01", "1.50", " 2", "?", "nan", None, "inf", "-", "x", "1e5"]
    for size in (2, 3):
        for start in range(len(texts) - size):
            column = pl.Series("c", [*texts[start : start + size], "7", "8"], dtype=pl.String)
            alone = pl.DataFrame({"c": column, "other": ["u", "v", "u", "v", "u"][: len(column)]})
            spaced = alone.with_columns(pl.format(" {}", "c").alias("c"))  # not plain, so read one by one
            found = []
            for frame in (alone, spaced):
                try:
                    found.append(TablePreprocessor.fit(frame).columns)
                except TailtuneError as error:
                    found.append(str(error))
            assert found[0] == found[1]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for row in range(3):
            Image.new("L", (4, 4), row).save(tmp_path / "pictures" / name / f"{row}.png")
    return tmp_path / "pictures"


def test_links_in_a_circle(pictures: Path) -> None:
    (pictures / "cat" / "again").symlink_to(pictures, target_is_directory=True)
    for read in (list_images, every_image):
        with pytest.raises(TailtuneError, match="leads by a link to a folder that is read already; remove the link"):
            read(pictures)


def test_a_link_to_itself(pictures: Path) -> None:
    (pictures / "cat" / "self.png").symlink_to(pictures / "cat" / "self.png")
    with pytest.raises(TailtuneError, match=r"self\.png: Too many levels of symbolic links; mend the links"):
        list_images(pictures)


def test_a_name_that_is_not_utf_8(pictures: Path) -> None:
    (pictures / "cat" / os.fsdecode(b"\xff.png")).write_bytes(b"")
    with pytest.raises(TailtuneError, match=r"cat: the name '\\udcff\.png' is not UTF-8; rename it"):
        list_images(pictures)
