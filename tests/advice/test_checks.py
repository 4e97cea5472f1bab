"""Every coded check: when it fires, when it stays silent, that it says the numbers of the data, and its docs entry."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fabricated_runs import adult, photos
from hypothesis import given, settings
from hypothesis import strategies as st

from tailtune.advice.advice import LEVELS
from tailtune.advice.all_checks import CHECKS, advise
from tailtune.advice.facts import Facts, Routine, facts_of_dataset, facts_of_result
from tailtune.data.open import open_dataset
from tailtune.decision.deployment import read_deployment
from tailtune.decision.objective import read_objective
from tailtune.leaks.column_overview import ColumnOverview
from tailtune.leaks.leak import Leak, Pair
from tailtune.methods.resolve import build, find
from tailtune.profile import ClassProfile
from tailtune.settings import Reading, Resolved, Run
from tailtune.training.recipe import resolve

DOCS = Path(__file__).parents[2] / "docs" / "advice.md"
LONG_TAIL = tuple(int(5000 * 0.01 ** (k / 9)) for k in range(10))
NAMES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGES = Facts(ClassProfile(LONG_TAIL, NAMES), "image")
TABLE = Facts(ClassProfile((2400, 600), ("no", "yes")), "table")
TREES = replace(TABLE, network=False)
BALANCED_IMAGES = replace(IMAGES, profile=ClassProfile((900, 1000, 1000)))
BALANCED_TABLE = replace(TABLE, profile=ClassProfile((5000, 5000)))

AGE = ColumnOverview("age", "number", True, 900, 0, 70, "-999 to 90", sentinel=-999.0)
STRONG = "flip+crop+trivialaugment+cutmix"  # what a person may ask for
LEAK = ColumnOverview(
    "paid late", "category", True, 900, 0, 2, "no (800), yes (100)", ("by itself nearly tells it",), True
)
ROWS = replace(LEAK, name="row", type="identifier", suspicions=("tells every row apart",), leaks=False)

COPIES = Leak(
    "identical",
    "12 test rows of 100 (12 %) have the same values as rows trained on",
    "Take them away.",
    rows=12,
    pairs=(Pair("9", "4"),),
)
PATIENTS = Leak(
    "group",
    "Column 'patient' looks like a group",
    "--group patient keeps it together.",
    50,
    change=("--group patient",),
)
DATES = Leak("time", "Column 'day' says when a row came about", "Test on later rows.")

FIRES = {
    "TT002": [
        (
            IMAGES,
            [
                "124 epochs of 32 images a step, 47,988 steps",
                "--policy flip+crop+trivialaugment:",
                "take --policy flip+crop.",
            ],
        ),
        (replace(IMAGES, flip=False), ["take --policy crop."]),
        (replace(IMAGES, side=8), ["--policy flip+crop: add neither"]),
        (
            replace(IMAGES, routine=Routine(64, 15, STRONG)),
            ["15 epochs", "2,895 steps", "trivialaugment and cutmix: take --policy flip+crop, or 60 epochs"],
        ),
    ],
    "TT005": [
        (replace(TABLE, method="tuned(rho=0.1)"), ["This run trains with SAM-A", "--method tuned"]),
        (replace(IMAGES, method="sama"), ["This run trains with SAM-A"]),
    ],
    "TT006": [
        (TABLE, ["'no' scores 80 % accuracy on the training part", "AUPRC of 'yes'", "20 %"]),
        (replace(TABLE, test_counts=(90, 10)), ["90 % accuracy on the test part", "10 %"]),
        (replace(TABLE, profile=ClassProfile((140, 60))), ["'0' scores 70 % accuracy"]),
        (replace(TABLE, test_counts=(28, 12)), ["70 % accuracy on the test part"]),
        (replace(IMAGES, test_counts=(1000,) * 10), ["has 1,000 test", "'plane' would score 40 %", "chance 10 %"]),
        (replace(TABLE, test_counts=(100, 80)), ["Each class has 80 to 100 test rows"]),
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
    "TT011": [
        (BALANCED_IMAGES, ["900 images", "1,000", "0.90 times", "0.11 in log odds"]),
        (BALANCED_TABLE, ["1.00 times"]),
        (replace(TABLE, profile=ClassProfile((100, 80))), ["0.80 times"]),
    ],
    "TT013": [
        (IMAGES, ["leave the images as they are", "'truck' 24.8 times"]),
        (TABLE, ["'yes' 2.5 times"]),
        (replace(TABLE, method="oversample", balances=True), ["oversample was chosen", "post_hoc_logit_adjustment"]),
    ],
    "TT014": [
        (replace(IMAGES, test_counts=(1000,) * 10), ["49 % of the test part", "--deploy-prior uniform"]),
        (replace(TABLE, test_counts=(30, 70)), ["50 % of the test part", "--deploy-prior no=0.3,yes=0.7"]),
        (replace(IMAGES, test_counts=(1,) * 5 + (9,) * 5), ["--deploy-prior FILE"]),
    ],
    "TT015": [
        (replace(IMAGES, profile=ClassProfile((9, 9), ("turn-left", "turn-right"))), ["'turn-left'", "--no-flip"]),
        (
            replace(IMAGES, profile=ClassProfile((9, 9, 9), ("0", "1", "2"))),
            ["All 3 class names", "(flip+crop+trivialaugment)"],
        ),
    ],
    "TT016": [(TABLE, ["3,000 training rows", "--model xgboost"])],
    "TT017": [
        (replace(TABLE, profile=ClassProfile((20, 8))), ["The recipe takes 400 epochs of 1 step (", "--epochs 600"]),
        (replace(TABLE, routine=Routine(128, 10, "none")), ["This run takes 10 epochs of 23 steps", "--epochs 27"]),
    ],
    "TT018": [
        (
            TABLE,
            ["--objective balanced_accuracy", "'yes' is then answered from a probability of 20 %", "--deploy-prior"],
        ),
        (IMAGES, ["'truck' against 'plane' then count 100-fold"]),
        (replace(TABLE, network=False), ["probability of 20 %"]),
    ],
    "TT019": [
        (replace(TABLE, columns=(LEAK, ROWS)), ["'paid late' by itself nearly", "--ignore 'paid late' row"]),
        (replace(BALANCED_TABLE, columns=(ROWS,)), ["'row' tells every row apart"]),
    ],
    "TT020": [(replace(TABLE, columns=(LEAK, AGE)), ["'age' (-999)", "leave the field empty"])],
    "TT021": [
        (
            replace(TABLE, leaks=(COPIES,)),
            ["12 test rows of 100 (12 %)", "(9 is like 4 of training)", "Take them away."],
        ),
        (
            replace(TABLE, leaks=(COPIES, replace(COPIES, code="near", what="3 rows are nearly so", rows=3))),
            [
                "rows trained on (9 is like 4 of training). 3 rows are nearly so (9 is like 4 of training). Take them",
            ],
        ),
    ],
    "TT022": [(replace(TABLE, leaks=(COPIES, PATIENTS)), ["Column 'patient' looks like a group", "--group patient"])],
    "TT023": [(replace(TABLE, leaks=(DATES,)), ["Column 'day' says when"])],
}

SILENT = {
    "TT002": [TABLE, BALANCED_IMAGES, replace(IMAGES, routine=Routine(64, 15, "flip+crop"))],
    "TT005": [
        TABLE,
        IMAGES,
        replace(TABLE, method="tuned(rho=0.0)"),
        replace(BALANCED_TABLE, method="sama"),
        TREES,
        replace(TABLE, method="focal(gamma=2)"),
    ],
    "TT006": [BALANCED_TABLE],
    "TT007": [IMAGES],
    "TT008": [TABLE, replace(TABLE, val_counts=(400, 5)), replace(TABLE, val_counts=(400, 0))],
    "TT009": [TABLE, replace(TABLE, test_counts=(400, 30)), replace(TABLE, test_counts=(400, 0))],
    "TT010": [replace(TABLE, val_counts=(1, 1), test_counts=(1, 1))],
    "TT011": [TABLE, IMAGES, replace(TABLE, profile=ClassProfile((140, 60)))],
    "TT013": [BALANCED_TABLE, TREES],
    "TT014": [replace(TABLE, test_counts=(80, 20)), TABLE, replace(TABLE, test_counts=(50, 50), balances=True)],
    "TT015": [TABLE, IMAGES, replace(IMAGES, profile=ClassProfile((9, 9, 9), ("0", "1", "2")), flip=False)],
    "TT016": [IMAGES, TREES],
    "TT017": [IMAGES, TABLE, TREES, replace(IMAGES, routine=Routine(32, 8, "flip+crop"), begun=True)],
    "TT018": [
        BALANCED_TABLE,
        replace(TABLE, balances=True),
        replace(TABLE, balances=None),
        replace(TABLE, test_counts=(50, 50)),
    ],
    "TT019": [TABLE, replace(TABLE, columns=(replace(LEAK, used=False), replace(LEAK, suspicions=(), leaks=False)))],
    "TT020": [TABLE, replace(TABLE, columns=(replace(AGE, sentinel=None),))],
    "TT021": [TABLE, replace(TABLE, leaks=(PATIENTS, DATES))],
    "TT022": [TABLE, replace(TABLE, leaks=(COPIES, DATES))],
    "TT023": [TABLE, replace(TABLE, leaks=(COPIES, PATIENTS))],
}


def said(facts: Facts, code: str) -> str | None:
    return next((a.recommendation for a in advise(facts) if a.code == code), None)


@pytest.mark.parametrize(("code", "facts", "numbers"), [(c, f, n) for c, cases in FIRES.items() for f, n in cases])
def test_check_fires_and_says_the_numbers(code: str, facts: Facts, numbers: list[str]) -> None:
    recommendation = said(facts, code)
    assert recommendation is not None, f"{code} is silent"
    for number in numbers:
        assert number in recommendation


@pytest.mark.parametrize("facts", [f for cases in FIRES.values() for f, _ in cases])
def test_every_change_is_an_option_that_fit_takes(facts: Facts) -> None:
    for change in (option for piece in advise(facts) for option in piece.change):
        option, *values = shlex.split(change)
        assert option.removeprefix("--").replace("-", "_") in {*Run.__dataclass_fields__, "no_flip"}
        if option == "--objective":
            assert read_objective(*values).text == values[0]
        if option == "--deploy-prior" and values != ["FILE"]:
            assert read_deployment(*values, facts.profile).sum() == pytest.approx(1)
        if option == "--method":
            find(*values)


@pytest.mark.parametrize(("code", "facts"), [(c, f) for c, cases in SILENT.items() for f in cases])
def test_check_stays_silent(code: str, facts: Facts) -> None:
    assert said(facts, code) is None


def test_every_check_has_both_kinds_of_test() -> None:
    """Numbers that are missing were checks which no result of ours bore out; they are not given to another."""
    codes = [re.match(r"TT\d{3}", check.__doc__ or "").group() for check in CHECKS]
    assert list(FIRES) == list(SILENT) == codes == sorted(set(codes))


def test_every_check_is_documented_and_every_documented_check_exists() -> None:
    documented = re.findall(r"^## (TT\d{3}) (.+)$", DOCS.read_text(encoding="utf-8"), flags=re.M)
    titles = {a.code: a.title for cases in FIRES.values() for facts, _ in cases for a in advise(facts)}
    assert documented == sorted(titles.items())


@pytest.mark.parametrize(("code", "facts", "level"), [
    ("TT002", IMAGES, "note"),
    ("TT002", replace(IMAGES, routine=Routine(64, 15, STRONG)), "consider"),
    ("TT006", replace(TABLE, test_counts=(80, 20)), "act"),
    ("TT006", replace(IMAGES, test_counts=(10,) * 10), "consider"),
    ("TT007", replace(TABLE, profile=ClassProfile((99, 4))), "act"),
    ("TT007", replace(TABLE, profile=ClassProfile((99, 5))), "consider"),
    ("TT010", replace(TABLE, val_counts=(9, 0)), "consider"),
    ("TT010", replace(TABLE, test_counts=(9, 0)), "act"),
    ("TT013", TABLE, "note"),
    ("TT013", replace(TABLE, method="oversample", balances=True), "consider"),
    ("TT018", TABLE, "consider"),
    ("TT018", replace(TABLE, profile=ClassProfile((100, 70))), "note"),
    ("TT019", replace(TABLE, columns=(LEAK,)), "act"),
    ("TT019", replace(TABLE, columns=(ROWS,)), "consider"),
    ("TT021", replace(TABLE, leaks=(COPIES,)), "act"),
    ("TT022", replace(TABLE, leaks=(PATIENTS,)), "act"),
    ("TT022", replace(TABLE, leaks=(replace(PATIENTS, rows=0),)), "consider"),
    ("TT023", replace(TABLE, leaks=(DATES,)), "consider"),
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
    assert "TT016" not in {piece.code for piece in advise(facts)}
    images = facts_of_result(photos(lifts={"tuned": (3.0, 2.0)}).result)
    assert (images.side, images.channels, images.rows) == (32, 3, "images")


def test_the_recipe_of_the_facts_is_that_of_training() -> None:
    for reading in (Reading("digits", ratio=0.05), Reading("digits")):
        dataset = open_dataset(reading)
        asked = Resolved(**vars(reading), model="resnet8", method="tuned")
        trained = resolve(asked, build("tuned", dataset.profile), dataset)
        recipe = facts_of_dataset(dataset, reading).recipe
        assert recipe == Routine(trained.batch_size, trained.epochs, trained.policy)


def test_a_run_is_judged_by_its_method_and_routine() -> None:
    made = adult(lifts={"tuned": (3.0, 2.0)})

    def set_run(content: dict[str, Any]) -> None:
        content["run"] |= {"method": "balanced_softmax", "batch_size": 128, "epochs": 3, "policy": "none"}

    facts = facts_of_result(made.changed(set_run).result)
    assert facts.routine == Routine(128, 3, "none")
    assert facts.balances
    own = made.changed(lambda content: content["run"].update(method="mine.py:method"))
    assert facts_of_result(own.result).balances is None


def test_advice_is_sorted_by_level_then_code() -> None:
    advice = advise(replace(IMAGES, val_counts=(5,) * 9 + (0,), test_counts=(30,) * 9 + (0,)))
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
        routine=data.draw(st.none() | st.builds(Routine, st.integers(1, 4096), st.integers(1, 300), st.just(STRONG))),
    )
    for a in advise(facts):
        assert a.level in LEVELS
        assert a.finding.endswith(".")
        assert a.recommendation.endswith(".")
        assert a.recommendation.isprintable()
        assert all(option in a.recommendation for option in a.change)
