"""The throughput benchmark: a trial of its parts, and that its loops do the same work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tailtune.methods import erm
from tailtune.training.batches import Batches
from tailtune.training.session import Session

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
ON_PROCESSOR = {"PYTHONPATH": str(BENCHMARKS.parent / "src"), "CUDA_VISIBLE_DEVICES": ""}
LOOPS = ["reference", "timm", "ours", "ours_fp32"]


def trial(folder: Path, *arguments: str) -> dict[str, Any]:
    """What the script writes in its quick mode."""
    out = folder / "result.json"
    command = [sys.executable, str(BENCHMARKS / "vision_throughput.py"), "--quick", "--out", str(out), *arguments]
    subprocess.run(command, check=True, env=os.environ | ON_PROCESSOR, capture_output=True)
    result: dict[str, Any] = json.loads(out.read_text())
    return result


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    parts = ("steps", "pipeline", "methods", "augmentation", "peak")
    return trial(tmp_path_factory.mktemp("throughput"), "--loops", *LOOPS, "--parts", *parts)


def check_quotients(quotients: dict[str, Any], above: Sequence[float], below: Sequence[float]) -> None:
    expected = [a / b for a, b in zip(above, below, strict=True)]
    assert quotients["rounds"] == pytest.approx(expected, rel=1e-4)
    assert quotients["median"] == pytest.approx(sum(expected) / 2, rel=1e-4)  # of two rounds


def test_a_trial_says_what_it_is(result: dict[str, Any]) -> None:
    assert result["quick"]
    assert result["data"].startswith("made-up")
    assert result["device"] == "cpu"
    assert result["rows"] == 12_406
    assert result["precision_auto"] in ("32", "bf16")
    assert {"torch", "torchvision", "timm"} <= {*result["versions"]}


def test_every_loop_trains_the_same_network_as_often_and_keeps_its_rounds(result: dict[str, Any]) -> None:
    (row,) = result["steps"]
    assert [*row["loops"]] == LOOPS
    assert (row["batch_size"], row["warm_up"], row["steps"]) == (16, 1, 2)
    assert {entry["parameters"] for entry in row["loops"].values()} == {75_290}
    assert row["loops"]["reference"]["precision"] == row["loops"]["ours_fp32"]["precision"] == "32"
    assert row["loops"]["timm"]["precision"] == row["loops"]["ours"]["precision"] == result["precision_auto"]
    for entry in row["loops"].values():
        rates, milliseconds = entry["rounds"]["images_a_second"], entry["rounds"]["milliseconds"]
        assert len(rates) == len(milliseconds) == 2
        assert min(rates) > 0
        assert rates == pytest.approx([1000 * 16 / time for time in milliseconds], rel=1e-4)
        assert entry["milliseconds"] == pytest.approx(sum(milliseconds) / 2, rel=1e-4)
        assert entry["share_of_peak"] > 0


def test_speedups_and_costs_are_quotients_within_a_round(result: dict[str, Any]) -> None:
    (row,) = result["steps"]
    assert {"ours / reference", "ours / timm", "ours_fp32 / reference", "timm / reference"} == {*row["speedups"]}
    for pair, quotients in row["speedups"].items():
        a, b = (row["loops"][name]["rounds"]["images_a_second"] for name in pair.split(" / "))
        check_quotients(quotients, a, b)
    methods = result["methods"]["methods"]
    assert {*result["methods"]["costs"]} == {"ema / erm", "sama / erm", "joint_ssl / erm"}
    for pair, quotients in result["methods"]["costs"].items():
        a, b = (methods[name]["rounds"]["milliseconds"] for name in pair.split(" / "))
        check_quotients(quotients, a, b)
    assert [row["policy"] for row in result["pipeline"]["policies"]] == ["flip+crop", "flip+crop+trivialaugment"]
    for row in result["pipeline"]["policies"]:
        check_quotients(row["share"], row["rounds"]["draw"], row["rounds"]["step"])


def test_operations_are_those_of_the_convolutions(result: dict[str, Any]) -> None:
    first, narrow, middle, wide = 3 * 16, 16 * 16, 16 * 32 + 32 * 32, 32 * 64 + 64 * 64
    forward = 9 * (1024 * (first + 2 * narrow) + 256 * middle + 64 * wide) + 640
    backward = 2 * forward - 9 * 1024 * first  # pixels need no gradient
    assert result["steps"][0]["operations_a_step"] == 2 * 16 * (forward + backward)
    assert result["peak"]["tera_operations_a_second"] == max(result["peak"]["rounds"]) > 0
    entry = result["steps"][0]["loops"]["ours"]
    rate = result["steps"][0]["operations_a_step"] / (entry["milliseconds"] / 1000) / 1e12
    assert entry["share_of_peak"] == pytest.approx(rate / result["peak"]["tera_operations_a_second"], rel=1e-4)


def test_batched_augmentation_is_compared_with_torchvision(result: dict[str, Any]) -> None:
    (row,) = result["augmentation"]
    assert row["policy"] == "flip+crop"
    assert row["batched"] > 0
    assert row["torchvision"] > 0
    assert row["ratio_lowest"] <= row["ratio"] <= row["ratio_highest"]


def test_a_process_of_its_own_waits_when_warm_and_says_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name, value in ON_PROCESSOR.items():
        monkeypatch.setenv(name, value)
    from throughput import alone
    from throughput.cases import Case, Length

    (found,) = alone.together(Case("resnet8", 16), Length(1, 1), 1, [])
    assert found["seconds"] > 0
    assert 100 < found["before_mb"] < found["peak_memory_mb"]


@pytest.mark.parametrize("loop", ["reference", "timm_loop"])
def test_the_other_loops_learn(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import importlib

    from throughput.cases import Case, Length, made_up

    train = getattr(importlib.import_module(f"throughput.{loop}"), loop)
    measured = train(made_up(), Case("resnet8", 32), Length(6, 18))
    assert measured.last_loss < 0.8 * measured.first_loss


def test_waits_within_steps_are_told_from_read_backs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from throughput.cases import Case, Length, made_up
    from throughput.syncs import MESSAGE, waits

    draw, check_losses = Batches.draw, Session.check_losses

    def waiting_draw(self: Batches, *arguments: Any) -> Any:
        warnings.warn(MESSAGE, stacklevel=1)
        return draw(self, *arguments)

    def waiting_check(self: Session, *arguments: Any) -> None:
        warnings.warn(MESSAGE, stacklevel=1)
        check_losses(self, *arguments)

    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: None)
    monkeypatch.setattr(Batches, "draw", waiting_draw)
    monkeypatch.setattr(Session, "check_losses", waiting_check)
    found = waits(made_up(), Case("resnet8", 8), Length(2, 4), erm)
    assert (found["steps"], found["read_backs"]) == (4, 2)
    assert (found["inside_steps"], found["outside_steps"]) == (4, 2)
    assert all(place.startswith("training/loop.py:") for place in found["places_inside"] | found["places_outside"])
