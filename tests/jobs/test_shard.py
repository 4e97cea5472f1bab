"""Shards by hand and from Slurm's array variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailtune import TailtuneError
from tailtune.jobs.shard import Shard


def slurm(task: int, low: int, count: int, step: int = 1) -> dict[str, str]:
    values = {"ID": task, "MIN": low, "COUNT": count, "STEP": step}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


@given(st.integers(0, 50), st.integers(1, 12))
def test_shards_are_disjoint_and_together_everything(size: int, count: int) -> None:
    items = list(range(size))
    shards = [Shard(index, count).of(items) for index in range(1, count + 1)]
    assert sorted(item for shard in shards for item in shard) == items
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@given(st.integers(0, 9), st.integers(1, 9), st.integers(1, 4))
def test_slurm_tasks_are_all_shards_whatever_their_numbers(low: int, count: int, step: int) -> None:
    tasks = range(low, low + count * step, step)
    shards = [Shard.read(None, slurm(task, low, count, step)) for task in tasks]
    assert shards == [Shard(index, count) for index in range(1, count + 1)]


def test_without_any_word_it_is_everything_and_an_option_beats_slurm() -> None:
    assert Shard.read(None, {}) == Shard(1, 1)
    assert Shard.read("2/3", slurm(0, 0, 8)) == Shard(2, 3)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/2/3"])
def test_a_shard_that_makes_no_sense(text: str) -> None:
    with pytest.raises(TailtuneError, match=r"--shard must be I/N with I from 1 to N"):
        Shard.read(text)


@pytest.mark.parametrize(
    "environment",
    [
        {"SLURM_ARRAY_TASK_ID": "1"},
        slurm(9, 0, 4),
        slurm(1, 0, 4) | {"SLURM_ARRAY_TASK_COUNT": "many"},
        slurm(1, 0, 4, 0),
    ],
)
def test_variables_of_slurm_that_do_not_fit(environment: dict[str, str]) -> None:
    with pytest.raises(TailtuneError, match="Slurm"):
        Shard.read(None, environment)
