"""How people write numbers and dates where they do not write them as Python does, as far as a whole column tells.

`1,234.5` is a number with a comma between thousands and `1.234,5` one with a point there; `31.12.2024` puts the day
first and `12/31/2024` the month. A single value may mean either, so that the form is found from all values of a column,
and kept with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl

Form = Literal["", "1,234.5", "1.234,5", "DD/MM/YYYY", "MM/DD/YYYY"]
"""Empty for numbers and dates as Python writes them."""

STRAY_SHARE = 0.1  # of the values, that may be words among numbers
_UNIT = r"(?:[$€£¥₹%]|(?:USD|EUR|GBP|CHF)\b)"
_NUMBER = rf"^([+-]?)\s*({_UNIT}?)\s*([+-]?[0-9.,]*[0-9])\s*({_UNIT}?)$"
_COMMAS = r"^[+-]?(?:[1-9]\d{0,2}(?:,\d{3})+|\d*)(?:\.\d+)?$"
_POINTS = r"^[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d*)(?:,\d+)?$"
_DATE = r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?:,?\s+(\d{1,2}:\d{2}.*))?$"


def number_form(text: pl.Series) -> Form | None:
    """Return how the numbers of a column are written; None where they are none, or may mean two things.

    Both commas and points may stand between thousands. What tells them apart is a number with both, with two of one
    kind, or with another count than three of digits behind one. Where all have three behind one comma, it stands
    between thousands unless other numbers from 1,000 on have none; for a point, that takes a currency. Values all have
    a percent sign or none has, and currencies are of one kind; either is left out of the number.

    Args:
        text: the values without those that mean "no value" [N].

    >>> import polars as pl
    >>> [number_form(pl.Series(x)) for x in (["1,234.5", "7"], ["€ 12,5"], ["1,234", "950"], ["1,234", "2345"])]
    ['1,234.5', '1.234,5', '1,234.5', None]
    """
    import polars as pl

    if not len(text) or not text.str.contains(rf"[,$€£¥₹%]|\..*\.|{_UNIT}").any():
        return None
    parts = text.to_frame("text").select(
        *(pl.col("text").str.extract(_NUMBER, group).alias(name) for group, name in ((2, "before"), (4, "behind"))),
        pl.col("text").str.extract(_NUMBER, 3).alias("number"),
    )
    read = parts.filter(pl.col("number").is_not_null())
    if len(read) < (1 - STRAY_SHARE) * len(text) or not _one_unit(read):
        return None
    numbers = read["number"]
    commas, points = numbers.str.contains(_COMMAS).all(), numbers.str.contains(_POINTS).all()
    if commas != points:
        return "1,234.5" if commas else "1.234,5"
    if not commas:
        return None
    comma, point = numbers.str.contains(",", literal=True).any(), numbers.str.contains(".", literal=True).any()
    bare = numbers.str.contains(r"^[+-]?\d{4,}$").any()
    if not (comma or point):
        return "1,234.5"
    if comma and point:
        return None
    percent = (read["behind"] == "%").any() or (read["before"] == "%").any()
    if point and percent:
        return "1,234.5"
    return None if bare else "1,234.5" if comma else "1.234,5"


def _one_unit(read: pl.DataFrame) -> bool:
    """Whether the numbers are of one unit, which currencies need not say each time."""
    import polars as pl

    units = read.select(pl.concat_str("before", "behind"))["before"].unique().to_list()
    return len([unit for unit in units if unit]) <= 1 and not ("%" in units and "" in units)


def plain_number(text: pl.Expr, form: Form) -> pl.Expr:
    """Return numbers that are written in this form as Python writes them, without unit; None of any other text."""
    import polars as pl

    bare = text.str.replace(_NUMBER, "$1$3")
    plain = bare.str.replace_all(",", "", literal=True)
    if form == "1.234,5":
        plain = bare.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    fits = bare.str.contains(_COMMAS if form == "1,234.5" else _POINTS)
    return pl.when(fits).then(plain)


def date_form(text: pl.Series) -> Form | None:
    """Return which of day and month comes first, from a column [N] in which some day is above 12; else None.

    >>> import polars as pl
    >>> date_form(pl.Series(["1.2.2024", "31.1.2024 10:05"])), date_form(pl.Series(["1/2/2024"]))
    ('DD/MM/YYYY', None)
    """
    ends = _first_and_second(text)
    if ends is None or (ends[0] > 12) == (ends[1] > 12):
        return None
    return "DD/MM/YYYY" if ends[0] > 12 else "MM/DD/YYYY"


def plain_date(text: pl.Expr, form: Form) -> pl.Expr:
    """Return dates that are written in this form year first; other text stays as it is."""
    year_first = "$3-$2-$1 $4" if form == "DD/MM/YYYY" else "$3-$1-$2 $4"
    return text.str.replace(_DATE, year_first).str.strip_chars()


def doubt(text: pl.Series) -> str | None:
    """Return what a column [N] looks like that may mean two things, and how to mend it, in words; else None."""
    import polars as pl

    ends = _first_and_second(text)
    if ends is not None:
        found = "no day is above 12" if max(ends) <= 12 else "some begin with the day and others with the month"
        return f"dates of which {found}, so that days and months cannot be told apart; write YYYY-MM-DD"
    if not len(text) or not text.str.contains(_NUMBER).all() or not text.str.contains(rf"[,.]|{_UNIT}").any():
        return None
    either = pl.col("number").str.contains(_COMMAS) | pl.col("number").str.contains(_POINTS)
    if text.to_frame("text").select(pl.col("text").str.extract(_NUMBER, 3).alias("number")).select(either.all()).item():
        return (
            "numbers of which a comma or a point may stand between thousands or before decimals, or of which units are "
            "mixed; write 1234.5"
        )
    return None


def _first_and_second(text: pl.Series) -> tuple[int, int] | None:
    """Return the greatest first and second number of dates that end with a year; None where a text is no such date."""
    import polars as pl

    if not len(text) or not text.str.contains(_DATE).all():
        return None
    found = text.to_frame("text").select(
        pl.col("text").str.extract(_DATE, group).cast(pl.Int64).max().alias(str(group)) for group in (1, 2)
    )
    return int(found["1"].item()), int(found["2"].item())
