from __future__ import annotations

import datetime
import re

import numpy as np
import polars as pl
import pytest

from tailtune.data.schema import read_schema
from tailtune.data.table_preprocessor import row_numbers
from tailtune.errors import TailtuneError

N = 200


def schema(**columns):
    frame = pl.DataFrame(columns, strict=False)
    return read_schema(frame, row_numbers(frame.height), {})


def kind(values):
    found = schema(x=values)
    return found.columns[0].kind if found.columns else found.left_out[0].why


def cycle(*values):
    return [values[i % len(values)] for i in range(N)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (cycle(1.5, 2.5), "numeric"),
        (cycle(1, 2, 3), "numeric"),
        (cycle("1", "2.5e3", "?", " -4 "), "numeric"),
        (cycle("1", "NA", "null", "none", "-", "7"), "numeric"),
        (cycle("01234", "12345"), "categorical"),
        (cycle("a", "b", None), "categorical"),
        (cycle("none", "some"), "categorical"),
        (cycle(0, 1), "boolean"),
        (cycle(0.0, 1.0, None), "boolean"),
        (cycle("yes", "No"), "boolean"),
        (cycle("yes", "Yes", "YES", "no"), "boolean"),
        (cycle("True", "false", ""), "boolean"),
        (cycle("T", "F", None), "boolean"),
        (cycle(True, False), "boolean"),
        (cycle("2020-01-02", "2020-03-04", None), "date"),
        (cycle("2020-01-02T10:00:00Z", "2020-03-04 11:30"), "date"),
        (cycle(datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)), "date"),
        (cycle(datetime.timedelta(1), datetime.timedelta(2)), "numeric"),
        (cycle("2020-01-02", "soon"), "categorical"),
    ],
)
def test_kinds(values, expected):
    assert kind(values) == expected


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (cycle(3), r"constant in the training rows \(3\)"),
        (cycle("x"), "constant"),
        (cycle(None), "no value"),
        (cycle("?", ""), "no value"),
        (cycle(float("nan")), "no value"),
        ([f"key {i}" for i in range(N)], "identifier: 200 of 200 rows have a value that no other row has; .* --keep x"),
        ([f"key {i % 190}" for i in range(N)], "180 of 200 rows have a value that no other row has"),
        ([f"{i % 70} is a sentence, " * 5 for i in range(N)], "is text; --text hash makes numbers of its words"),
        ([f"{i % 28 + 1:02}/0{i % 8 + 1}/{i % 90:02}" for i in range(N)], "write it as YYYY-MM-DD"),
        ([[1]] * N, "cannot use values of type List"),
    ],
)
def test_useless_columns_are_left_out_with_the_reason(values, reason):
    found = schema(x=values)
    assert found.columns == ()
    assert found.left_out[0].what == "x"
    assert re.search(reason, found.left_out[0].why)


@pytest.mark.parametrize("name", ["id", "ID", "user_id", "PassengerId", "unnamed_1", "row.index"])
def test_distinct_whole_numbers_are_an_identifier_if_named_so(name):
    assert schema(**{name: range(N)}).left_out[0].why == "is an identifier: every row has another number"
    assert [column.name for column in schema(**{name: np.arange(N) + 0.5}).columns] == [name]
    assert [column.name for column in schema(number=range(N)).columns] == ["number"]


def test_categories_of_more_levels_than_codes_are_told_by_statistics():
    assert kind([f"key {i % 150}" for i in range(N)]) == "many"
    assert kind([f"key {i % 300}" for i in range(9000)]) == "many"
    assert kind([f"key {i % 250}" for i in range(9000)]) == "categorical"
    often = [f"key {max(0, i - 120)}" for i in range(600)]
    found = schema(x=often + often)
    assert (found.columns[0].kind, found.columns[0].levels) == ("many", ("key 0",))


def test_sentences_are_text_and_names_are_identifiers():
    sentences = [f"the order {i} came late" for i in range(N)]
    frame = pl.DataFrame({"note": sentences, "name": [f"Ada Lovelace{i}" for i in range(N)]})
    left = read_schema(frame, row_numbers(N), {}).left_out
    assert [why.why.split(";")[0].split(":")[0] for why in left] == ["is text", "is an identifier"]
    (column,) = read_schema(frame, row_numbers(N), {}, text="hash").columns
    assert (column.name, column.kind) == ("note", "text")
    assert read_schema(frame, row_numbers(N), {}, ["note"], "hash").columns[0].kind == "many"


def test_columns_to_keep_are_categories_whatever_they_look_like():
    frame = pl.DataFrame({"user_id": range(N), "number": [i % 60 for i in range(N)], "site": ["x"] * N})
    found = read_schema(frame, row_numbers(N), {}, ("user_id", "number", "site"))
    assert [(column.name, column.kind) for column in found.columns] == [("user_id", "many"), ("number", "categorical")]
    assert found.left_out[0].what == "site"


def test_repeating_identifier_is_suggested_as_group():
    found = schema(patient_id=[i // 2 for i in range(N)])
    assert found.columns[0].kind == "numeric"
    assert "--group patient_id" in found.warnings[0]


@pytest.mark.parametrize(
    ("values", "expected", "form"),
    [
        (cycle("1,234,567.8", "12", "?"), "numeric", "1,234.5"),
        (cycle("1.234.567,8", "12", None), "numeric", "1.234,5"),
        (cycle("$1,200", "$ 950"), "numeric", "1,234.5"),
        (cycle("-12,5 €", "1.250 €"), "numeric", "1.234,5"),
        (cycle("5%", "12.5 %"), "numeric", "1,234.5"),
        (cycle("5%", "0.05"), "categorical", ""),
        (cycle("$5", "€5"), "categorical", ""),
        (cycle("1,234", "2345"), "categorical", ""),
        (cycle("1,234", "1.234"), "categorical", ""),
        (cycle("1,2,3", "4"), "categorical", ""),
        (cycle("31.12.2024", "1.2.2024"), "date", "DD/MM/YYYY"),
        (cycle("12/31/2024 5:30 PM", "2/1/2024 12:05 AM", ""), "date", "MM/DD/YYYY"),
        (cycle("31/12/2024 17:30:05", "01/02/2024 00:05:00"), "date", "DD/MM/YYYY"),
        (cycle("1/2/2024", "3/4/2024"), "categorical", ""),
        (cycle("31/12/2024", "12/31/2024"), "categorical", ""),
    ],
)
def test_numbers_and_dates_are_read_as_people_write_them_where_a_column_tells(values, expected, form):
    found = schema(x=values)
    assert (found.columns[0].kind, found.columns[0].form) == (expected, form)
    assert bool(form) == any(f"written like {form}" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (cycle("1/2/2024", "3/4/2024"), "looks like dates of which no day is above 12"),
        (cycle("31/12/2024", "12/31/2024"), "some begin with the day and others with the month"),
        (cycle("1,234", "2345"), "looks like numbers of which a comma or a point may stand between thousands"),
        (cycle("$5", "€5"), "units are mixed; write 1234.5"),
    ],
)
def test_what_may_mean_two_things_stays_text_and_is_said(values, said):
    assert any(said in warning for warning in schema(x=values).warnings)
    assert schema(x=cycle("a", "b")).warnings == ()


def test_a_few_words_among_numbers_are_missing_however_many_they_are():
    values = [str(i % 80) if i % 15 else f"word {i}" for i in range(N)]
    found = schema(x=values)
    assert (found.columns[0].kind, len(found.columns[0].stray)) == ("numeric", 14)
    assert "'word 0', 'word 105'" in found.warnings[0]
    assert "and 9 more" in found.warnings[0]
    assert "--keep x reads it as a category" in found.warnings[0]


def test_common_words_for_missing_among_few_numbers_are_missing():
    found = schema(x=cycle("1", "2", "Unknown", "n.a."))
    assert (found.columns[0].kind, found.columns[0].stray) == ("numeric", ("Unknown", "n.a."))
    assert kind(cycle("1", "2", "other")) == "categorical"


def test_stray_text_among_numbers_is_missing_and_said():
    values = [str(i % 80) if i % 50 else "unknown" for i in range(N)]
    found = schema(x=values)
    assert (found.columns[0].kind, found.columns[0].stray, found.columns[0].missing) == ("numeric", ("unknown",), True)
    assert "'unknown'" in found.warnings[0]


def test_infinity_names_column_and_row():
    with pytest.raises(TailtuneError, match=r"column 'x' is infinite in row 3 \(1 of 4 rows\)"):
        schema(x=[1.0, 2.0, float("-inf"), 4.0])
    with pytest.raises(TailtuneError, match="column 'x' is infinite in row 2"):
        schema(x=["1", "inf", "3"])


def test_dates_give_the_features_that_vary():
    days = [f"2021-03-{i % 28 + 1:02}" for i in range(N)]
    assert schema(x=days).columns[0].features == ("days", "weekday")
    times = [datetime.datetime(2021, 1, 4) + datetime.timedelta(hours=i * 7) for i in range(N)]
    assert schema(x=times).columns[0].features == ("days", "month", "weekday", "hour")


def test_excluded_columns_are_reported_unless_they_are_the_target():
    frame = pl.DataFrame({"y": [0, 1], "g": ["a", "b"], "x": [1, 2]})
    found = read_schema(frame, row_numbers(2), {"y": "", "g": "group"})
    assert [column.name for column in found.columns] == ["x"]
    assert [(left.what, left.why) for left in found.left_out] == [("g", "group")]
