from __future__ import annotations

import gzip

import polars as pl
import pytest

from tailtune.data.tables import parse_csv, read_table, sniff_delimiter
from tailtune.errors import TailtuneError


def refusal(path) -> str:
    with pytest.raises(TailtuneError) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def written(tmp_path, content, name="people.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_fields_come_as_text_with_none_where_empty(tmp_path):
    path = written(tmp_path, 'name, age\n"Smith, J",\n\nDoe,007\n')
    assert read_table(path).to_dict(as_series=False) == {"name": ["Smith, J", "Doe"], "age": [None, "007"]}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_delimiter_is_found(tmp_path, delimiter):
    text = "a,b,c\n1,x y,2\n3,z,4\n".replace(",", delimiter)
    assert read_table(written(tmp_path, text)).to_dict(as_series=False) == {
        "a": ["1", "3"],
        "b": ["x y", "z"],
        "c": ["2", "4"],
    }


def test_commas_in_quotes_or_numbers_do_not_deceive():
    assert sniff_delimiter('a;b\n"1,2,3";4\n') == ";"
    assert sniff_delimiter('a,b\n"x;y;z",1\n"x;y",2\n') == ","
    assert sniff_delimiter("only\n1\n") == ","


def test_decimal_commas_of_semicolon_files_become_points():
    frame = parse_csv(b"size;name;count\n1,5;a,b;3\n-0,25;c;4\n", "x.csv")
    assert frame["size"].to_list() == ["1.5", "-0.25"]
    assert frame["name"].to_list() == ["a,b", "c"]


def test_byte_order_mark_and_windows_line_ends(tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbfa,b\r\n1,\xc3\xa9\r\n")
    assert read_table(path).to_dict(as_series=False) == {"a": ["1"], "b": ["é"]}


@pytest.mark.parametrize("name", ["people.csv.gz", "people.TSV.GZ"])
def test_gzipped_files_are_read_as_the_plain_ones(tmp_path, name):
    text = b"a;b\n1,5;x\n2,5;y\n"
    plain, packed = written(tmp_path, text), written(tmp_path, gzip.compress(text), name)
    assert read_table(packed).equals(read_table(plain))


def test_long_tables_are_read_whole():
    text = "a,b\n" + "".join(f"{i},x\n" for i in range(120_000))
    assert parse_csv(text.encode(), "x.csv")["a"].cast(pl.Int64).to_list() == list(range(120_000))


def test_parquet_keeps_types(tmp_path):
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"]})
    frame.write_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").equals(frame)


def test_missing_file_suggests_the_nearest(tmp_path):
    written(tmp_path, "a\n1\n")
    assert "no file poeple.csv" in refusal(tmp_path / "poeple.csv")
    assert "Did you mean 'people.csv'?" in refusal(tmp_path / "poeple.csv")
    assert "does not exist" in refusal(tmp_path / "nowhere" / "people.csv")
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize("content", ["", " \n\n", b"\xef\xbb\xbf"])
def test_empty_file(tmp_path, content):
    assert "people.csv is empty" in refusal(written(tmp_path, content))


def test_header_only(tmp_path):
    assert "header line but no rows" in refusal(written(tmp_path, "a,b\n"))


def test_duplicate_column_names_are_named(tmp_path):
    assert "more than one column is called 'a', 'c'; rename it" in refusal(written(tmp_path, "a,b,a,c,c\n1,2,3,4,5\n"))
    assert "is the header line missing?" in refusal(written(tmp_path, "1,0,0\n2,1,1\n"))


def test_ragged_rows_name_row_and_line(tmp_path):
    message = refusal(written(tmp_path, 'a,b\n1,"two\nlines"\n\n1,2,3\n'))
    assert "row 2 (line 5) has 3 fields where the header has 2" in message
    assert "row 1 (line 2) has 1 field" in refusal(written(tmp_path, "a,b\n1\n2,3\n"))


def test_wrong_encoding_names_byte_and_line(tmp_path):
    message = refusal(written(tmp_path, "name,n\nAndré,1\n".encode("latin-1")))
    assert "byte 11 in line 2 is not UTF-8" in message
    assert "iconv" in message
    assert "UTF-16" in refusal(written(tmp_path, "a,b\n1,2\n".encode("utf-16")))
    assert "zero bytes" in refusal(written(tmp_path, b"a,b\n1,\x00\n"))


def test_open_quote(tmp_path):
    assert "a quote in row 1 is never closed" in refusal(written(tmp_path, 'a,b\n1,"2\n3,4\n'))


def test_damaged_or_empty_parquet(tmp_path):
    assert "cannot be read as Parquet" in refusal(written(tmp_path, "a,b\n1,2\n", "t.parquet"))
    assert "is empty" in refusal(written(tmp_path, "", "t.parquet"))
    pl.DataFrame({"a": pl.Series([], dtype=pl.Int64)}).write_parquet(tmp_path / "none.parquet")
    assert "no rows" in refusal(tmp_path / "none.parquet")


def test_other_suffix(tmp_path):
    assert "give a .csv or .tsv" in refusal(written(tmp_path, "x", "table.feather"))
    assert "is a spreadsheet; save the sheet" in refusal(written(tmp_path, "x", "table.XLSX"))
