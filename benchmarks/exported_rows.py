"""Rows of a table, and what a peer makes of them, as files that two environments share; needs nothing but NumPy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MADE = ".made.npz"  # how files of probabilities end
Pair = tuple[Any, Any]


@dataclass(frozen=True)
class Rows:
    """A table in two parts, the rows that a peer may train and validate on, and those that test it.

    Attributes:
        numbers: as they were read [N, Dn], NaN where one is missing.
        categories: as text [N, Dc], empty where one is missing.
        targets: class indices [N].
        about: what the line of a result says of the table, and the counts of its classes in training.
    """

    numbers: Pair
    categories: Pair
    targets: Pair
    about: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write an .npz file that holds no code."""
        arrays = {}
        for number, part in enumerate(("train", "test")):
            arrays |= {
                f"{part}_numbers": np.asarray(self.numbers[number], dtype=np.float64),
                f"{part}_categories": np.asarray(self.categories[number], dtype=np.str_),
                f"{part}_targets": np.asarray(self.targets[number], dtype=np.int64),
            }
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, allow_pickle=False, about=np.array(json.dumps(self.about)), **arrays)

    @classmethod
    def read(cls, path: Path) -> Rows:
        """Read what `write` wrote."""
        with np.load(path, allow_pickle=False) as file:
            pairs = [(file[f"train_{name}"], file[f"test_{name}"]) for name in ("numbers", "categories", "targets")]
            return cls(*pairs, json.loads(str(file["about"])))


@dataclass(frozen=True)
class Made:
    """What a peer made of the test rows.

    Attributes:
        rows: name of the file of the rows.
        system: name of the peer.
        probabilities: of the classes [N, K].
        seconds: of training.
        about: command, versions, machine and limits, for the line of the result.
    """

    rows: str
    system: str
    probabilities: Any
    seconds: float
    about: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write an .npz file that holds no code; it is there whole or not at all."""
        told = {"rows": self.rows, "system": self.system, "seconds": self.seconds, "about": self.about}
        scratch = path.with_name(f".{path.name}")
        with scratch.open("wb") as file:
            np.savez_compressed(
                file, allow_pickle=False, told=np.array(json.dumps(told)), probabilities=self.probabilities
            )
        scratch.replace(path)

    @classmethod
    def read(cls, path: Path) -> Made:
        """Read what `write` wrote."""
        with np.load(path, allow_pickle=False) as file:
            told, probabilities = json.loads(str(file["told"])), file["probabilities"]
        return cls(told["rows"], told["system"], probabilities, told["seconds"], told["about"])
