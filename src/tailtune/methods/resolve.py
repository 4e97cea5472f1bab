"""From what a user writes after --method to a `Method`."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tailtune import methods
from tailtune.by_name import load_function, naming
from tailtune.errors import TailtuneError, nearest
from tailtune.methods.method import Method
from tailtune.profile import ClassProfile

_PARTS = re.compile(r"\s*(?P<home>[^()]+?)\s*(?:\((?P<settings>.*)\))?\s*", re.DOTALL)


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


def parse(name: str) -> tuple[str, dict[str, Any]]:
    """Split ``home(setting=value, ...)`` into the home and the settings; a bare word is a string.

    Raises:
        TailtuneError: not of this form.

    >>> parse("sama(rho=0.1, rule=printed)")
    ('sama', {'rho': 0.1, 'rule': 'printed'})
    """
    form = _PARTS.fullmatch(name)
    if form is None:
        raise TailtuneError(f"{name!r} is no method; write name, name(setting=value) or file.py:function")
    home, settings = form["home"], form["settings"] or ""
    try:
        call = ast.parse(f"_({settings})", mode="eval").body
        if isinstance(call, ast.Call) and not call.args and all(word.arg for word in call.keywords):
            return home, {str(word.arg): _value(word.value) for word in call.keywords}
    except (SyntaxError, ValueError):
        pass
    raise TailtuneError(
        f"cannot read the settings in {name!r}; write {home}(setting=value, ...) with numbers, words or True and False "
        "as values"
    )


def _value(node: ast.expr) -> Any:
    return node.id if isinstance(node, ast.Name) else ast.literal_eval(node)


def with_settings(name: str, settings: Mapping[str, Any]) -> str:
    """Write `name` with further settings, as `find` reads it.

    >>> with_settings("sama(rho=0.1)", {"rule": "printed"})
    "sama(rho=0.1, rule='printed')"
    """
    home, given = parse(name)
    listed = ", ".join(f"{key}={value!r}" for key, value in {**given, **settings}.items())
    return f"{home}({listed})" if listed else home


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
