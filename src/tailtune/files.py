"""Files that are there whole or not at all, and what to do about those that the system refuses."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tailtune.errors import TailtuneError

_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "free some space"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EISDIR), "check the path"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "change its permissions or take another place"),
    errno.EROFS: "write elsewhere",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.ELOOP: "mend the links, which lead in a circle",
    errno.EIO: "check the disk",
    errno.ESTALE: "check the file server",
    errno.EMFILE: "allow more open files (ulimit -n)",
}
_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def remedy(error: OSError) -> str:
    """Say what to do about a file that the system refuses.

    >>> remedy(OSError(errno.EROFS, "Read-only file system")), remedy(OSError("unknown"))
    ('write elsewhere', 'check the disk')
    """
    return _REMEDIES.get(error.errno or errno.EIO, "check the disk")


@contextmanager
def naming_files() -> Iterator[None]:
    """Say in one line, as a TailtuneError, which file the system refuses within a ``with`` block, and why.

    Raises:
        TailtuneError: for an OSError that a file, a folder or a disk is the reason of.
        OSError: any other.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        raise TailtuneError(f"cannot use {error.filename or 'a file'}: {error.strerror}; {remedy(error)}") from error


def refuse_bytes(name: str, where: str = "") -> None:
    """Refuse a name that is not text: no table, page or JSON file could state it.

    Args:
        name: of a file, or another word that the system gave; bytes that are not UTF-8 are surrogates in it.
        where: what the message begins with, such as the folder.

    Raises:
        TailtuneError: it is not UTF-8.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise TailtuneError(f"{where}the name {name!a} is not UTF-8; rename it") from error


def refuse_special(path: Path) -> None:
    """Refuse what is neither a file nor a folder: reading it might never end.

    Raises:
        TailtuneError: a pipe, a socket or a device.
    """
    kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode)) if path.exists() else None
    if kind is not None:
        raise TailtuneError(f"{path} is {kind}, not a file; write what it yields into a file first")


def check_format(path: Path, found: object, expected: int, again: str = "run the fit again") -> None:
    """Refuse a file of another format than the one that is read.

    Args:
        path: of the file.
        found: its format.
        expected: the format that this version of tailtune reads.
        again: how to have the file anew.

    Raises:
        TailtuneError: the two differ.
    """
    if found != expected:
        raise TailtuneError(
            f"{path} is of format {found}, and this version of tailtune reads format {expected}; {again}"
        )


def write_whole(path: Path, content: bytes | memoryview, keep: Path | None = None) -> None:
    """Write a file so that it is there whole or not at all, even if the machine stops.

    Args:
        path: of the file.
        content: of it.
        keep: what to call the file that was at `path` before; None replaces it.

    Raises:
        TailtuneError: no space left, or no right to write; an earlier file at `path` is left as it was.
    """
    scratch = _scratch(path)
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or the new name may come to stand for a file without content
        if keep is not None and path.exists():
            path.replace(keep)
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise TailtuneError(_cannot_write(path, error)) from error


def append_line(path: Path, line: str) -> None:
    """Write a line to the end of a file.

    Raises:
        TailtuneError: no space left, or no right to write.
    """
    try:
        with path.open("ab") as file:
            file.write(f"{line}\n".encode())
    except OSError as error:
        raise TailtuneError(_cannot_write(path, error)) from error


def cut(path: Path, size: int) -> None:
    """Drop what a file holds behind its first `size` bytes.

    Raises:
        TailtuneError: no right to write.
    """
    try:
        with path.open("r+b") as file:
            file.truncate(size)
    except OSError as error:
        raise TailtuneError(_cannot_write(path, error)) from error


def check_output(out: Path, force: bool, *inputs: Path) -> None:
    """Refuse to write `out` over what is there.

    Args:
        out: file to write.
        force: whether another file there may be replaced.
        inputs: files and folders that are read, over and into which nothing is ever written.

    Raises:
        TailtuneError: `out` is one of the inputs or lies in one, or it exists and `force` is off.
    """
    for path in inputs:
        if out.resolve().is_relative_to(path.resolve()) or (out.exists() and path.exists() and out.samefile(path)):
            raise TailtuneError(f"{out} would be written over what is read from {path}; name another file")
    if out.exists() and not force:
        raise TailtuneError(f"{out} exists; name another file, or add --force to replace it")


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; an OSError is let through."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_unwritable(path: Path) -> None:
    """Refuse a place that `write_whole` could not write to, before there is anything to lose.

    Raises:
        TailtuneError: a name that is too long or is that of a folder, or a folder without the right to write.
    """
    with naming_files():
        _scratch(path).exists()
        if path.is_dir():
            raise TailtuneError(f"cannot write {path}: it is a folder; name a file")
        if not os.access(path.parent, os.W_OK):
            raise TailtuneError(f"cannot write into {path.parent}; change its permissions or take another place")


def _scratch(path: Path) -> Path:
    writer = f"{socket.gethostname()}.{os.getpid()}"  # several processes may write the table of one study
    return path.with_name(f".{path.name}.{writer}.partial")


def _cannot_write(path: Path, error: OSError) -> str:
    return f"cannot write {path}: {error.strerror or error}; {remedy(error)}"
