"""DONE: written last, with a checksum of every other file of the folder, by which what is read later is checked.

Its lines are those of sha256sum, so that ``sha256sum --check DONE`` reads them too.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tailtune.errors import TailtuneError
from tailtune.files import checksum, write_whole

DONE = "DONE"


def seal(folder: Path, names: Iterable[str] | None = None) -> None:
    """Declare `folder` finished: everything else must have been written. What killed processes left is taken away.

    Args:
        folder: of a run or an estimator.
        names: files to take up; None for all.

    Raises:
        TailtuneError: DONE cannot be written.
    """
    if names is None:
        for left in folder.rglob(".*.partial"):
            left.unlink(missing_ok=True)
        files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        names = [path.relative_to(folder).as_posix() for path in files if path != folder / DONE]
    _write(folder, {name: checksum(folder / name) for name in names})


def seal_again(folder: Path, name: str) -> None:
    """Take up the new checksum of one file of a finished `folder` that has been written anew.

    Raises:
        TailtuneError: DONE cannot be read or written.
    """
    _write(folder, read_manifest(folder) | {name: checksum(folder / name)})


def read_manifest(folder: Path) -> dict[str, str]:
    """Return the checksum of each file, by its path in the finished `folder`.

    Raises:
        TailtuneError: DONE cannot be read.
    """
    path = folder / DONE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError) as error:
        raise TailtuneError(f"{path} cannot be read ({error}); run the fit again") from error
    return sums


def check_file(folder: Path, name: str) -> Path:
    """Return the path of the file `name` of `folder`; in a finished one it must be as it was written.

    Raises:
        TailtuneError: it is damaged or was edited.
    """
    path = folder / name
    if not (folder / DONE).exists() or not path.is_file():  # that it is missing is for its reader to say
        return path
    wrong = what_is_wrong(path, read_manifest(folder).get(name))
    if wrong:
        raise TailtuneError(f"{path} {wrong}; run the fit again, or put back a copy of the file")
    return path


def damages(folder: Path) -> list[str]:
    """Return what is wrong with the files of a finished `folder`, a line each.

    Raises:
        TailtuneError: DONE cannot be read.
    """
    found = ((name, what_is_wrong(folder / name, digest)) for name, digest in read_manifest(folder).items())
    return [f"{name} {wrong}" for name, wrong in found if wrong]


def what_is_wrong(path: Path, digest: str | None) -> str | None:
    """Return what is wrong with a file whose checksum should be `digest`, in words behind its name; None if nothing."""
    if digest is None:
        return "is not among the files that were there when the folder was finished"
    try:
        return None if checksum(path) == digest else "is not as it was written: damaged or edited"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"


def _write(folder: Path, sums: dict[str, str]) -> None:
    write_whole(folder / DONE, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode())
