from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fabricated_runs import Made, adult, photos, species

from tailtune.run.finished import RESULT, Finished
from tailtune.run.folder import write_predictions
from tailtune.run.manifest import seal
from tailtune.run.result import to_json


@pytest.fixture
def binary_table() -> Callable[..., Made]:
    """A table with two classes, its model ahead of XGBoost."""
    return adult


@pytest.fixture
def ten_images() -> Callable[..., Made]:
    """Long-tailed pictures of ten classes, the rarest with 12 test rows."""
    return photos


@pytest.fixture
def hundred_classes() -> Callable[..., Made]:
    """Long-tailed pictures of a hundred classes."""
    return species


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., Finished]:
    """Write a fabricated run as a run folder."""

    def write(made: Made) -> Finished:
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        (folder / RESULT).write_bytes(to_json(made.result))
        if made.history:
            (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in made.history), "utf-8")
        write_predictions(folder, made.predictions)
        seal(folder)
        return Finished(folder)

    return write
