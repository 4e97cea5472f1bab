"""``name(setting=value, ...)``, as methods and models are written."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from tailtune.errors import TailtuneError, nearest

_PARTS = re.compile(r"\s*(?P<home>[^()]+?)\s*(?:\((?P<settings>.*)\))?\s*", re.DOTALL)
V = TypeVar("V")


def parse(name: str) -> tuple[str, dict[str, Any]]:
    """Split ``home(setting=value, ...)`` into the home and the settings; a bare word is a string.

    Raises:
        TailtuneError: not of this form.

    >>> parse("sama(rho=0.1, rule=printed)")
    ('sama', {'rho': 0.1, 'rule': 'printed'})
    """
    form = _PARTS.fullmatch(name)
    if form is None:
        raise TailtuneError(f"{name!r} is no name; write name, name(setting=value) or file.py:function")
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
    """Write `name` with further settings, as `parse` reads it.

    >>> with_settings("sama(rho=0.1)", {"rule": "printed"})
    "sama(rho=0.1, rule='printed')"
    """
    home, given = parse(name)
    listed = ", ".join(f"{key}={value!r}" for key, value in {**given, **settings}.items())
    return f"{home}({listed})" if listed else home


def home(name: str) -> str:
    """Return `name` without its settings.

    >>> home("xgboost(max_depth=4)")
    'xgboost'
    """
    return name.partition("(")[0].strip()


def settled(name: str, defaults: Mapping[str, V]) -> dict[str, V]:
    """Return `defaults` with the settings behind `name` in their place.

    Raises:
        TailtuneError: a setting that is not among the defaults.

    >>> settled("forest(trees=10)", {"trees": 300, "leaf": 1})
    {'trees': 10, 'leaf': 1}
    """
    first, given = parse(name)
    for setting in given:
        if setting not in defaults:
            listed = f"its settings: {', '.join(defaults)}" if defaults else "it has no settings"
            raise TailtuneError(f"model {first} takes no {setting!r}.{nearest(setting, defaults)} ({listed})")
    return {**defaults, **given}
