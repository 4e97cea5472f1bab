"""Read tables: CSV, also gzipped, and Parquet files; frames, arrays and lists in memory are in `frames.py`."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tailtune.data.parquet import read_parquet
from tailtune.errors import TailtuneError, nearest
from tailtune.files import naming_files, refuse_special

if TYPE_CHECKING:
    import polars as pl

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
GZIPPED_SUFFIXES = (".csv.gz", ".tsv.gz")
TABLE_SUFFIXES = CSV_SUFFIXES + PARQUET_SUFFIXES + GZIPPED_SUFFIXES
SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")

DELIMITERS = (",", ";", "\t", "|")
_CHUNK = 50_000  # rows that exist as Python strings at the same time
_DECIMAL_COMMA = r"^\s*[+-]?\d+(,\d+)?\s*$"


def read_table(path: str | Path) -> pl.DataFrame:
    """Read a CSV (`.csv`, `.tsv`, `.txt`; gzipped `.csv.gz`, `.tsv.gz`) or Parquet (`.parquet`, `.pq`) file.

    A CSV file is UTF-8 (with or without byte-order mark), has one header line, and is delimited by comma, semicolon,
    tab or bar, which is found out. All its columns come as text, None where a field is empty: `schema.py` decides what
    they are, in one place for every source. Blank lines are skipped. Decimal commas in a file delimited by semicolons
    become points.

    Args:
        path: the file.

    Returns:
        The table; rows keep their order.

    Raises:
        TailtuneError: a missing, empty, ragged, wrongly encoded or damaged file, one without rows, another suffix, or
            a column name that occurs twice.
    """
    path = Path(path)
    with naming_files():
        if not path.is_file():
            _refuse_missing(path)
    name = path.name.lower()
    if name.endswith(PARQUET_SUFFIXES):
        return read_parquet(path)
    if name.endswith(CSV_SUFFIXES):
        with naming_files():
            return parse_csv(path.read_bytes(), str(path))
    if name.endswith(GZIPPED_SUFFIXES):
        return parse_csv(_unzipped(path), str(path))
    if name.endswith(SPREADSHEETS):
        raise TailtuneError(f"{path} is a spreadsheet; save the sheet with the rows as CSV (UTF-8), and give that file")
    raise TailtuneError(f"{path} is no table that can be read; give a {' or '.join(TABLE_SUFFIXES)} file")


def is_table(path: Path) -> bool:
    """Whether a file has the suffix of a table that `read_table` reads.

    >>> is_table(Path("train.CSV")), is_table(Path("train.csv.gz")), is_table(Path("train.gz"))
    (True, True, False)
    """
    return path.name.lower().endswith(TABLE_SUFFIXES)


def _unzipped(path: Path) -> bytes:
    try:
        with naming_files():
            packed = path.read_bytes()
        return gzip.decompress(packed)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise TailtuneError(f"{path} cannot be unpacked ({error}); fetch or pack it anew") from error


def _refuse_missing(path: Path) -> NoReturn:
    if path.is_dir():
        raise TailtuneError(f"{path} is a folder; give one {' or '.join(TABLE_SUFFIXES)} file of it")
    if not path.parent.is_dir():
        raise TailtuneError(f"no file {path}: the folder {path.parent} does not exist")
    refuse_special(path)
    neighbours = [entry.name for entry in path.parent.iterdir()]
    raise TailtuneError(f"no file {path.name} in {path.parent.resolve()}.{nearest(path.name, neighbours)}")


def parse_csv(data: bytes, where: str) -> pl.DataFrame:
    """Parse the bytes of a CSV file, see `read_table`.

    Python's parser reads the rows, so that the check for ragged rows and the table come from one reading.

    Args:
        data: the content of the file.
        where: what messages call the file.

    Returns:
        The table, every column as text.

    Raises:
        TailtuneError: no content, no rows, ragged rows, bytes that are not UTF-8, or duplicate column names.
    """
    import polars as pl

    text = _decode(data, where)
    delimiter = sniff_delimiter(text)
    begin = _first_line(text)
    above = text.count("\n", 0, begin)
    lines = io.StringIO(text, newline="")
    lines.seek(begin)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t")
    try:
        names = check_names([field.strip() for field in next(row for row in reader if row)], where)
        chunks: list[pl.DataFrame] = []
        rows: list[list[str]] = []
        read = 0
        for row in reader:
            if not row or (len(names) > 1 and len(row) == 1 and not row[0].strip()):
                continue
            read += 1
            if len(row) != len(names):
                raise TailtuneError(
                    f"{where}: row {read} (line {above + reader.line_num}) has {_count(len(row), 'field')} where the "
                    f"header has {len(names)}; mend the line, or put quotes around text that holds {_spoken(delimiter)}"
                )
            rows.append(row)
            if len(rows) == _CHUNK:
                chunks.append(_to_columns(rows, names))
                rows = []
    except csv.Error as error:
        raise TailtuneError(
            f"{where}: line {above + reader.line_num} cannot be read ({error}); is a quote left open?"
        ) from error
    if text.count('"') % 2 and rows and any("\n" in field for field in rows[-1]):
        raise TailtuneError(
            f"{where}: a quote in row {read} is never closed; close it, or double a quote that is meant"
        )
    if read == 0:
        raise TailtuneError(f"{where} holds a header line but no rows; add the rows")
    if rows:
        chunks.append(_to_columns(rows, names))
    frame = pl.concat(chunks)
    return _decimal_points(frame) if delimiter == ";" else frame


def _to_columns(rows: list[list[str]], names: list[str]) -> pl.DataFrame:
    import polars as pl

    cells = pl.Series("", list(chain.from_iterable(zip(*rows, strict=True))), dtype=pl.String)
    cells = cells.set(cells == "", None)  # all at once, because a table may have 100,000 columns
    count = len(rows)
    return pl.DataFrame([cells.slice(j * count, count).alias(name) for j, name in enumerate(names)])


def _decimal_points(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    fits = frame.select(pl.all().str.contains(_DECIMAL_COMMA).all() & pl.all().str.contains(",").any())
    return frame.with_columns(pl.col(name).str.replace(",", ".") for name in fits.columns if fits[name].item())


def _decode(data: bytes, where: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise TailtuneError(f"{where} is UTF-16 text, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW")
    if b"\0" in data[:4096]:
        raise TailtuneError(f"{where} holds zero bytes, so it is no text table; export it as CSV in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TailtuneError(
            f"{where}: byte {error.start} in line {line} is not UTF-8; if the file is Latin-1 (Excel, Windows), "
            "convert it: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW"
        ) from error
    if not text.strip():
        raise TailtuneError(f"{where} is empty; it needs a header line and rows")
    return text


def sniff_delimiter(text: str) -> str:
    r"""Return the delimiter of CSV text: of comma, semicolon, tab and bar the one that splits the lines best.

    The one that gives each of the first lines as many fields as the header wins; among several or none of that kind,
    the one with the most fields in the header, then the order above.

    >>> sniff_delimiter("a;b\n1,5;2\n")
    ';'
    """
    begin = _first_line(text)
    head = text[begin : begin + (1 << 16)]
    if len(text) - begin > len(head):
        head = head[: head.rfind("\n") + 1] or head

    def quality(delimiter: str) -> tuple[bool, int]:
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, skipinitialspace=delimiter != "\t")
        try:
            widths = [len(row) for row, _ in zip((row for row in reader if row), range(50), strict=False)]
        except csv.Error:
            return False, 0
        return bool(widths) and widths[0] > 1 and len(set(widths)) == 1, max(widths[:1], default=0)

    return max(DELIMITERS, key=quality)


def _first_line(text: str) -> int:
    """Where the first line begins that is not blank."""
    blank = re.match(r"(?:[^\S\r\n]*+[\r\n])*+", text)
    return 0 if blank is None else blank.end()


def check_names(names: list[str], where: str) -> list[str]:
    """Return the column names, nameless ones as `unnamed_<position>`.

    Raises:
        TailtuneError: a name that occurs twice.

    >>> check_names(["", "age"], "people.csv")
    ['unnamed_1', 'age']
    """
    names = [name or f"unnamed_{position}" for position, name in enumerate(names, start=1)]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        hint = "is the header line missing?" if all(re.fullmatch(r"[\d.,+-]+", name) for name in twice) else "rename it"
        listed = ", ".join(repr(name) for name in twice)
        raise TailtuneError(f"{where}: more than one column is called {listed}; {hint}")
    return names


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _spoken(delimiter: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}[delimiter]
