"""What it takes to have a result again, as lists of names and values: the machine and the versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from tailtune.run.result import Machine
from tailtune.words import setting

Lines = list[tuple[str, str]]

_NAMES = {"memory_gb": "memory (GB)", "gpu": "GPU"}


def machine_facts(machine: Machine) -> Lines:
    """The machine, a line a part."""
    return [
        (_NAMES.get(key, key), "none" if key == "gpu" and not value else setting(value))
        for key, value in asdict(machine).items()
    ]


def version_facts(tailtune: str, versions: Mapping[str, str]) -> Lines:
    """The versions of tailtune and of the packages that results depend on."""
    others = ((name, setting(version)) for name, version in versions.items() if name != "tailtune")
    return [("tailtune", setting(tailtune)), *others]
