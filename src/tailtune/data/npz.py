"""The arrays of an .npz file, read and checked, before it is known whether they are a table or images."""

from __future__ import annotations

import math
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailtune.data.memory import refuse_larger_than_memory
from tailtune.errors import TailtuneError
from tailtune.files import naming_files

Array = NDArray[Any]
Arrays = dict[str, Array]
INPUTS_AND_TARGETS = {f"{array}{part}" for array in "xy" for part in ("", "_train", "_val", "_test")}


def read_arrays(path: Path, check: Callable[[Collection[str], Path], object] | None = None) -> Arrays:
    """Read the arrays of an .npz file by their names, see `array_name`.

    Names are checked before anything is unpacked. What the headers declare is held against the size of the members and
    against the free memory before any array is made: a small archive can hold zeros for a whole disk.

    Args:
        path: the file.
        check: refuses the names of its arrays by a TailtuneError.

    Returns:
        The arrays by their names.

    Raises:
        TailtuneError: names that `check` refuses, no such archive, a damaged or an encrypted one, more than memory, two
            arrays of one name, or Python objects, which would have to be unpickled.
        MemoryError: other programs took what was free.
    """
    with naming_files(), path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = [info for info in archive.infolist() if not info.is_dir()]
                names = [_key(info) for info in members]
                _refuse_twice(names, path)
                if check is not None:
                    check(names, path)
                _refuse_large([_declared(archive, info, path) for info in members], path)
                return {_key(info): _array(archive, info) for info in members}
        except (TailtuneError, MemoryError):
            raise
        except Exception as error:  # zipfile, its decompressors and NumPy's header parser each have their own
            raise TailtuneError(
                f"{path} is damaged or no .npz archive; write it with numpy.savez(path, x=..., y=...)"
            ) from error


def array_name(name: str) -> str:
    """Return how an array is called here: x and y of all parts in lower case, others as they are.

    >>> array_name("X_train"), array_name("Patient")
    ('x_train', 'Patient')
    """
    return name.lower() if name.lower() in INPUTS_AND_TARGETS else name


def _key(info: zipfile.ZipInfo) -> str:
    return array_name(info.filename.removesuffix(".npy"))


def _refuse_twice(names: list[str], path: Path) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise TailtuneError(
                f"{path} holds {times} arrays called {name!r} (the case of x and y does not count); rename them"
            )


def _declared(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type that the header of an array states, none of whose values are read.

    Raises:
        TailtuneError: an encrypted array, one of Python objects or fields, something else than an array, or a header
            that is at odds with the size of the member.
    """
    where = f"{path}: array {_key(info)!r}"
    if info.flag_bits & 1:
        raise TailtuneError(f"{where} is encrypted; write the file without a password")
    with archive.open(info) as member:
        try:
            version = np.lib.format.read_magic(member)
        except ValueError as error:
            raise TailtuneError(f"{where} is no NumPy array; write the file with numpy.savez") from error
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)
        header = member.tell()
    if dtype.hasobject:
        raise TailtuneError(
            f"{where} holds Python objects, which are not read for safety; save numbers, or text with x.astype(str)"
        )
    if dtype.kind == "V":
        raise TailtuneError(f"{where} holds records of type {dtype}; save one array of plain values for each field")
    if math.prod(shape) * dtype.itemsize != info.file_size - header or min(shape, default=1) < 0:
        raise TailtuneError(
            f"{where} is damaged: its header states shape {shape}, and {info.file_size - header} bytes follow; write "
            "it again"
        )
    return shape, dtype


def _refuse_large(arrays: list[tuple[tuple[int, ...], np.dtype[Any]]], path: Path) -> None:
    """Refuse arrays that do not fit in memory: all are read, and of a table every value becomes a float64."""
    read = sum(math.prod(shape) * dtype.itemsize for shape, dtype in arrays)
    made = sum(math.prod(shape) * max(8, dtype.itemsize) if len(shape) <= 2 else 0 for shape, dtype in arrays)
    refuse_larger_than_memory(read + 2 * made, f"the arrays of {path}", "save fewer rows or columns")


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    with archive.open(info) as member:
        array: Array = np.lib.format.read_array(member, allow_pickle=False)
        member.read()  # to the end, where the checksum of the archive is compared
    return array


def prediction_suffix(names: Collection[str], path: Path) -> str:
    """Return what stands behind the x that is predicted for: nothing, or else _test.

    Raises:
        TailtuneError: neither is among the names of the arrays.
    """
    for suffix in ("", "_test"):
        if f"x{suffix}" in names:
            return suffix
    raise TailtuneError(f"{path} holds the arrays {', '.join(names) or '(none)'}; prediction needs x (or x_test)")


def check_features(x: Array, where: str) -> Array:
    """Return x [N, ...] of two to four dimensions with at least one row and one column.

    Raises:
        TailtuneError: another shape.
    """
    if x.ndim not in (2, 3, 4) or x.size == 0:
        raise TailtuneError(
            f"{where} has shape {x.shape}; a table is [N, D], images are [N, H, W] or [N, H, W, C], with N of 1 or more"
        )
    return x


def check_targets(y: Array, rows: int, where: str) -> Array:
    """Return y as [N]; a column [N, 1] is accepted.

    Raises:
        TailtuneError: another number of rows, one-hot targets, or several labels a row.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "biuf" and ((y != 0).sum(axis=1) == 1).all():
        raise TailtuneError(f"{where} has shape {y.shape} and looks one-hot; save class indices: y.argmax(axis=1)")
    if y.ndim != 1:
        raise TailtuneError(
            f"{where} has shape {y.shape}, so several labels a row; give one a row [N], or train one model a label"
        )
    if len(y) != rows:
        raise TailtuneError(f"{where} has {len(y)} rows and x has {rows}; they must be the same rows in the same order")
    return y


def columns_beside(
    arrays: Mapping[str, Array], names: Iterable[str | None], suffix: str, rows: int, path: str
) -> Arrays:
    """Return the further arrays that options name, those that there are, with one value a row.

    Args:
        arrays: by their names.
        names: as they were given; None is none.
        suffix: what stands behind the names of this part.
        rows: of its x.
        path: where the arrays are from, for messages.

    Raises:
        TailtuneError: an array of another shape.
    """
    found = {}
    for name in filter(None, names):
        array = arrays.get(f"{name}{suffix}")
        if array is None:
            continue
        if array.shape != (rows,):
            raise TailtuneError(f"{path}: {name}{suffix} has shape {array.shape}; it needs {(rows,)}, as y has")
        found[name] = array
    return found


def all_beside(arrays: Mapping[str, Array], suffix: str, rows: int) -> Arrays:
    """Return every further array of a part that has one value a row, without the suffix of its name."""
    others = {name: array for name, array in arrays.items() if name not in INPUTS_AND_TARGETS}
    return {
        name.removesuffix(suffix): array
        for name, array in others.items()
        if name.endswith(suffix) and array.shape == (rows,)
    }


def array_ids(name: str, count: int) -> NDArray[np.str_]:
    """Return the identities ``x_train[0]``, ``x_train[1]``, ... of rows of an array called `name` [count]."""
    return np.array([f"{name}[{row}]" for row in range(count)], dtype=np.str_)
