"""The deployment balance: how frequent the classes are where a model is used, as a user states it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tailtune.errors import TailtuneError
from tailtune.profile import ClassProfile, Floats
from tailtune.yaml_file import read_yaml

FORM = "uniform, train, shares such as a=0.01,b=0.99, or a file that holds them"


def read_deployment(text: str, profile: ClassProfile) -> Floats:
    """Return the class frequencies in use [K], which sum to 1.

    Args:
        text: ``uniform``, ``train``, shares by class name separated by commas (of two classes one is enough), or a
            YAML or JSON file that maps class names to shares.
        profile: class distribution and names of the training rows.

    Raises:
        TailtuneError: something else, a class that there is not, one without a share, or a share that is not above 0.

    >>> read_deployment("b=0.01", ClassProfile((90, 10), ("a", "b"))).tolist()
    [0.99, 0.01]
    """
    if text == "uniform":
        return np.full(profile.num_classes, 1 / profile.num_classes)
    if text == "train":
        return train_balance(profile)
    shares = _from_file(Path(text)) if Path(text).is_file() else _from_words(text)
    return _checked(text, shares, profile.names)


def train_balance(profile: ClassProfile) -> Floats:
    """Return the class frequencies [K] of the training rows, by their weights if they have such; an empty class counts
    as one row.
    """
    counts = np.asarray(profile.counts, dtype=np.float64)
    if profile.mass is not None:
        counts = np.where(counts > 0, profile.mass, 1.0)
    counts = np.where(counts > 0, counts, 1.0)
    return np.asarray(counts / counts.sum())


def _from_words(text: str) -> Mapping[Any, Any]:
    parts = [part.rpartition("=") for part in text.split(",")]
    if not all(name and equals for name, equals, _ in parts):
        raise TailtuneError(f"--deploy-prior must be {FORM}, however: {text!r}")
    return {name.strip(): share for name, _, share in parts}


def _from_file(path: Path) -> Mapping[Any, Any]:
    content = read_yaml(path)
    if not isinstance(content, Mapping):
        raise TailtuneError(f"--deploy-prior {path} must map class names to shares, such as 'fraud: 0.01' on a line")
    return content


def _checked(text: str, given: Mapping[Any, Any], names: Sequence[str]) -> Floats:
    shares: dict[str, float] = {}
    for name, value in given.items():
        if str(name) not in names:
            raise TailtuneError(f"--deploy-prior {text}: there is no class {name!r}; there are {', '.join(names)}")
        try:
            shares[str(name)] = float(value)
        except (TypeError, ValueError):
            shares[str(name)] = float("nan")
        if not 0 < shares[str(name)] < float("inf"):
            raise TailtuneError(f"--deploy-prior {text}: the share of {name} must be more than 0, however: {value}")
    missing = [name for name in names if name not in shares]
    if len(names) == 2 and len(missing) == 1 and sum(shares.values()) < 1:
        shares[missing[0]] = 1 - sum(shares.values())
        missing = []
    if missing:
        raise TailtuneError(f"--deploy-prior {text} names no share of {', '.join(missing)}; every class needs one")
    found = np.array([shares[name] for name in names])
    return np.asarray(found / found.sum())
