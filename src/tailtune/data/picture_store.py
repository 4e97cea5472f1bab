"""`open_store`: a listing's pictures decoded into one file, once, by whichever process comes first.

A store is a folder named by a hash of what it is made from. In it lie `pixels`, the decoded pictures one after the
other, and `rows.jsonl`, what was noted of them: an entry of many rows a line, each line behind its own sha256. While it
is built the folder is called .partial; an entry is written once its pixels are safe on the disk, so a build that was
killed goes on behind the last entry.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import stat
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tailtune.data.decode import UnreadableImageError, in_threads, read_all
from tailtune.data.rendering import STRETCHED, Pixels, Rendering
from tailtune.data.stored_pictures import DamagedStoreError, Shape, Store
from tailtune.errors import TailtuneError

LOG = logging.getLogger("tailtune")  # the command line shows it; a Python user hears of it if they wish
SECONDS = 10.0  # between two lines about how far reading is
FORMAT = 3  # of the folder, and of how pictures are decoded
CHUNK = 2**26  # bytes of pixels between two entries
PIXELS, ROWS = "pixels", "rows.jsonl"


@dataclass(frozen=True)
class _Wanted:
    """A store that is to be opened or built."""

    root: Path
    names: tuple[str, ...]
    shape: Shape
    folder: Path
    rendering: Rendering

    @property
    def picture(self) -> int:
        """Bytes of one picture."""
        _, channels, height, width = self.shape
        return channels * height * width

    @property
    def header(self) -> dict[str, Any]:
        """The first entry of rows.jsonl."""
        return {"key": self.folder.name, "shape": list(self.shape)}


def cache_folder() -> Path:
    """Return where stores are kept: pictures/ in $TAILTUNE_CACHE, else in ~/.cache/tailtune."""
    return Path(os.environ.get("TAILTUNE_CACHE") or Path.home() / ".cache" / "tailtune") / "pictures"


def open_store(
    root: Path,
    paths: Sequence[str],
    channels: int,
    height: int,
    width: int,
    *,
    skip_bad_images: bool,
    rendering: Rendering = STRETCHED,
) -> Store:
    """Open the store of some image files, and build it where there is none.

    It is the user's own, also where several share a cache. It changes with the paths below `root`, the sizes and the
    modification times of the files, the size of the pictures and how they are brought to it, not with the order of
    `paths`. Of several processes one builds it and the others wait.

    Args:
        root: folder of the images.
        paths: the files relative to it, in any order.
        channels: 1 for grey, 3 for RGB.
        height: rows of each picture.
        width: columns of each picture.
        skip_bad_images: keep what is wrong with unreadable images in ``problems``.
        rendering: what is done to other proportions and depths.

    Returns:
        The store, whose rows are the sorted `paths`, each once.

    Raises:
        UnreadableImageError: an image cannot be read, unless `skip_bad_images`.
        TailtuneError: no space or no right to write, or a store that is damaged or that others could have written.
    """
    names = tuple(sorted(set(paths)))
    folder = cache_folder() / _key(root, names, rendering, channels, height, width)
    wanted = _Wanted(root, names, (len(names), channels, height, width), folder, rendering)
    if not os.path.lexists(folder):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _alone(folder):
                if not os.path.lexists(folder):
                    _build(wanted, skip_bad_images)
        except OSError as error:
            why = error.strerror or error
            raise TailtuneError(
                f"cannot write {folder}: {why}; let TAILTUNE_CACHE name a folder on a disk with room"
            ) from error
    _refuse_foreign(folder)
    store = _opened(wanted)
    _refuse(names, {} if skip_bad_images else store.problems)
    return store


def _key(root: Path, names: Sequence[str], rendering: Rendering, *size: int) -> str:
    import PIL

    # pixels may change with Pillow
    made = [FORMAT, os.getuid(), PIL.__version__, rendering.resize, rendering.levels, *size]
    digest = hashlib.sha256(json.dumps(made).encode())
    for name, found in zip(names, in_threads(lambda name: os.stat(root / name), names), strict=True):
        digest.update(json.dumps([name, found.st_size, found.st_mtime_ns]).encode())
    return digest.hexdigest()


def _refuse_foreign(folder: Path) -> None:
    """Refuse a store that another user could have made or changed.

    Raises:
        TailtuneError: it is not a folder of this user's, or others may write in it.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise TailtuneError(
            f"{folder} belongs to another user or can be written by others, so its pictures are not trusted; remove "
            "it, or let TAILTUNE_CACHE name a folder of your own"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process builds the same store."""
    from filelock import FileLock, Timeout

    lock = FileLock(f"{folder}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        LOG.info(f"waiting for another process that reads the same pictures into {folder}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build(wanted: _Wanted, skip_bad_images: bool) -> None:
    count, channels, height, width = wanted.shape
    begun = wanted.folder.with_name(f"{wanted.folder.name}.partial")
    begun.mkdir(mode=0o700, exist_ok=True)
    _refuse_foreign(begun)
    done, problems = _kept(begun, wanted)
    _refuse(wanted.names, {} if skip_bad_images else problems)
    _check_space(wanted, done)
    step = max(1, CHUNK // wanted.picture)
    what = f"{count} pictures of {height} x {width} into {wanted.folder} ({count * wanted.picture / 1e9:.1f} GB)"
    LOG.info(f"reading {what}, once for all runs")
    told = time.monotonic()
    with (begun / PIXELS).open("ab") as pixels, (begun / ROWS).open("ab") as rows:
        for start in range(done, count, step):
            names = wanted.names[start : start + step]
            found, why = read_all(
                [wanted.root / name for name in names], names, channels, height, width, wanted.rendering
            )
            problems = {start + i: problem.why for i, problem in enumerate(why) if problem is not None}
            _append(pixels, found.data)
            _append(rows, _line(_entry(found, problems)))
            _refuse(wanted.names, {} if skip_bad_images else problems)
            if time.monotonic() - told > SECONDS:
                told = time.monotonic()
                LOG.info(f"{start + len(names)} of {count} pictures read")
    LOG.info(f"read {what}")
    begun.rename(wanted.folder)


def _kept(begun: Path, wanted: _Wanted) -> tuple[int, dict[int, str]]:
    """Cut off what a killed build left half written; return the finished rows and the problems among them."""
    pixels, rows = begun / PIXELS, begun / ROWS
    for path in (pixels, rows):
        path.touch()
    done, end, problems = 0, 0, dict[int, str]()
    for place, (entry, after) in enumerate(_entries(rows)):
        if place == 0 and entry != wanted.header:
            break
        length = len(entry["checksums"]) if place else 0
        if (done + length) * wanted.picture > pixels.stat().st_size:
            break
        done, end = done + length, after
        problems |= _problems(entry)
    os.truncate(pixels, done * wanted.picture)
    os.truncate(rows, end)
    if not end:
        rows.write_bytes(_line(wanted.header))
    return done, problems


def _check_space(wanted: _Wanted, done: int) -> None:
    count, channels, height, width = wanted.shape
    needed, free = (count - done) * wanted.picture, shutil.disk_usage(wanted.folder.parent).free
    if needed > free:
        side = int(np.sqrt(free / ((count - done) * channels)))
        raise TailtuneError(
            f"{wanted.root}: {count} pictures of {height} x {width} need {needed / 1e9:.1f} GB in "
            f"{wanted.folder.parent}, where {free / 1e9:.1f} GB are free; free some, let TAILTUNE_CACHE name a folder "
            f"on a larger disk, or make the pictures smaller with --image-size {max(8, side // 8 * 8)}"
        )


def _opened(wanted: _Wanted) -> Store:
    """Open a finished store.

    Raises:
        DamagedStoreError: it is not as it was written.
    """
    rows, pixels = wanted.folder / ROWS, wanted.folder / PIXELS
    header, *entries = [entry for entry, _ in _entries(rows)] or [{}]
    checksums = [checksum for entry in entries for checksum in entry["checksums"]]
    if header != wanted.header or len(checksums) != len(wanted.names):
        raise DamagedStoreError(rows, "the entries")
    if not pixels.is_file() or pixels.stat().st_size != len(checksums) * wanted.picture:
        raise DamagedStoreError(pixels, "the pixels")
    return Store(
        pixels,
        wanted.names,
        wanted.shape,
        np.array(checksums, dtype=np.uint32),
        np.array([row for entry in entries for row in entry["sums"]], dtype=np.int64),
        np.array([row for entry in entries for row in entry["squares"]], dtype=np.int64),
        {row: why for entry in entries for row, why in _problems(entry).items()},
    )


def _entry(pixels: Pixels, problems: dict[int, str]) -> dict[str, Any]:
    """What is noted of the rows `pixels`: checksums, moments and, by row of the store, what could not be read."""
    checksums, sums, squares = zip(*in_threads(_measured, pixels), strict=True)
    return {"checksums": checksums, "sums": sums, "squares": squares, "problems": problems}


def _measured(picture: Pixels) -> tuple[int, list[int], list[int]]:
    """CRC-32 of a picture [C, H, W], and of each channel the sum and the sum of squares."""
    values = picture.reshape(len(picture), -1).astype(np.int64)
    return zlib.crc32(picture.data), values.sum(1).tolist(), np.square(values).sum(1).tolist()


def _problems(entry: dict[str, Any]) -> dict[int, str]:
    return {int(row): why for row, why in entry.get("problems", {}).items()}  # JSON has no whole numbers for keys


def _refuse(names: Sequence[str], problems: Mapping[int, str]) -> None:
    for row in sorted(problems):
        raise UnreadableImageError(names[row], problems[row])


def _line(entry: dict[str, Any]) -> bytes:
    text = json.dumps(entry).encode()
    return hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"


def _entries(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the entries of a rows.jsonl and where in the file each ends, up to the first that is damaged or cut off."""
    end = 0
    for line in path.read_bytes().splitlines(keepends=True) if path.is_file() else ():
        digest, _, text = line.rstrip(b"\n").partition(b" ")
        if not line.endswith(b"\n") or hashlib.sha256(text).hexdigest().encode() != digest:
            return
        end += len(line)
        yield json.loads(text), end


def _append(file: Any, content: Any) -> None:
    """Write to the end of a file so that it stays there even if the machine stops."""
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
