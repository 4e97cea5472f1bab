"""A name or a file: from ``package.module:name`` or ``path/to/file.py:name``, as a user writes it, to what it names."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tailtune.errors import TailtuneError, nearest
from tailtune.files import refuse_special


def load(text: str, what: str) -> object:
    """Return what `text` names in a module or a file; a file is carried out once, and anew when its text has changed.

    Args:
        text: ``package.module:name`` or ``path/to/file.py:name``.
        what: noun for messages, such as "method".

    Raises:
        TailtuneError: another form, or no such file, module or name, or one that cannot be loaded; in one line.

    >>> load("fractions:Fraction", "number")
    <class 'fractions.Fraction'>
    """
    home, colon, name = text.rpartition(":")
    if not colon:
        raise TailtuneError(f"{text!r} names no {what}; write path/to/file.py:name or package.module:name")
    module = _from_file(Path(home), what) if home.endswith(".py") else _imported(home, what)
    if not hasattr(module, name):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise TailtuneError(f"{home} has no function {name!r}.{nearest(name, names)}")
    return getattr(module, name)


def load_function(text: str, what: str) -> Callable[..., Any]:
    """Return the function that `text` names, see `load`.

    Raises:
        TailtuneError: what `load` refuses, or something that cannot be called.
    """
    found = load(text, what)
    if not callable(found):
        raise TailtuneError(f"{what} {text!r} must be a function, however: {type(found).__name__}")
    return found


@contextmanager
def naming(text: str, what: str) -> Iterator[None]:
    """Say in one line, as a TailtuneError, what goes wrong in a user's code within a ``with`` block, and where.

    Args:
        text: the name of the code, as the user wrote it.
        what: noun for messages, such as "method".

    Raises:
        TailtuneError: whatever the block raises; one of tailtune's own is passed on as it is.
    """
    try:
        yield
    except TailtuneError:
        raise
    except Exception as error:
        raise TailtuneError(f"{what} {text!r} fails: {_told(error)}") from error


def is_own(text: str) -> bool:
    """Whether `text` is of the form that `load` takes, rather than a plain name or a path.

    >>> is_own("my_file.py:net"), is_own("package.module:net"), is_own("resnet20"), is_own("C:/rows.csv")
    (True, True, False, False)
    """
    home, colon, name = text.rpartition(":")
    return bool(colon) and name.isidentifier() and (home.endswith(".py") or home.replace(".", "_").isidentifier())


def files_of(texts: Iterable[object]) -> dict[str, str]:
    """Return a SHA-256 of the text of every file that `texts` name, by the path as it is written there.

    Args:
        texts: what a user wrote; a name may have settings behind it, as in ``file.py:name(setting=1)``, and whatever
            names no file that exists is passed over.

    >>> files_of(["erm", "numpy:mean", 3, None])
    {}
    """
    homes = (text.partition("(")[0].rpartition(":")[0] for text in texts if isinstance(text, str))
    found = {home for home in homes if home.endswith(".py") and Path(home).is_file()}
    return {home: hashlib.sha256(Path(home).read_bytes()).hexdigest() for home in sorted(found)}


def _told(error: Exception) -> str:
    """Say in one line what an error in a user's code is and where it arose."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = "" if isinstance(error, SyntaxError) else f" ({frame.filename}, line {frame.lineno})"
    return " ".join(f"{type(error).__name__}: {error}{place}".split())


def _from_file(path: Path, what: str) -> ModuleType:
    try:
        refuse_special(path)
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise TailtuneError(
            f"there is no file {path} to take the {what} from; check the path before the colon"
        ) from error
    except OSError as error:
        raise TailtuneError(f"{path} cannot be read: {error.strerror or error}") from error
    # a name of its own for each path and text: dataclasses, pickle and logging look a module up by its name
    name = f"{path.stem}_{hashlib.sha256(str(path.resolve()).encode() + content).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # holds for every .py file
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):  # such as Ctrl-C
            raise
        raise TailtuneError(f"{path} cannot be loaded: {_told(error)}") from error
    return module


def _imported(home: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(home)
    except (ModuleNotFoundError, ValueError, TypeError) as error:  # the latter two of an empty or a relative name
        raise TailtuneError(f"cannot import {home!r} to take the {what} from: {error}") from error
    except Exception as error:
        raise TailtuneError(f"{home} cannot be loaded: {_told(error)}") from error
