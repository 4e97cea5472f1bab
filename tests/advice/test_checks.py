"""Every coded check: when it fires, when it stays silent, that it says the numbers of the data, and its docs entry."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from fabricated_runs import adult, photos
from hypothesis import given, settings
from hypothesis import strategies as st

from tailtune.advice.advice import LEVELS
from tailtune.advice.all_checks import CHECKS, advise
from tailtune.advice.facts import Facts, facts_of_result
from tailtune.profile import ClassProfile, per_class

DOCS = Path(__file__).parents[2] / "docs" / "advice.md"
LONG_TAIL = tuple(int(5000 * 0.01 ** (k / 9)) for k in range(10))
NAMES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGES = Facts(ClassProfile(LONG_TAIL, NAMES), "image")
TABLE = Facts(ClassProfile((2400, 600), ("no", "yes")), "table")
TREES = replace(TABLE, network=False)
TUNED = replace(TABLE, method="tuned")
BALANCED_IMAGES = replace(IMAGES, profile=ClassProfile((900, 1000, 1000)))
BALANCED_TABLE = replace(TABLE, profile=ClassProfile((5000, 5000)))

FIRES = {
    "TT001": [
        (TABLE, ["--batch-size 128", "24 steps", "3,000 rows", "26 of 'yes'"]),
        (replace(TABLE, batch_size=256), ["takes 256 rows"]),
        (IMAGES, ["--batch-size 64 and compare 32", "194 steps"]),
    ],
    "TT002": [
        (IMAGES, ["ratio 0.01", "--policy flip+crop with flip+crop+trivialaugment"]),
        (replace(IMAGES, flip=False), ["--policy crop with crop+trivialaugment"]),
        (replace(IMAGES, side=8), ["At 8 px", "--policy none"]),
    ],
    "TT003": [
        (replace(IMAGES, model="wrn-28-10", parameters=36_500_000), ["wrn-28-10 has 36.5 million", "1.8 times"]),
        (IMAGES, ["12,406 images", "under 20 million"]),
    ],
    "TT004": [
        (TABLE, ["smoothing(smoothing=0.1)", "'no' gets 0.062", "'yes' 0.25"]),
        (IMAGES, ["smoothing(smoothing=0.08)", "'truck' 0.5"]),
    ],
    "TT005": [(TABLE, ["sama(rho=0.05)", "0.031 for 'no'", "0.12 for 'yes'"])],
    "TT006": [
        (TABLE, ["'no' scores 80 % accuracy on the training part", "AUPRC of 'yes'", "20 %"]),
        (replace(TABLE, test_counts=(90, 10)), ["90 % accuracy on the test part", "10 %"]),
        (replace(IMAGES, test_counts=(1000,) * 10), ["nearly balanced", "'plane' would score 40 %", "chance 10 %"]),
    ],
    "TT007": [
        (
            replace(IMAGES, profile=ClassProfile((300, 100, 12, 8))),
            ["2 classes of 4", "'3' (8) and '2' (12)", "20 more"],
        ),
        (replace(TABLE, profile=ClassProfile((300, 1), ("no", "yes"))), ["'yes' (1)", "1 class with a single"]),
    ],
    "TT008": [
        (replace(TABLE, val_counts=(400, 4)), ["'yes' (4)", "--val-fraction 0.01"]),
        (
            replace(TABLE, profile=ClassProfile((900, 8)), val_counts=(150, 2)),
            ["'1' (2)", "10 rows in training and validation", "--selection last"],
        ),
    ],
    "TT009": [(replace(TABLE, test_counts=(400, 10)), ["'yes' (10)", "92 rows"])],
    "TT010": [
        (replace(TABLE, profile=ClassProfile((9, 0, 5))), ["training part: '1'"]),
        (replace(TABLE, val_counts=(9, 0)), ["validation part: 'yes'"]),
        (replace(TABLE, test_counts=(0, 9)), ["test part: 'no'"]),
    ],
    "TT011": [(BALANCED_IMAGES, ["0.90 times", "TrivialAugment"]), (BALANCED_TABLE, ["1.00 times"])],
    "TT012": [(IMAGES, ["'truck' has 50 training images"])],
    "TT013": [(IMAGES, ["'truck' 24.8 times"]), (TABLE, ["'yes' 2.5 times", "XGBoost is the exception"])],
    "TT014": [
        (TABLE, ["200 of the next 1,000 rows are 'yes'", "'no' alone"]),
        (replace(BALANCED_TABLE, test_counts=(30, 70)), ["20 % of the test part"]),
    ],
    "TT015": [
        (replace(IMAGES, profile=ClassProfile((9, 9), ("turn-left", "turn-right"))), ["'turn-left'", "--no-flip"]),
        (replace(IMAGES, profile=ClassProfile((9, 9, 9), ("0", "1", "2"))), ["All 3 class names"]),
        (replace(IMAGES, side=28, channels=1), ["one channel and 28 px"]),
    ],
    "TT016": [(TABLE, ["3,000 training rows", "--model xgboost"])],
    "TT017": [
        (TABLE, ["3,000 rows make 47 steps", "43 epochs"]),
        (replace(TABLE, epochs=10, batch_size=32), ["10 epochs of 94 steps are 940", "22 epochs"]),
    ],
}

SILENT = {
    "TT001": [BALANCED_TABLE, TREES, replace(TABLE, batch_size=128), replace(IMAGES, batch_size=64)],
    "TT002": [TABLE, BALANCED_IMAGES],
    "TT003": [replace(IMAGES, parameters=270_000), TABLE, BALANCED_IMAGES],
    "TT004": [BALANCED_TABLE, TREES, TUNED, replace(TABLE, method="class_conditional_smoothing")],
    "TT005": [BALANCED_TABLE, TREES, TUNED, replace(TABLE, method="sama")],
    "TT006": [BALANCED_TABLE],
    "TT007": [IMAGES],
    "TT008": [TABLE, replace(TABLE, val_counts=(400, 5)), replace(TABLE, val_counts=(400, 0))],
    "TT009": [TABLE, replace(TABLE, test_counts=(400, 30)), replace(TABLE, test_counts=(400, 0))],
    "TT010": [replace(TABLE, val_counts=(1, 1), test_counts=(1, 1))],
    "TT011": [TABLE, IMAGES],
    "TT012": [TABLE, BALANCED_IMAGES],
    "TT013": [BALANCED_TABLE, TREES],
    "TT014": [replace(BALANCED_TABLE, test_counts=(50, 50)), BALANCED_TABLE],
    "TT015": [TABLE, IMAGES, replace(IMAGES, side=28, channels=1, flip=False), replace(IMAGES, side=224, channels=1)],
    "TT016": [IMAGES, TREES],
    "TT017": [IMAGES, TREES, replace(TABLE, epochs=50, batch_size=32)],
}


def said(facts: Facts, code: str) -> str | None:
    return next((a.recommendation for a in advise(facts) if a.code == code), None)


@pytest.mark.parametrize(("code", "facts", "numbers"), [(c, f, n) for c, cases in FIRES.items() for f, n in cases])
def test_check_fires_and_says_the_numbers(code: str, facts: Facts, numbers: list[str]) -> None:
    recommendation = said(facts, code)
    assert recommendation is not None, f"{code} is silent"
    for number in numbers:
        assert number in recommendation


@pytest.mark.parametrize(("code", "facts"), [(c, f) for c, cases in SILENT.items() for f in cases])
def test_check_stays_silent(code: str, facts: Facts) -> None:
    assert said(facts, code) is None


def test_every_check_has_both_kinds_of_test() -> None:
    codes = [f"TT{number:03}" for number in range(1, len(CHECKS) + 1)]
    assert [re.match(r"TT\d{3}", check.__doc__ or "").group() for check in CHECKS] == codes
    assert list(FIRES) == codes
    assert list(SILENT) == codes


def test_every_check_is_documented_and_every_documented_check_exists() -> None:
    documented = re.findall(r"^## (TT\d{3}) (.+)$", DOCS.read_text(encoding="utf-8"), flags=re.M)
    titles = {a.code: a.title for cases in FIRES.values() for facts, _ in cases for a in advise(facts)}
    assert documented == sorted(titles.items())


@pytest.mark.parametrize(("code", "facts", "level"), [
    ("TT001", replace(IMAGES, batch_size=512), "act"),
    ("TT001", replace(TABLE, batch_size=512), "consider"),
    ("TT003", IMAGES, "note"),
    ("TT006", replace(TABLE, test_counts=(80, 20)), "act"),
    ("TT006", replace(IMAGES, test_counts=(10,) * 10), "consider"),
    ("TT007", replace(TABLE, profile=ClassProfile((99, 4))), "act"),
    ("TT007", replace(TABLE, profile=ClassProfile((99, 5))), "consider"),
    ("TT010", replace(TABLE, val_counts=(9, 0)), "consider"),
    ("TT010", replace(TABLE, test_counts=(9, 0)), "act"),
])  # fmt: skip
def test_level_follows_severity(code: str, facts: Facts, level: str) -> None:
    assert next(a.level for a in advise(facts) if a.code == code) == level


def test_a_model_without_parameters_is_no_network_whatever_its_name() -> None:
    network = adult(lifts={"tuned": (3.0, 2.0)})
    assert facts_of_result(network.result).network
    trees = network.changed(lambda content: content["training"].update(parameters=None))
    facts = facts_of_result(trees.result)
    assert not facts.network
    assert facts.rows == "rows"
    assert facts.side is None
    assert "TT001" not in {piece.code for piece in advise(facts)}
    images = facts_of_result(photos(lifts={"tuned": (3.0, 2.0)}).result)
    assert (images.side, images.channels, images.rows) == (32, 3, "images")


def test_smoothing_numbers_are_those_of_the_rule() -> None:
    # p = (0.8, 0.2): spread (0.5 / 0.8, 0.5 / 0.2), whose weighted mean is 1, so eps = 0.1 times that.
    assert per_class(0.1, (2400, 600)).tolist() == pytest.approx([0.0625, 0.25])


def test_advice_is_sorted_by_level_then_code() -> None:
    advice = advise(replace(IMAGES, val_counts=(5,) * 9 + (0,), test_counts=(30,) * 9 + (0,), batch_size=512))
    assert [(a.level, a.code) for a in advice] == sorted(
        ((a.level, a.code) for a in advice), key=lambda key: (LEVELS.index(key[0]), key[1])
    )
    assert {a.level for a in advice} == set(LEVELS)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_facts_give_well_formed_advice(data: st.DataObject) -> None:
    number = data.draw(st.integers(2, 30))
    counts = st.lists(st.integers(0, 10**6), min_size=number, max_size=number)
    name = st.text(max_size=60)
    facts = Facts(
        ClassProfile(
            tuple(data.draw(counts.filter(any))), tuple(data.draw(st.lists(name, min_size=number, max_size=number)))
        ),
        data.draw(st.sampled_from(("table", "image"))),
        val_counts=data.draw(st.none() | counts),
        test_counts=data.draw(st.none() | counts),
        side=data.draw(st.none() | st.integers(1, 512)),
        channels=data.draw(st.none() | st.sampled_from((1, 3))),
        flip=data.draw(st.none() | st.booleans()),
        parameters=data.draw(st.none() | st.integers(1, 10**9)),
        batch_size=data.draw(st.none() | st.integers(1, 4096)),
        epochs=data.draw(st.none() | st.integers(1, 300)),
    )
    for a in advise(facts):
        assert a.level in LEVELS
        assert a.finding.endswith(".")
        assert a.recommendation.endswith(".")
        assert a.recommendation.isprintable()
