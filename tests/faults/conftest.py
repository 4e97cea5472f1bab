"""Keeps what the trials came to, so that docs/reliability.md can quote it: TRIALS=FILE make test-faults."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from tailtune.run.environment import machine, versions

Record = Callable[..., None]


@pytest.fixture
def record() -> Record:
    """Note a line of trials: what was done, how often, and what happened; each line stands by itself in $TRIALS."""

    def note(**line: object) -> None:
        path = os.environ.get("TRIALS")
        if path:
            content = line | {"command": "make test-faults", "versions": versions(), "machine": asdict(machine())}
            with Path(path).open("a", encoding="utf-8") as file:  # a line is one write, whoever else appends
                file.write(json.dumps(content) + "\n")

    return note
