from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from tailtune.errors import TailtuneError
from tailtune.evaluation.measures import BY_KEY
from tailtune.run.result import to_json
from tailtune.study.paired import SignedRank, differences, holm, paired_t, signed_rank
from tailtune.study.ranks import mean_ranks
from tailtune.study.statistics import COMPARED, name_of
from tailtune.study.statistics import compare as compare_arms

SHARES = st.floats(0, 1)


def pairs(least: int = 2, most: int = 12) -> st.SearchStrategy[np.ndarray]:
    return st.integers(least, most).flatmap(lambda n: arrays(np.float64, (2, n), elements=SHARES))


# ---- paired t ----


@pytest.mark.parametrize("n", [2, 3, 5, 10, 40])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_paired_t_is_that_of_scipy(n: int, level: float) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.normal(0.8, 0.02, n), rng.normal(0.78, 0.02, n)
    found, expected = paired_t(a, b, level), stats.ttest_rel(a, b)
    interval = expected.confidence_interval(level)
    assert found.t == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx([interval.low, interval.high])
    assert found.standard_error == pytest.approx(stats.sem(a - b))
    assert found.n == n
    assert found.note is None


@settings(deadline=None)
@given(pairs())
def test_swapping_the_methods_mirrors_the_interval(figures: np.ndarray) -> None:
    one, other = paired_t(*figures), paired_t(*figures[::-1])
    assert one.mean == pytest.approx(-other.mean, abs=1e-15)
    assert one.p == pytest.approx(other.p) if one.p is not None else other.p is None
    if one.interval is not None:
        assert one.interval == pytest.approx([-end for end in other.interval[::-1]], abs=1e-15)


@settings(deadline=None)
@given(pairs(), st.randoms(use_true_random=False))
def test_the_order_of_seeds_does_not_matter(figures: np.ndarray, random: Any) -> None:
    order = list(range(figures.shape[1]))
    random.shuffle(order)
    one, other = paired_t(*figures), paired_t(*figures[:, order])
    for key in ("mean", "standard_error", "p", "t"):
        first, second = getattr(one, key), getattr(other, key)
        assert (second is None) == (first is None)
        assert first is None or second == pytest.approx(first, rel=1e-6, abs=1e-15), key
    assert signed_rank(*figures[:, order]) == signed_rank(*figures)


@settings(deadline=None)
@given(pairs())
def test_the_interval_leaves_out_zero_just_where_p_is_small(figures: np.ndarray) -> None:
    found = paired_t(*figures, level=0.95)
    if found.interval is not None and found.t is not None and abs(found.p - 0.05) > 1e-9:
        low, high = found.interval
        assert (found.p < 0.05) == (not low <= 0 <= high)


def test_degenerate_differences_are_said_not_tested() -> None:
    one = paired_t([0.8], [0.7])
    assert (one.n, one.interval, one.p, one.standard_error) == (1, None, None, None)
    assert one.mean == pytest.approx(0.1)
    assert one.note == "one seed in common: no interval and no test"
    none = paired_t([], [])
    assert (none.n, none.mean, none.note) == (0, None, "no seed in common")
    zero = paired_t([0.8, 0.7, 0.1], [0.8, 0.7, 0.1])
    assert (zero.mean, zero.interval, zero.p, zero.t) == (0.0, (0.0, 0.0), 1.0, None)
    # 0.3 - 0.2 and 0.5 - 0.4 differ by 3e-17: rounding must not become t = 10^15
    same = paired_t([0.3, 0.5, 0.9], [0.2, 0.4, 0.8])
    assert (same.mean, same.interval, same.p) == (0.1, None, None)
    assert "no spread" in same.note


@pytest.mark.parametrize(
    ("values", "reference", "level", "words"),
    [
        ([0.1, 0.2], [0.1], 0.95, "one length"),
        ([[0.1]], [[0.1]], 0.95, "two lists"),
        ([0.1, math.nan], [0.1, 0.2], 0.95, "finite"),
        ([0.1, 0.2], [0.1, 0.3], 1.0, "between 0 and 1"),
    ],
)
def test_bad_pairs_are_refused(values: list[Any], reference: list[Any], level: float, words: str) -> None:
    with pytest.raises(TailtuneError, match=words):
        paired_t(values, reference, level)


@given(arrays(np.float64, 5, elements=st.floats(1e-80, 1e300) | st.floats(-1e300, -1e-80)))
def test_differences_of_equals_are_zero_at_any_scale(values: np.ndarray) -> None:
    assert (differences(values, values) == 0).all()
    assert np.allclose(differences(values, np.zeros(5)), values, atol=1e-11 * np.abs(values).max())


# ---- Holm ----


def holm_by_hand(p: np.ndarray) -> np.ndarray:
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(p[order] * np.arange(len(p), 0, -1), 1)
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.maximum.accumulate(stepped)
    return adjusted


@given(arrays(np.float64, st.integers(1, 20), elements=SHARES))
def test_holm_is_that_written_out(p: np.ndarray) -> None:
    adjusted = np.array(holm(p.tolist()))
    np.testing.assert_allclose(adjusted, holm_by_hand(p), rtol=1e-12)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(p * len(p), 1) + 1e-15).all()  # never more than Bonferroni's


@given(arrays(np.float64, st.integers(1, 12), elements=SHARES), st.integers(0, 5))
def test_holm_counts_what_could_not_be_tested_as_one(p: np.ndarray, untested: int) -> None:
    assert holm([*p.tolist(), *[None] * untested])[: len(p)] == holm([*p.tolist(), *[1.0] * untested])[: len(p)]


def test_holm_rejects_as_the_step_down_procedure_does() -> None:
    p = [0.01, 0.011, 0.02, 0.04, 0.9]
    assert holm(p) == pytest.approx([0.05, 0.05, 0.06, 0.08, 0.9])
    assert holm([0.2, None]) == [0.4, None]
    assert holm([]) == []
    with pytest.raises(TailtuneError, match=r"0\.\.1"):
        holm([1.2])


# ---- Wilcoxon ----


@pytest.mark.parametrize("n", [6, 7, 10, 20])
def test_signed_rank_is_that_of_scipy(n: int) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(0.5, 0.1, n), rng.normal(0.45, 0.1, n)
        found, expected = signed_rank(a, b), stats.wilcoxon(a, b, method="exact")
        assert found is not None
        assert found.p == pytest.approx(expected.pvalue)
        assert found.statistic == expected.statistic
        assert found.smallest_p == 2 / 2**n


def enumerated(d: np.ndarray) -> float:
    d = d[d != 0]
    ranks = stats.rankdata(np.abs(d))
    middle = ranks.sum() / 2
    seen = abs(ranks[d > 0].sum() - middle)
    sums = [np.dot(ranks, signs) for signs in itertools.product((0, 1), repeat=len(d))]
    return float(np.mean([abs(total - middle) >= seen for total in sums]))


@settings(deadline=None, max_examples=40)
@given(arrays(np.int64, st.integers(6, 9), elements=st.integers(-3, 3)))
def test_signed_rank_is_exact_with_ties_and_zeros(d: np.ndarray) -> None:
    found = signed_rank(d, np.zeros(len(d)))
    assert found is not None
    assert found.p == pytest.approx(enumerated(d) if d.any() else 1.0)
    assert found.p >= found.smallest_p * (1 - 1e-12)
    assert found == signed_rank(-d, np.zeros(len(d)))


def test_five_seeds_are_too_few_for_the_signed_rank() -> None:
    assert signed_rank([1] * 5, [0] * 5) is None
    assert signed_rank([1, 2, 3, 4, 5, 6], [0] * 6) == SignedRank(6, 0.0, 2 / 64, 2 / 64)
    assert signed_rank([1] * 6, [1] * 6) == SignedRank(0, 0.0, 1.0, 1.0)


# ---- ranks ----


def test_ranks_are_averages_with_ties_shared() -> None:
    found = mean_ranks({"a": [0.9, 0.8], "b": [0.7, 0.8], "c": [0.5, None]}, independent=True)
    assert found is not None
    assert found.ranks == {"a": (1.0, 1.5), "b": (2.0, 1.5)}
    assert found.mean_rank == {"a": 1.25, "b": 1.75}
    assert found.left_out == ("c",)
    assert found.critical_difference is None
    assert found.note.startswith("Only ranks")
    assert mean_ranks({"a": [0.9], "b": [0.7]}, independent=True) is None
    assert mean_ranks({"a": [0.9, 0.8]}, independent=True) is None
    assert mean_ranks({}, independent=True) is None


def test_the_critical_difference_is_that_of_the_published_table() -> None:
    rng = np.random.default_rng(0)
    scores = {f"m{i}": (0.1 * i + rng.normal(0, 0.05, 14)).tolist() for i in range(6)}
    found = mean_ranks(scores, independent=True)
    assert found is not None
    # Demsar 2006, table 5: q of 0.05 for six classifiers is 2.850
    assert found.critical_difference == pytest.approx(2.850 * math.sqrt(6 * 7 / (6 * 14)), rel=1e-3)
    expected = stats.friedmanchisquare(*scores.values())
    assert found.friedman.p == pytest.approx(expected.pvalue)
    assert list(found.mean_rank) == sorted(found.mean_rank, key=lambda name: found.mean_rank[name])
    dependent = mean_ranks(scores, independent=False)
    assert dependent is not None
    assert dependent.critical_difference is None
    assert "same rows" in dependent.note


def test_no_pair_is_told_apart_where_friedman_finds_nothing() -> None:
    rng = np.random.default_rng(1)
    found = mean_ranks({f"m{i}": rng.random(12).tolist() for i in range(6)}, independent=True)
    assert found is not None
    assert found.friedman.p > 0.05
    assert found.critical_difference is None
    tied = mean_ranks({f"m{i}": [0.5] * 12 for i in range(6)}, independent=True)
    assert tied is not None
    assert (tied.friedman, tied.critical_difference) == (None, None)


# ---- compare ----


def compare(rows: list[dict[str, Any]], *options: Any, **named: Any) -> dict[str, Any]:
    """The statistics as results.json holds them."""
    found: dict[str, Any] = json.loads(to_json(compare_arms(rows, *options, **named)))
    return found


def made(
    effects: dict[str, float], seeds: int = 5, datasets: tuple[tuple[str, float | None], ...] = (("digits", 0.01),)
) -> list[dict[str, Any]]:
    rng = np.random.default_rng(7)
    rows = []
    for dataset, ratio in datasets:
        for seed in range(seeds):
            shared = rng.normal(0, 0.03)
            for method, effect in effects.items():
                value = 0.7 + shared + effect + rng.normal(0, 0.005)
                rows.append(
                    {
                        "dataset": dataset,
                        "ratio": ratio,
                        "arm": method,
                        "seed": seed,
                        "status": "done",
                        **dict.fromkeys((measure.key for measure in COMPARED), value),
                        "auprc": None,
                        "ece": 0.2 - effect + rng.normal(0, 0.005),
                        "seconds": 10.0 * (1 + 10 * abs(effect)) * rng.uniform(0.99, 1.01),
                        "split_hash": f"{dataset}-{ratio}-{seed}",
                    }
                )
    return rows


def test_compare_tells_ahead_level_and_behind() -> None:
    rows = made({"erm": 0.0, "better": 0.06, "same": 0.0, "worse": -0.06}, seeds=8)
    found = compare(rows)
    (group,) = found["groups"]
    results = group["results"]
    standing = {name: results[name]["balanced_accuracy"]["difference"]["standing"] for name in ("better", "worse")}
    assert standing == {"better": "ahead", "worse": "behind"}
    assert results["same"]["balanced_accuracy"]["difference"]["standing"] == "level"
    assert results["better"]["ece"]["difference"]["standing"] == "ahead"  # lower is better
    assert results["better"]["ece"]["difference"]["mean"] < 0
    assert results["erm"]["balanced_accuracy"]["difference"] is None
    assert results["better"]["auprc"] == {"n": 0, "mean": None, "standard_error": None} | {
        "difference": results["better"]["auprc"]["difference"]
    }
    assert results["better"]["auprc"]["difference"]["standing"] == "untested"
    assert results["better"]["seconds"]["difference"] is None
    assert group["seconds"]["better"]["ratio"] == pytest.approx(1.6, rel=0.02)
    assert group["best"]["balanced_accuracy"] == {"arm": "better", "level_with": []}
    assert set(group["best"]["seconds"]["level_with"]) | {group["best"]["seconds"]["arm"]} == {"erm", "same"}
    assert group["best"]["auprc"] is None
    assert found["ranks"] is None
    assert "the 3 methods" in found["family"]


def test_compare_agrees_with_scipy_and_holm_over_the_methods_of_one_data_set() -> None:
    rows = made({"erm": 0, "a": 0.01, "b": 0.004, "c": -0.02}, datasets=(("digits", 0.01), ("digits", 0.05)))
    found = compare(rows)
    for group in found["groups"]:
        values = {
            name: [r["accuracy"] for r in rows if r["arm"] == name and r["ratio"] == group["ratio"]]
            for name in group["arms"]
        }
        p = np.array([stats.ttest_rel(values[name], values["erm"]).pvalue for name in ("a", "b", "c")])
        entries = [group["results"][name]["accuracy"]["difference"] for name in ("a", "b", "c")]
        np.testing.assert_allclose([entry["p"] for entry in entries], p)
        np.testing.assert_allclose([entry["holm_p"] for entry in entries], holm_by_hand(p))
        assert group["results"]["a"]["accuracy"]["standard_error"] == pytest.approx(stats.sem(values["a"]))
    assert found["ranks"]["datasets"] == ["digits at ratio 0.01", "digits at ratio 0.05"]
    assert "same rows" in found["ranks"]["note"]


@settings(deadline=None, max_examples=20)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(random: Any) -> None:
    rows = made({"erm": 0, "a": 0.02, "b": -0.01}, seeds=4)
    shuffled = rows[:]
    random.shuffle(shuffled)
    one, other = compare(rows)["groups"][0], compare(shuffled)["groups"][0]
    assert other["seeds"] == one["seeds"]
    for name in one["arms"]:
        for metric in (measure.key for measure in COMPARED):
            first, second = one["results"][name][metric], other["results"][name][metric]
            assert second["mean"] == pytest.approx(first["mean"])
            assert (second["difference"] or {}).get("seeds") == (first["difference"] or {}).get("seeds")
            assert (second["difference"] or {}).get("holm_p") == (first["difference"] or {}).get("holm_p")


def test_a_method_leans_where_only_its_own_interval_leaves_out_zero() -> None:
    rows = made({"erm": 0, **{f"m{i:02}": 0.0 for i in range(20)}})
    for row in rows:
        if row["arm"] == "m00":
            base = next(r for r in rows if r["arm"] == "erm" and r["seed"] == row["seed"])
            row["balanced_accuracy"] = base["balanced_accuracy"] + (0.01, 0.012, 0.02, 0.003, 0.015)[row["seed"]]
    entry = compare(rows)["groups"][0]["results"]["m00"]["balanced_accuracy"]["difference"]
    assert entry["interval"][0] > 0
    assert entry["p"] < 0.05 < entry["holm_p"]
    assert entry["standing"] == "leans_ahead"


def test_one_seed_is_summarised_and_not_tested() -> None:
    group = compare(made({"erm": 0, "a": 0.02}, seeds=1))["groups"][0]
    entry = group["results"]["a"]["balanced_accuracy"]
    assert entry["standard_error"] is None
    assert entry["difference"]["standing"] == "untested"
    assert entry["difference"]["note"] == "one seed in common: no interval and no test"
    assert group["best"]["balanced_accuracy"]["level_with"] == ["erm"]


def test_a_method_that_is_behind_by_the_same_on_every_seed_is_not_level_with_the_best() -> None:
    rows = made({"erm": 0, "a": 0.02})
    for row in rows:
        row["few_accuracy"] = 0.5 if row["arm"] == "erm" else 0.75
    group = compare(rows)["groups"][0]
    assert group["best"]["few_accuracy"] == {"arm": "a", "level_with": []}
    assert group["results"]["a"]["few_accuracy"]["difference"]["standing"] == "untested"
    assert "no spread" in group["results"]["a"]["few_accuracy"]["difference"]["note"]


def test_missing_seeds_other_splits_and_undefined_figures_are_left_out_and_said() -> None:
    rows = [row for row in made({"erm": 0, "a": 0.02, "b": 0.02, "c": 0}) if (row["arm"], row["seed"]) != ("a", 1)]
    for row in rows:
        if row["arm"] == "b" and row["seed"] == 2:
            row["split_hash"] = "another"
        if row["arm"] == "c" and row["seed"] in (0, 3):
            row["tail_accuracy"] = None if row["seed"] else math.nan
    group = compare(rows)["groups"][0]
    results = group["results"]
    assert results["a"]["accuracy"]["difference"]["seeds"] == [0, 2, 3, 4]
    assert results["b"]["accuracy"]["difference"]["seeds"] == [0, 1, 3, 4]
    assert results["b"]["accuracy"]["n"] == 5
    assert results["c"]["tail_accuracy"]["n"] == 3
    assert results["c"]["tail_accuracy"]["difference"]["seeds"] == [1, 2, 4]
    assert group["notes"] == [
        "a lacks seed 1.",
        "b had other splits than erm on seed 2: not compared there.",
        "c has a figure that is not finite on seed 0: left out.",
    ]


def test_a_comparison_whose_baseline_failed_still_has_its_means() -> None:
    rows = [row | {"status": "failed" if row["arm"] == "erm" else "done"} for row in made({"erm": 0, "a": 0.02})]
    (group,) = compare(rows)["groups"]
    assert group["results"]["a"]["accuracy"]["difference"] is None
    assert group["notes"] == ["No training of erm finished, so nothing is compared with it."]
    assert compare([])["groups"] == []


def test_wilcoxon_stands_beside_from_six_seeds_on() -> None:
    five, six = (
        compare(made({"erm": 0, "a": 0.06}, seeds=n))["groups"][0]["results"]["a"]["accuracy"]["difference"]
        for n in (5, 6)
    )
    assert five["wilcoxon"] is None
    assert six["wilcoxon"] == {"n": 6, "statistic": 0.0, "p": 2 / 64, "smallest_p": 2 / 64}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda rows: rows.append(rows[0]), "two results of erm, seed 0, on digits at ratio 0.01"),
        (lambda rows: rows[3].pop("ratio"), "row 3 of the results lacks ratio"),
        (lambda rows: rows[0].update(accuracy="high"), "accuracy of erm, seed 0, .* must be a number"),
    ],
)
def test_bad_rows_are_refused(spoil: Any, words: str) -> None:
    rows = made({"erm": 0, "a": 0.02})
    spoil(rows)
    with pytest.raises(TailtuneError, match=words):
        compare(rows)
    with pytest.raises(TailtuneError, match="between 0 and 1"):
        compare_arms([], level=95)


def test_names_of_data_sets() -> None:
    assert name_of({"dataset": "digits", "ratio": 0.05}) == "digits at ratio 0.05"


def test_a_group_names_the_metric_of_its_data_set_where_the_rows_do() -> None:
    rows = [row | {"headline": "kappa"} for row in made({"erm": 0.0, "better": 0.06}, seeds=3)]
    (group,) = compare(rows)["groups"]
    assert group["headline"] == "kappa"
    assert group["results"]["better"]["kappa"]["difference"]["n"] == 3
    (group,) = compare(made({"erm": 0.0}, seeds=3))["groups"]
    assert group["headline"] is None


def test_the_direction_of_a_measure_decides_who_is_ahead() -> None:
    """The same figures, read once as a gain and once as a cost."""
    gain = replace(BY_KEY["balanced_accuracy"], key="gain")
    measures = (BY_KEY["balanced_accuracy"], gain, replace(gain, key="cost", higher_is_better=False))
    rows = [row | dict.fromkeys(("gain", "cost"), row["accuracy"]) for row in made({"erm": 0.0, "a": 0.06}, seeds=6)]
    (group,) = compare(rows, measures=measures)["groups"]
    standing = {key: figure["difference"]["standing"] for key, figure in group["results"]["a"].items()}
    assert standing == {"balanced_accuracy": "ahead", "gain": "ahead", "cost": "behind"}
    assert (group["best"]["gain"]["arm"], group["best"]["cost"]["arm"]) == ("a", "erm")
