from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tailtune.models.listed import IMAGE_MODELS
from tailtune.paper.costs import MILLISECONDS, OPERATIONS, PASSES, TRAINING, hours
from tailtune.paper.page import Planned
from tailtune.study.study import Arm, Study

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
STUDY = Study(
    arms=(Arm("a"), Arm("a, prior off", {"decision": "prior"}), Arm("b", {"method": "sama(rho=0.1)"})),
    data=("cifar10",),
    ratios=(0.1, 1.0),
    total=1000,
    seeds=3,
    epochs=4,
    batch_size=100,
    model="resnet8",
    method="erm",
)


def test_hours_are_those_of_the_pictures_that_pass_through() -> None:
    plain = 4 * 1000 * MILLISECONDS["resnet8"] / 1000
    expected = 3 * 2 * (2 * TRAINING + plain * (1 + PASSES["sama"]))  # decisions share a training
    assert hours({"x": Planned(STUDY)}, "small") == pytest.approx(expected / 3600)
    assert hours({"x": Planned(STUDY, hours=2.5), "y": Planned(STUDY, hours=1)}, "small") == 3.5


def test_all_rows_of_a_ratio_where_no_total_is_given() -> None:
    whole = replace(STUDY, arms=(Arm("a"),), ratios=(1.0,), total=None, seeds=1)
    assert hours({"x": Planned(whole)}, "small") == pytest.approx((TRAINING + 4 * 50_000 * 0.00049) / 3600)


def test_times_are_those_that_were_measured() -> None:
    measured = json.loads((BENCHMARKS / "picture_times.json").read_text())
    assert measured["milliseconds"] == dict(MILLISECONDS)


def test_networks_with_a_time_have_their_operations_too() -> None:
    assert set(MILLISECONDS) <= set(OPERATIONS) <= {*IMAGE_MODELS, "resnetv2_50x1_bit"}
