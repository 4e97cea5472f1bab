"""Inputs that nobody meant, as hypothesis strategies: each draws one into a folder and returns how it is read."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import polars as pl
from hypothesis import strategies as st
from PIL import Image

from tailtune.advice.all_checks import advise
from tailtune.advice.facts import facts_of_dataset
from tailtune.data.open import open_dataset, open_for_prediction
from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.decision.costs import read_costs
from tailtune.decision.deployment import read_deployment
from tailtune.decision.objective import read_objective
from tailtune.fit import fit
from tailtune.profile import ClassProfile
from tailtune.report.run_page.page import write_report
from tailtune.run.finished import Finished
from tailtune.run.folder import read_resolved
from tailtune.run.manifest import DONE, seal
from tailtune.run.predict import write_predictions_table
from tailtune.run.score import score
from tailtune.run.verify import verify
from tailtune.settings import Reading, Run, check
from tailtune.training.checkpoint import read_checkpoint

Draw = Callable[[st.SearchStrategy[Any]], Any]
Read = Callable[[], object]

LABELS = (["a", "b"], ["a", "b"], ["0", "1"], ["1", "2", "3"], ["true", "false"], ["a", "b", "only once"])
CELLS = (
    *("0", "1", "-1", "2.5", "1e308", "-1e308", "1e-320", "5e-324", "nan", "inf", "-inf", "1e999", "9" * 25, "0x1f"),
    *("", " ", "?", "NA", "null", "none", "-", ".", "true", "FALSE", "yes", "no", "01", "+5", "1,5", "1 000", "½", "٣"),
    *("2020-01-01", "2020-02-30", "0001-01-01", "9999-12-31 23:59:59", "2020-01-01T00:00:00+02:00", "1/2/2020"),
    *("=1+1", "@x", "\x1b[2J", "\x7f", "\x85", "\u202e", "é", "\U0001f600", "'", "a;b", "a|b", "[1, 2]", "x" * 300),
)
NAMES = (
    "",
    " ",
    "id",
    "row",
    "f0",
    "a b",
    "a,b",
    "label",
    "date.month",
    "x.missing",
    "\x1b",
    "#",
    "é",
    "y",
    "__proto__",
)
WHOLE = (-(2**63), -129, -1, 0, 1, 2, 127, 255, 256, 2**31, 2**53 + 1, 2**63 - 1)
DTYPES = (
    *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Int128, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
    *(pl.Float32, pl.Float64, pl.Boolean, pl.String, pl.Categorical, pl.Binary, pl.Null, pl.Decimal(20, 3)),
    *(pl.Date, pl.Time, pl.Duration("ns"), pl.Duration("ms"), pl.Datetime("ms"), pl.Datetime("ns", "Asia/Kolkata")),
    *(pl.List(pl.Int64), pl.Array(pl.Int64, 2), pl.Struct({"a": pl.Int64}), pl.List(pl.String)),
)
ARRAYS = (
    "?",
    "i1",
    "u1",
    "i4",
    "i8",
    "u8",
    "f2",
    "f4",
    "f8",
    "g",
    "c8",
    "S3",
    "U2",
    "M8[ns]",
    "M8[Y]",
    "m8[s]",
    "i4,f4",
)
FILES = ("a.png", "b.PNG", "c.jpg", "d.gif", "e.txt", "f", ".g.png", "h\n.png", "i j.png", "-k.png", "l" * 240 + ".png")
ROWS = st.sampled_from([0, 1, 2, 3, *range(10, 60)])
NPZ = (
    *[("x", "y")] * 4,
    *[("x_train", "y_train", "x_test", "y_test")] * 2,
    ("x", "y", "who"),
    ("X", "x", "y"),
    ("y",),
    (),
)
MODES = ("L", "RGB", "RGBA", "1", "P", "I;16", "LA", "CMYK", "F")


def damaged(draw: Draw, content: bytes, times: tuple[int, ...] = (0, 0, 0, 0, 0, 0, 1, 2, 8)) -> bytes:
    """Some bytes changed, cut out or put in, so many times."""
    for _ in range(draw(st.sampled_from(times))):
        at = draw(st.integers(0, 2**16 - 1)) % max(1, len(content))  # the length of a file may differ from run to run
        put = draw(st.binary(max_size=3))
        content = content[:at] + put + content[at + draw(st.sampled_from([0, 1, len(put), 40])) :]
    return content


def inspected(reading: Reading) -> object:
    """What `tailtune inspect` does with data."""
    check(reading)
    dataset = open_dataset(reading)
    return advise(facts_of_dataset(dataset, reading))


def csv_content(draw: Draw) -> tuple[bytes, str]:
    """A CSV file and the name of its target column."""
    rows, width = draw(ROWS), draw(st.sampled_from([0, 1, 2, 3, 4]))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=width, max_size=width))
    columns = [_cycled(draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=6)), rows) for _ in names]
    columns.append(_cycled(draw(st.sampled_from(LABELS)), rows))
    delimiter, end = (
        draw(st.sampled_from([",", ",", ";", "\t", "|"])),
        draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])),
    )
    lines = [delimiter.join([*names, "target"]), *(delimiter.join(row) for row in zip(*columns, strict=True))]
    blank = draw(st.sampled_from(["", "", "\n", " \n\n", "\n" * 70_000]))
    bom = draw(st.sampled_from(["", "", "\ufeff"]))
    text = bom + blank + end.join(lines) + draw(st.sampled_from(["", end]))
    return damaged(draw, text.encode(draw(st.sampled_from(["utf-8"] * 9 + ["utf-16"])), "replace")), "target"


def _cycled(values: list[Any], rows: int) -> list[Any]:
    return [values[row % len(values)] for row in range(rows)]


def parquet_content(draw: Draw) -> tuple[bytes, str]:
    """A Parquet file with columns of any type, and the name of its target column."""
    rows = draw(ROWS)
    series = [_series(draw, f"c{j}", rows) for j in range(draw(st.integers(0, 4)))]
    target = pl.Series("target", _cycled(draw(st.sampled_from(LABELS)), rows), dtype=pl.String)
    if draw(st.integers(0, 3)) == 0:
        target = _series(draw, "target", rows)
    file = io.BytesIO()
    pl.DataFrame([*series, target]).write_parquet(file)
    return damaged(draw, file.getvalue()), "target"


def _series(draw: Draw, name: str, rows: int) -> pl.Series:
    dtype = draw(st.sampled_from(DTYPES))
    pool: list[Any] = draw(st.lists(st.one_of(st.none(), st.sampled_from(WHOLE)), min_size=1, max_size=6))
    if dtype in (pl.String, pl.Categorical, pl.Binary):
        pool = draw(st.lists(st.one_of(st.none(), st.sampled_from(CELLS)), min_size=1, max_size=6))
        return pl.Series(name, _cycled(pool, rows), dtype=pl.String).cast(dtype)
    if dtype in (pl.Float32, pl.Float64):
        pool = draw(st.lists(st.one_of(st.none(), st.floats(width=32)), min_size=1, max_size=6))
        return pl.Series(name, _cycled(pool, rows), dtype=pl.Float64).cast(dtype)
    whole = pl.Series(name, _cycled(pool, rows), dtype=pl.Int64)
    if isinstance(dtype, pl.List | pl.Array | pl.Struct):
        made = {"List": [1], "Array": [1, 2], "Struct": {"a": 1}}[type(dtype).__name__]
        values = [None if value is None else made for value in whole]
        return pl.Series(name, values, dtype=None if dtype == pl.List(pl.String) else dtype)
    if dtype == pl.Boolean:
        return (whole > 0).alias(name)
    if dtype == pl.Null:
        return pl.Series(name, [None] * rows, dtype=pl.Null)
    if dtype == pl.Time:
        return (whole % 86_400).cast(pl.Duration("ms")).cast(pl.Int64).cast(pl.Time, strict=False)
    return whole.cast(dtype, strict=False)


def npz_content(draw: Draw) -> bytes:
    """An .npz file of arrays of any type and shape."""
    rows, file, arrays = draw(ROWS), io.BytesIO(), {}
    shapes = [(rows, *tail) for tail in ((), (3,), (3,), (3,), (1,), (4, 4), (4, 4, 3), (3, 4, 4), (0,), (2, 2, 2, 2))]
    shape = draw(st.sampled_from(shapes))
    for name in draw(st.sampled_from(NPZ)):
        odd = draw(st.integers(0, 9)) == 0
        if odd or name.lower().startswith("x"):
            arrays[name] = _array(draw, draw(st.sampled_from(shapes)) if odd else shape)
        else:
            arrays[name] = np.array(_cycled(draw(st.sampled_from(LABELS)), rows), dtype=np.str_)
    save = draw(st.sampled_from([np.savez, np.savez_compressed]))
    save(file, **arrays)
    return damaged(draw, file.getvalue())


def _array(draw: Draw, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    dtype = np.dtype(draw(st.sampled_from(ARRAYS)))
    size = int(np.prod(shape)) * dtype.itemsize
    seed = draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    if dtype.kind in "iuf" and draw(st.booleans()):
        return generator.integers(0, 3, shape).astype(dtype)
    if dtype.kind in "SU" and draw(st.booleans()):
        return generator.choice(["a", "b"], shape).astype(dtype)
    return np.frombuffer(generator.bytes(size), dtype=dtype).reshape(shape)


def picture(draw: Draw) -> bytes:
    """An image file of one of the kinds that there are, perhaps damaged, or something else."""
    kind = draw(st.sampled_from([*["PNG"] * 12, "JPEG", "JPEG", "GIF", "TIFF", "text", "nothing"]))
    if kind in ("text", "nothing"):
        return b"no image" if kind == "text" else b""
    mode, file = draw(st.sampled_from(MODES)), io.BytesIO()
    image = Image.new(mode, (draw(st.integers(1, 9)), draw(st.integers(1, 9))))
    try:
        image.save(file, kind)
    except (OSError, ValueError):  # a mode that the format does not have
        image.convert("L").save(file, kind)
    return damaged(draw, file.getvalue())


def picture_folder(draw: Draw, folder: Path) -> None:
    """A folder of image files, with links, pipes and names as bad as the file system allows."""
    layout = draw(st.sampled_from([*[["a", "b"]] * 4, ["train/a", "train/b", "test/a"], ["a"], ["train/a", "val/c"]]))
    for place in [*layout, *draw(st.lists(st.sampled_from(["a/deep", "b/deep", ".hidden", "test"]), max_size=1))]:
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name in draw(st.lists(st.sampled_from(FILES), min_size=2, max_size=6, unique=True)):
            (folder / place / name).write_bytes(picture(draw))
        odd = folder / place / "odd.png"
        match draw(st.sampled_from([*[""] * 20, "pipe", "circle", "self", "dangling", "bytes", "folder"])):
            case "pipe":
                os.mkfifo(odd)
            case "circle":
                odd.symlink_to(folder, target_is_directory=True)
            case "self":
                odd.symlink_to(odd)
            case "dangling":
                odd.symlink_to(folder / "nothing")
            case "bytes":
                (folder / place / os.fsdecode(b"\xff.png")).write_bytes(b"")
            case "folder":
                odd.mkdir()


def table(draw: Draw, folder: Path) -> Read:
    """A CSV or Parquet table, read as `inspect` does."""
    suffix = draw(st.sampled_from([".csv", ".parquet"]))
    content, target = csv_content(draw) if suffix == ".csv" else parquet_content(draw)
    name = draw(st.sampled_from(["t", "t[1]", "t*", "t?", "t #%41", "é", "\x1b[2J", "-t"]))
    path = folder / f"{name}{suffix}"
    path.write_bytes(content)
    return lambda: inspected(Reading(str(path), target=target))


def arrays(draw: Draw, folder: Path) -> Read:
    """An .npz file, read as `inspect` does."""
    path = folder / "arrays.npz"
    path.write_bytes(npz_content(draw))
    return lambda: inspected(Reading(str(path)))


def images(draw: Draw, folder: Path) -> Read:
    """An image folder, read as `inspect` does."""
    picture_folder(draw, folder)
    skip, side = draw(st.booleans()), draw(st.sampled_from([None, None, 4]))
    return lambda: inspected(Reading(str(folder), skip_bad_images=skip, image_size=side))


def options(draw: Draw, folder: Path) -> Read:
    """Settings of every kind over a plain table, and the words and files that options take."""
    path = folder / "plain.csv"
    path.write_bytes(_plain().write_csv().encode())
    words = draw(st.sampled_from(["", "uniform", "a=1", "a=nan,b=1", "a=1,b=2", "=", "{}", "file", "cost=file"]))
    given = folder / "given"
    given.write_bytes(damaged(draw, draw(st.sampled_from(
        [b"a: 0.5\nb: 0.5\n", b"a: &x [1, 1]\nb: [*x, *x]\n", b"[" * 3000, b",a,b\na,0,1\nb,x,0\n", b"a: 2020-02-30\n"]
    ))))  # fmt: skip
    words = words.replace("file", str(given))
    kind = draw(st.sampled_from(["reading", "reading", "run", "deployment", "objective", "costs"]))
    changes = _changes(draw, Reading if kind == "reading" else Run)
    profile = ClassProfile((30, 10), ("a", "b"))
    reads: dict[str, Read] = {
        "reading": lambda: inspected(replace(Reading(str(path), target="target"), **changes)),
        "run": lambda: check(replace(Run(str(path), target="target"), **changes)),
        "deployment": lambda: read_deployment(words, profile),
        "objective": lambda: read_objective(words),
        "costs": lambda: read_costs(str(given), profile.names),
    }
    return reads[kind]


def _changes(draw: Draw, kind: type[Reading]) -> dict[str, Any]:
    """Some fields of a configuration, each with a value of its type."""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.name not in ("data", "download", "data_root")]
    chosen = draw(st.lists(st.sampled_from(names), max_size=3, unique=True))
    numbers = st.one_of(st.floats(), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    whole = st.sampled_from([-1, 0, 1, 2, 2**31, 2**32, 2**63, 2**64, 10**30])
    text = st.sampled_from(["", "target", "x", "number", "nothing", "validation", "last", "refit", "\x1b[2J", "step"])
    found: dict[str, Any] = {}
    for name in chosen:
        hint = str(hints[name])
        if "tuple" in hint:
            found[name] = tuple(draw(st.lists(text, max_size=2)))
        elif "bool" in hint:
            found[name] = draw(st.booleans())
        else:
            found[name] = draw(numbers if "float" in hint else whole if "int" in hint else text)
    return found


@cache
def _plain() -> pl.DataFrame:
    generator = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "number": generator.normal(size=40).round(3),
            "word": generator.choice(["x", "y", "z"], 40),
            "target": ["a", "a", "a", "b"] * 10,
        }
    )


@cache
def _fitted() -> TablePreprocessor:
    return TablePreprocessor.fit(_plain(), target="target")


def prediction(draw: Draw, folder: Path) -> Read:
    """Rows for a trained model, whose columns the table may or may not have."""
    suffix = draw(st.sampled_from([".csv", ".parquet", ".npz"]))
    path = folder / f"rows{suffix}"
    if suffix == ".npz":
        path.write_bytes(npz_content(draw))
    elif suffix == ".csv":
        rows = draw(st.integers(0, 5))
        columns = [_cycled(draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=4)), rows) for _ in range(3)]
        lines = ["number,word,target", *map(",".join, zip(*columns, strict=True))]
        path.write_bytes(damaged(draw, "\n".join(lines).encode()))
    else:
        rows, file = draw(st.integers(0, 5)), io.BytesIO()
        pl.DataFrame([_series(draw, name, rows) for name in ("number", "word", "target")]).write_parquet(file)
        path.write_bytes(damaged(draw, file.getvalue()))
    return lambda: open_for_prediction(path, _fitted(), ("a", "b")).targets


@cache
def _run_folder() -> dict[str, bytes]:
    """The files of a finished run of a small network."""
    with tempfile.TemporaryDirectory() as home:
        rows, out = Path(home) / "rows.csv", Path(home) / "run"
        _plain().write_csv(rows)
        small = {"epochs": 1, "batch_size": 16, "accelerator": "cpu", "baselines": ("majority",)}
        asked = Run(str(rows), target="target", model="mlp", method="erm", out=str(out), **small)
        fit(asked, say=lambda sentence: None)
        return {path.name: path.read_bytes() for path in out.iterdir()}


def run_folder(draw: Draw, folder: Path) -> Read:
    """A run folder of which some files are damaged, gone or others; perhaps DONE says that they were written so."""
    files = _run_folder()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for name in draw(st.lists(st.sampled_from(sorted(files)), min_size=1, max_size=3, unique=True)):
        path = folder / name
        how = draw(st.sampled_from(["damaged", "damaged", "gone", "other", "text"]))
        if how == "gone":
            path.unlink()
        elif how == "other":
            path.write_bytes(files[draw(st.sampled_from(sorted(files)))])
        elif how == "text":
            path.write_text(draw(st.sampled_from(["", "{}", "[]", "null", "1e999", '{"format": 4}', '{"schema": 9}'])))
        else:
            path.write_bytes(damaged(draw, path.read_bytes(), (1, 1, 2, 8)))
    if draw(st.booleans()) and (folder / DONE).exists():
        seal(folder)
    rows = folder / "new.csv"
    _plain().write_csv(rows)
    readers: list[Read] = [
        lambda: write_report(Finished(folder)),
        lambda: score(folder, str(rows), say=lambda sentence: None),
        lambda: write_predictions_table(folder, str(rows), folder.parent / "p.csv", lambda sentence: None, force=True),
        lambda: verify(folder),
        lambda: read_resolved(folder),
        lambda: read_checkpoint(folder / "last.ckpt"),
    ]
    return draw(st.sampled_from(readers))


KINDS = {
    "table": table,
    "arrays": arrays,
    "images": images,
    "options": options,
    "prediction": prediction,
    "run folder": run_folder,
}


def emptied(folder: Path) -> Path:
    """`folder` with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
