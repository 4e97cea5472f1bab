"""What is said where other programs leave too few processors."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from tailtune.data.dataset import Dataset
from tailtune.run import forecast
from tailtune.run.forecast import crowded
from tailtune.settings import ResolvedTraining, Run

PICTURES, TABLE = (cast("Dataset", type("Kind", (), {"kind": kind})) for kind in ("image", "table"))
RUN = cast("ResolvedTraining", Run("pictures", threads=2, accelerator="cpu"))


@pytest.mark.parametrize(("there", "busy", "told"), [(2, 1.0, True), (2, 0.1, False), (8, 6.4, True), (8, 6.0, False)])
def test_threads_that_have_no_processor_are_told_of(
    there: int, busy: float, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "cores", lambda: there)
    monkeypatch.setattr(forecast, "kept_busy", lambda: busy)
    said = crowded(RUN, PICTURES)
    assert len(said) == told
    if told:
        assert said[0].startswith(f"Other programs keep about {round(busy)} of the {there} processors here busy")
        assert "--threads 1 " in said[0]


def test_nobody_looks_where_there_is_one_thread_or_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> float:
        raise AssertionError

    monkeypatch.setattr(forecast, "kept_busy", never)
    assert crowded(replace(RUN, threads=1), PICTURES) == []
    assert crowded(RUN, TABLE) == []
