"""Columns and file names that look like a group or a time, and such that do not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tailtune.leaks.names import group_columns, group_of_files, time_columns

RNG = np.random.default_rng(0)
N = 400


def groups(name: str, values: Any) -> list[str]:
    frame = pl.DataFrame({name: values, "x": RNG.normal(size=N)})
    return [group.name for group in group_columns(frame[:300], frame[300:])]


@pytest.mark.parametrize(
    "name", ["patient", "patient_id", "PatientID", "lesion_id", "customer no", "Track", "subjects", "video_name"]
)
def test_a_column_named_like_a_group_whose_values_repeat(name: str) -> None:
    assert groups(name, RNG.integers(0, 60, N)) == [name]
    assert groups(name, [f"p{k}" for k in RNG.integers(0, 60, N)]) == [name]
    assert groups(name, np.arange(N)) == []  # another in every row
    assert groups(name, RNG.integers(0, 4, N)) == []  # a few kinds
    assert groups(name, np.arange(N) // 4 if N % 4 else np.repeat(np.arange(N // 4), 4)) == []  # parts share none


@pytest.mark.parametrize("name", ["age", "impatient", "soundtrack_length", "users_count", "paid", "width", "category"])
def test_other_names_are_no_groups(name: str) -> None:
    assert groups(name, RNG.integers(0, 60, N)) == []


def test_an_identifier_of_an_unknown_kind_is_a_guess_where_it_has_many_values() -> None:
    frame = pl.DataFrame({"shop_id": RNG.integers(0, 100, N), "region_id": RNG.integers(0, 12, N)})
    (found,) = group_columns(frame[:300], frame[300:])
    assert (found.name, found.sure) == ("shop_id", False)
    known = set(frame["shop_id"][:300])
    assert found.shared.tolist() == [value in known for value in frame["shop_id"][300:]]


def test_missing_values_are_no_group() -> None:
    frame = pl.DataFrame({"patient": [None] * N, "user": ["", *["u"] * (N - 1)]})
    assert group_columns(frame[:300], frame[300:]) == []


def test_dates_that_are_split_at_random() -> None:
    days = [date(2024, 1, 1) + timedelta(int(k)) for k in RNG.permutation(N)]
    frame = pl.DataFrame(
        {
            "when": days,
            "written": [str(day) for day in days],
            "timestamp": [(day - date(1970, 1, 1)).days for day in days],
            "birth_date": days,
            "amount": RNG.normal(size=N),
            "holiday": RNG.integers(0, 2, N),
        }
    )
    assert time_columns(frame[:300], frame[300:]) == ["when", "timestamp"]
    assert time_columns(frame[:300], frame[300:], {"written"}) == ["when", "written", "timestamp"]
    late = frame.sort("when")
    assert time_columns(late[:300], late[300:], {"written"}) == []  # the past trains, the future tests


def paths(form: str, groups: int, each: int = 6) -> list[str]:
    return [form.format(g=g, n=n, k="ab"[g % 2]) for g in range(groups) for n in range(each)]


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("{k}/{g:05d}_{n:05d}.png", "([^/]+)[_ -][^/]*$"),
        ("train/{k}/left-{g}-frame{n}.jpg", "([^/]+)[_ -][^/]*$"),
        ("{k}/patient{g}/{n}.png", "parent"),
        ("{k}/img_{n}{g}.png", None),  # one beginning for all
        ("{k}/{k}_{n}{g}.png", None),  # that of the class
        ("{k}/ISIC_00{g}{n}.png", None),
        ("{k}/{g}{n}.png", None),
        ("x[{g}]", None),
    ],
)
def test_names_of_files(form: str, pattern: str | None) -> None:
    every = paths(form, 30)
    found = group_of_files(every[::2], every[1::2], ["a", "b"])
    assert (found and found.name) == pattern
    if found is not None:
        assert found.groups == 30
        assert found.shared.all()


def test_files_of_which_no_group_is_in_two_parts() -> None:
    every = paths("{k}/{g:05d}_{n:05d}.png", 30)
    assert group_of_files(every[:120], every[120:], ["a", "b"]) is None


def test_alike_pictures_show_what_belongs_together_even_of_few_tracks() -> None:
    every = paths("{k}/{g:05d}_{n:05d}.png", 4)
    known, asked = every[::2], every[1::2]
    assert group_of_files(known, asked, ["a", "b"]) is None
    found = group_of_files(known, asked, ["a", "b"], list(zip(asked, known, strict=True)))
    assert found is not None
    assert found.sure
    assert group_of_files(known, asked, ["a", "b"], list(zip(asked, reversed(known), strict=True))) is None
