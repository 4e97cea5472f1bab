"""YAML files as people and tailtune write them: plain values, each written out where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tailtune.errors import TailtuneError
from tailtune.files import refuse_special, remedy

DEEPEST = 50  # lists and mappings within each other
LARGEST = 2**24  # bytes; what a person writes has a few hundred, a study of thousands of runs under a million


def read_yaml(path: Path) -> Any:
    """Read a YAML or JSON file of plain values.

    Aliases are refused: nine lines of them can stand for a billion values.

    Args:
        path: the file.

    Returns:
        Mappings, lists, texts, numbers, truth values and None.

    Raises:
        TailtuneError: a file that is missing, too large or no such YAML; in one line.
    """
    import yaml

    try:
        refuse_special(path)
        if path.stat().st_size > LARGEST:
            raise TailtuneError(f"{path} is larger than {LARGEST // 2**20} MiB, which no settings are; check the path")
        text = path.read_text(encoding="utf-8")
        _refuse_tangles(yaml.parse(text, Loader=yaml.SafeLoader), path)
        return yaml.safe_load(text)
    except TailtuneError:
        raise
    except OSError as error:
        raise TailtuneError(f"cannot read {path}: {error.strerror}; {remedy(error)}") from error
    except (yaml.YAMLError, ValueError) as error:  # a ValueError for bytes that are not UTF-8, and the 30th of February
        raise TailtuneError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}; mend it") from error


def _refuse_tangles(events: Iterable[Any], path: Path) -> None:
    """Refuse aliases and deep nesting before any value is made.

    Raises:
        TailtuneError: naming the line.
    """
    import yaml

    depth = 0
    for event in events:
        line = event.start_mark.line + 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise TailtuneError(f"{path} is nested too deeply in line {line}; write it flat")
        if isinstance(event, yaml.AliasEvent):
            raise TailtuneError(f"{path} has the alias *{event.anchor} in line {line}; write the value out")
