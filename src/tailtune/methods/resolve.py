"""From what a user writes after --method to a `Method`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial

from tailtune import methods
from tailtune.by_name import load_function, naming
from tailtune.errors import TailtuneError, nearest
from tailtune.methods.method import Method
from tailtune.named_settings import parse
from tailtune.profile import ClassProfile


def split_names(text: str) -> tuple[str, ...]:
    """Split a list of methods at its commas, but not at those within parentheses.

    Raises:
        TailtuneError: parentheses that do not close, or an empty list.

    >>> split_names("erm, focal(gamma=2, alpha=0.5),own.py:mine")
    ('erm', 'focal(gamma=2, alpha=0.5)', 'own.py:mine')
    """
    found, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            break
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    if depth != 0:
        raise TailtuneError(f"the parentheses in --methods {text!r} do not match; write name(setting=value)")
    names = tuple(name.strip() for name in found if name.strip())
    if not names:
        raise TailtuneError("--methods names none; give some, separated by commas, or all")
    return names


def find(name: str) -> Callable[..., Method]:
    """Return the method function called `name`: one of tailtune's, package.module:function or file.py:function.

    Each may be followed by settings in parentheses, as in ``focal(gamma=2)``.

    Raises:
        TailtuneError: no such method, module, file, function or setting.
    """
    home, settings = parse(name)
    function = _function(home)
    if not settings:
        return function
    known = settings_of(function)
    for setting in settings:
        if setting not in known:
            listed = f"its settings: {', '.join(known)}" if known else "it has no settings"
            raise TailtuneError(f"method {home!r} takes no {setting!r}.{nearest(setting, known)} ({listed})")
    return partial(function, **settings)


def settings_of(function: Callable[..., Method]) -> tuple[str, ...]:
    """Names of the settings of a method function: its parameters without the first, the class profile."""
    return tuple(inspect.signature(function).parameters)[1:]


def _function(name: str) -> Callable[..., Method]:
    if ":" not in name:
        if name not in methods.__all__:
            known = ", ".join(methods.__all__)
            raise TailtuneError(f"there is no method {name!r}.{nearest(name, methods.__all__)} Known: {known}")
        found: Callable[..., Method] = getattr(methods, name)
        return found
    return load_function(name, "method")


def build(name: str, profile: ClassProfile) -> Method:
    """Call the method function that `name` names, with the settings in its parentheses.

    Raises:
        TailtuneError: no such method or setting, a method that fails, or a result that is no Method.
    """
    with naming(name, "method"):
        method = find(name)(profile)
    if not isinstance(method, Method):
        raise TailtuneError(f"{name} must return a tailtune.methods.method.Method, however: {type(method).__name__}")
    return method
