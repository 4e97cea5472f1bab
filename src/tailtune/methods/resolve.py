"""From what a user writes after --method to a `Method`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tailtune import methods
from tailtune.errors import TailtuneError, nearest
from tailtune.methods.method import Method
from tailtune.profile import ClassProfile
from tailtune.run import Run

SETTINGS = ("rho", "smoothing", "rule", "kappa", "cap")


def find(name: str) -> Callable[..., Method]:
    """Return the method function called `name`: one of tailtune's, package.module:function or file.py:function.

    Raises:
        TailtuneError: no such method, module, file or function.
    """
    if ":" not in name:
        if name not in methods.__all__:
            known = ", ".join(methods.__all__)
            raise TailtuneError(f"there is no method {name!r}.{nearest(name, methods.__all__)} Known: {known}")
        found: Callable[..., Method] = getattr(methods, name)
        return found
    home, _, function = name.rpartition(":")
    module = _load_file(Path(home)) if home.endswith(".py") else _load_module(home)
    if not callable(getattr(module, function, None)):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise TailtuneError(f"{home} has no function {function!r}.{nearest(function, names)}")
    own: Callable[..., Method] = getattr(module, function)
    return own


def _load_file(path: Path) -> object:
    if not path.is_file():
        raise TailtuneError(f"there is no file {path} to take the method from; check the path before the colon")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None  # holds for every .py file
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _load_module(home: str) -> object:
    try:
        return importlib.import_module(home)
    except ModuleNotFoundError as error:
        raise TailtuneError(f"cannot import {home!r} to take the method from: {error}") from error


def build(name: str, profile: ClassProfile, run: Run) -> Method:
    """Call the method function with the settings of `run` that it takes (rho, smoothing, rule, kappa, cap).

    Raises:
        TailtuneError: no such method, a setting given that the method does not take, or a result that is no Method.
    """
    function = find(name)
    takes = inspect.signature(function).parameters
    settings: dict[str, Any] = {}
    for setting in SETTINGS:
        value, default = getattr(run, setting), getattr(Run(data=""), setting)
        if setting in takes and value is not None:
            settings[setting] = value
        elif setting not in takes and value != default:
            raise TailtuneError(f"method {name!r} takes no {setting}; leave out --{setting} or choose another method")
    method = function(profile, **settings)
    if not isinstance(method, Method):
        raise TailtuneError(f"{name} must return a tailtune.methods.method.Method, however: {type(method).__name__}")
    return method
