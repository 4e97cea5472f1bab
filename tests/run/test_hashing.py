"""A training's name changes with everything that its result depends on, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_data import table

from tailtune import Run
from tailtune.run.hashing import config_hash, rows_hash

RUN = Run("digits", method="erm", epochs=3, lr=0.1)


@pytest.mark.parametrize(
    "change",
    [{"data": "adult"}, {"method": "sama"}, {"epochs": 4}, {"lr": 0.2}, {"seed": 1}, {"split_seed": 1}, {"ratio": 0.1}],
)
def test_what_changes_the_result_changes_the_name(change: dict[str, object]) -> None:
    assert config_hash(replace(RUN, **change), "rows") != config_hash(RUN, "rows")  # type: ignore[arg-type]


def test_other_rows_and_another_purpose_have_another_name() -> None:
    names = {config_hash(RUN, "rows"), config_hash(RUN, "others"), config_hash(RUN, "rows", "tuning")}
    assert len(names) == 3


@pytest.mark.parametrize("change", [{"out": "elsewhere"}, {"data_root": "there"}, {"checkpoint_minutes": 1.0}])
def test_what_does_not_change_the_result_does_not_change_the_name(change: dict[str, object]) -> None:
    assert config_hash(replace(RUN, **change), "rows") == config_hash(RUN, "rows")  # type: ignore[arg-type]


def test_the_text_of_a_method_file_counts(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    run = replace(RUN, method=f"{file}:own(a=1)")
    file.write_text("first")
    first = config_hash(run, "rows")
    file.write_text("second")
    assert config_hash(run, "rows") != first


def test_the_text_of_any_file_that_a_field_names_counts_but_not_that_of_a_measure(tmp_path: Path) -> None:
    """A measure scores what was trained: the table of a study computes it anew from the predictions."""
    file = tmp_path / "own.py"
    named = {field: replace(RUN, **{field: f"{file}:own"}) for field in ("method", "model", "data")}
    scored = replace(RUN, measures=(f"{file}:own",))
    file.write_text("first")
    first = {field: config_hash(run, "rows") for field, run in named.items()}
    assert config_hash(scored, "rows") == config_hash(RUN, "rows")
    file.write_text("second")
    assert all(config_hash(run, "rows") != first[field] for field, run in named.items())
    assert config_hash(scored, "rows") == config_hash(RUN, "rows")


def test_the_classes_of_the_rows_count() -> None:
    dataset = table()
    other = replace(dataset, test=replace(dataset.test, targets=torch.zeros_like(dataset.test.targets)))
    assert rows_hash(dataset) == rows_hash(table())
    assert rows_hash(dataset) != rows_hash(other)


@pytest.mark.parametrize("change", [{"slice": ("sex",)}, {"budget": 500}, {"measures": ("own.py:f",)}])
def test_what_is_only_reported_does_not_change_the_name(change: dict[str, object]) -> None:
    assert config_hash(replace(RUN, **change), "rows") == config_hash(RUN, "rows")  # type: ignore[arg-type]
