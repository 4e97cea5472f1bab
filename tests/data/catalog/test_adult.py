from __future__ import annotations

import os
import time

import numpy as np
import pytest

from tailtune.data.catalog import adult
from tailtune.errors import TailtuneError
from tailtune.settings import Run

ROW = "{age}, Private, 226802, 11th, 7, Divorced, {job}, Own-child, Black, Male, 0, 0, {hours}, Cuba, {income}\n"


@pytest.fixture
def root(tmp_path):
    def rows(n, end):
        return "".join(
            ROW.format(
                age=20 + i,
                job="?" if i % 5 == 0 else "Sales",
                hours=30 + i % 20,
                income=(">50K", "<=50K")[i % 3 > 0] + end,
            )
            for i in range(n)
        )

    (tmp_path / "adult.data").write_text(rows(60, "") + "\n")
    (tmp_path / "adult.test").write_text("|1x3 Cross validator\n" + rows(30, ".") + "\n")
    return tmp_path


def test_official_files_are_read(root):
    data = adult.load(Run("adult", data_root=str(root), selection="last"))
    assert (data.split, data.names, len(data.train), data.val, len(data.test)) == (
        "official",
        ("<=50K", ">50K"),
        60,
        None,
        30,
    )
    assert data.train.targets[:3].tolist() == data.test.targets[:3].tolist() == [1, 0, 0]
    assert data.train.ids[0] == "adult.data:1"
    assert data.preprocessor.categorical_names == ("occupation",)
    assert data.train.inputs[1][:2, 0].tolist() == [2, 1]  # "?" is missing
    assert len(adult.load(Run("adult", data_root=str(root))).val) == 9


def test_the_published_metric_is_of_the_published_target(root):
    assert adult.load(Run("adult", data_root=str(root))).headline == "accuracy"
    assert adult.load(Run("adult", data_root=str(root), target="hours-per-week")).headline is None


def test_missing_files_are_named(tmp_path, monkeypatch):
    with pytest.raises(TailtuneError, match=r"adult.data and adult.test are neither in .*adult nor in"):
        adult.load(Run("adult", data_root=str(tmp_path)))
    monkeypatch.delenv("TAILTUNE_DATA", raising=False)
    with pytest.raises(TailtuneError, match="--data-root or \\$TAILTUNE_DATA"):
        adult.load(Run("adult"))


@pytest.mark.real
def test_the_official_counts():
    assert "TAILTUNE_DATA" in os.environ
    start = time.process_time()
    data = adult.load(Run("adult", selection="last"))
    assert time.process_time() - start < 5
    assert (len(data.train), len(data.test)) == (32561, 16281)
    assert data.profile.counts == (24720, 7841)
    assert np.bincount(data.test.targets.numpy()).tolist() == [12435, 3846]
    assert data.preprocessor.shape() == {"numeric": 6, "cardinalities": [10, 17, 8, 16, 7, 6, 3, 43]}
    assert data.left_out == ()
    assert data.warnings == ()
