"""What a worker process finds in its environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from study_tasks import Told, Writes

from tailtune.jobs.claims import Claims
from tailtune.jobs.launch import launch
from tailtune.jobs.workers import LocalCrew


def test_workers_take_turns_on_the_gpus_and_the_environment_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    before = dict(os.environ)
    with Claims(tmp_path / "claims", 1) as claims, LocalCrew(2, 3, ["4", "6"]) as crew:
        assert launch([Writes(key, tmp_path, "threads") for key in "ab"], Told(), claims, crew) == {}
    assert [(tmp_path / key).read_text() for key in "ab"] == ["3 4", "3 6"]
    assert dict(os.environ) == before
