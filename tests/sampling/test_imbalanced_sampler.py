"""`ImbalancedSampler` drives a DataLoader, in one process and as one of several ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from two_processes import results_of

from tailtune import TailtuneError
from tailtune.sampling.balanced import ClassSampler
from tailtune.sampling.deferred import DeferredSampler
from tailtune.sampling.distributed import ImbalancedSampler
from tailtune.sampling.oversample import OverSampler
from tailtune.sampling.progressive import ProgressiveSampler
from tailtune.sampling.sampler import Sampler
from tailtune.sampling.shuffle import ShuffleSampler
from tailtune.sampling.undersample import UnderSampler

TARGETS = np.repeat([0, 1, 3], [70, 25, 6])
ALL: list[Sampler] = [
    ShuffleSampler(),
    ClassSampler(),
    ClassSampler(0.5),
    OverSampler(),
    UnderSampler(),
    ProgressiveSampler(),
    DeferredSampler(0.5),
]


@pytest.mark.parametrize("sampler", ALL, ids=repr)
def test_a_data_loader_gets_epochs_of_the_expected_classes(sampler: Sampler) -> None:
    x = torch.arange(101.0)
    rows = ImbalancedSampler(TARGETS, sampler, epochs=30)
    loader = DataLoader(TensorDataset(x, torch.from_numpy(TARGETS)), batch_size=16, sampler=rows, drop_last=False)
    assert len(loader) == 7
    drawn, expected, variance = np.zeros(4), np.zeros(4), np.zeros(4)
    for epoch in range(30):
        rows.set_epoch(epoch)
        batches = list(loader)
        assert sum(len(y) for _, y in batches) == 101
        drawn += np.bincount(torch.cat([y for _, y in batches]), minlength=4)
        p = sampler.probabilities((70, 25, 0, 6), epoch / 30)
        expected, variance = expected + 101 * p, variance + 101 * p * (1 - p)
    assert np.all(np.abs(drawn - expected) <= 4.5 * np.sqrt(variance))


@pytest.mark.parametrize("sampler", ALL, ids=repr)
def test_two_ranks_share_one_epoch(sampler: Sampler) -> None:
    for epoch in range(3):
        whole, *ranks = (
            ImbalancedSampler(TARGETS[:100], sampler, rank=rank, world=world, seed=7, epochs=3)
            for rank, world in ((0, 1), (0, 2), (1, 2))
        )
        for each in (whole, *ranks):
            each.set_epoch(epoch)
        one, two = (list(rank) for rank in ranks)
        assert len(one) == len(two) == len(ranks[0]) == 50
        assert [row for pair in zip(one, two, strict=True) for row in pair] == list(whole)


def test_ranks_of_a_plain_shuffle_are_disjoint_and_complete() -> None:
    ranks = [list(ImbalancedSampler(TARGETS[:100], ShuffleSampler(), rank, 4)) for rank in range(4)]
    assert sorted(row for rank in ranks for row in rank) == list(range(100))


def test_ranks_take_as_many_steps_when_rows_do_not_divide() -> None:
    ranks = [ImbalancedSampler(TARGETS, ClassSampler(), rank, world=4) for rank in range(4)]
    assert [len(list(rank)) for rank in ranks] == [26] * 4  # 104 rows in the place of 101


def test_every_iteration_is_another_epoch_and_can_be_repeated() -> None:
    first = ImbalancedSampler(TARGETS, UnderSampler(), seed=3)
    epochs = [list(first) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    again = ImbalancedSampler(TARGETS, UnderSampler(), seed=3)
    again.set_epoch(2)
    assert list(again) == epochs[2]
    assert list(ImbalancedSampler(TARGETS, UnderSampler(), seed=4)) != epochs[0]
    # seed and epoch are not merely added up, by which runs of neighbouring seeds would share their epochs
    assert list(ImbalancedSampler(TARGETS, UnderSampler(), seed=4)) != epochs[1]


def test_progress_follows_from_epochs_or_is_told() -> None:
    counted = ImbalancedSampler(TARGETS, DeferredSampler(0.5), epochs=4)
    rare = [sum(TARGETS[row] == 3 for row in counted) for _ in range(4)]
    assert rare[:2] == [6, 6]
    assert all(count in (33, 34) for count in rare[2:])
    told = ImbalancedSampler(TARGETS, DeferredSampler(0.5))
    told.set_epoch(2, progress=0.5)
    assert sum(TARGETS[row] == 3 for row in told) == rare[2]
    middle = ImbalancedSampler(TARGETS, DeferredSampler(0.6), epochs=4)  # 5/8 in the middle of the third, as in runs
    assert [sum(TARGETS[row] == 3 for row in middle) > 6 for _ in range(4)] == [False, False, True, True]
    with pytest.raises(TailtuneError, match=r"^DeferredSampler changes while training goes on: give .* epochs="):
        list(told)


def test_bad_arguments_are_refused_in_words() -> None:
    with pytest.raises(TailtuneError, match=r"rank must lie in 0..world - 1"):
        ImbalancedSampler(TARGETS, ClassSampler(), rank=2, world=2)
    with pytest.raises(TailtuneError, match=r"targets must be class indices \[N\]"):
        ImbalancedSampler([0.5, 1.0], ClassSampler())
    with pytest.raises(TailtuneError, match=r"epochs must be 1 or more"):
        ImbalancedSampler(TARGETS, ClassSampler(), epochs=0)


def test_ranks_of_a_process_group_draw_disjoint_parts_of_one_draw(tmp_path: Path) -> None:
    ranks = results_of(Path(__file__).with_name("sampler_worker.py"), tmp_path)
    for name, epochs in ranks[0]["all"].items():
        assert ranks[1]["all"][name] == epochs  # a framework that shares out batches itself asks for all rows
        for epoch, whole in enumerate(epochs):
            parts = [rank["share"][name][epoch] for rank in ranks]
            assert [row for pair in zip(*parts, strict=True) for row in pair] == whole
    first, second = (set(rank["share"]["ShuffleSampler"][0]) for rank in ranks)
    assert len(first) == len(second) == 50
    assert not first & second
