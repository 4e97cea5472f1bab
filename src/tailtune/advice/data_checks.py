"""Checks on the data itself: which classes are too small, absent or mismatched, and which metric can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tailtune.advice.advice import Advice
from tailtune.advice.facts import Facts
from tailtune.words import counted, listed, short_percent

FEW_SHOT, HOPELESS = 20, 5  # training samples
VALIDATION_ROWS, TEST_ROWS = 5, 30
BALANCED_SHARE, DOMINANT_SHARE = 1.5, 0.75  # of the largest class in the test part: times 1 / K, and by itself
MISMATCH = 0.1  # total variation distance between the class proportions of the training and the test part


def metric(facts: Facts) -> Advice | None:
    """TT006: accuracy misleads once one class dominates."""
    if not facts.imbalanced:
        return None
    tested = facts.profile.counts if facts.test_counts is None else tuple(facts.test_counts)
    part = "training" if facts.test_counts is None else "test"
    share = max(tested) / max(1, sum(tested))
    number = facts.profile.num_classes
    if share < BALANCED_SHARE / number:
        first = (
            "The test part is nearly balanced, so accuracy equals balanced accuracy here; on data with the training "
            f"proportions always answering {facts.name(facts.commonest)} would score "
            f"{short_percent(facts.profile.priors[facts.commonest])}."
        )
    else:
        always = facts.name(int(np.argmax(tested)))
        first = f"Always answering {always} scores {short_percent(share)} accuracy on the {part} part."
    if number == 2:
        rare = 1 - facts.commonest
        trust = (
            f"Judge by balanced accuracy (chance 50 %) and by AUPRC of {facts.name(rare)}, "
            f"whose chance level is its prevalence, {short_percent(tested[rare] / max(1, sum(tested)))}."
        )
    else:
        tail = listed(facts.name(int(k)) for k in facts.profile.tail)
        trust = (
            f"Judge by balanced accuracy (chance {short_percent(1 / number)}), macro F1 and tail accuracy, which is "
            f"over {tail}."
        )
    return Advice(
        "TT006",
        "Metric to trust",
        "Overall accuracy hides the rare classes: the paper reports the rarest and the most frequent 20 % of classes "
        "apart (section 3.1.1) and tests on balanced sets (section 4.1.1).",
        f"{first} {trust}",
        "act" if share >= DOMINANT_SHARE else "consider",
    )


def few_samples(facts: Facts) -> Advice | None:
    """TT007: classes with fewer than 20, 5 or 2 training samples."""
    counts = facts.profile.counts
    small = _under(FEW_SHOT, counts)
    if not small:
        return None
    missing = sum(FEW_SHOT - counts[k] for k in small)
    named = _named(facts, counts, small)
    words = [
        f"{_classes(len(small))} of {facts.profile.num_classes} under {FEW_SHOT} training samples: {named}.",
        f"Collect {missing:,} more {facts.rows} to lift all of them to {FEW_SHOT}, merge them with a kindred class, "
        "or leave them out.",
    ]
    singles = sum(counts[k] == 1 for k in small)
    if singles:
        words.append(
            f"{_classes(singles)} with a single training sample: it is learned from, but nothing can be said about it."
        )
    return Advice(
        "TT007",
        "Classes with few samples",
        f"Classes under {FEW_SHOT} training samples stay far behind: on long-tailed CIFAR-100, plain training reaches "
        "20.1 % on them and 70.5 % on classes over 100 (section A.9, Table 5).",
        " ".join(words),
        "act" if counts[small[0]] < HOPELESS else "consider",
    )


def small_validation(facts: Facts) -> Advice | None:
    """TT008: classes with 1 to 4 validation rows."""
    if facts.val_counts is None:
        return None
    counts = facts.val_counts
    small = _under(VALIDATION_ROWS, counts)
    if not small:
        return None
    least = min(facts.profile.counts[k] + counts[k] for k in small)
    share = math.ceil(100 * VALIDATION_ROWS / least) / 100
    if share <= 0.4:
        mend = f"--val-fraction {share:g} would give each of them {VALIDATION_ROWS}; or "
    else:
        mend = f"The smallest has {least} {facts.rows} in training and validation together, too few to split; so "
    named = _named(facts, counts, small)
    return Advice(
        "TT008",
        "Classes too small to validate",
        f"The paper is silent here; counting says that with {counts[small[0]]} validation {facts.rows} a recall moves "
        f"in steps of {100 / counts[small[0]]:.0f} points, on which no choice between epochs can rest.",
        f"{_classes(len(small))} under {VALIDATION_ROWS} validation {facts.rows}: {named}. {mend}choose the epoch by "
        "log loss, or train for a fixed length with --selection last.",
        "consider",
    )


def small_test(facts: Facts) -> Advice | None:
    """TT009: classes with 1 to 29 test rows, and the width of the interval that follows."""
    if facts.test_counts is None:
        return None
    counts = facts.test_counts
    small = _under(TEST_ROWS, counts)
    if not small:
        return None
    rows = counts[small[0]]
    half = wilson_half_width(rows)
    named = _named(facts, counts, small)
    return Advice(
        "TT009",
        "Classes too small to test",
        f"The paper is silent here; counting says that a recall of 50 % measured on {rows} {facts.rows} has a 95 % "
        f"interval of {short_percent(0.5 - half)} to {short_percent(0.5 + half)} (Wilson).",
        f"{_classes(len(small))} under {TEST_ROWS} test {facts.rows}: {named}. Read their recall with its interval, "
        f"compare methods on the tail as a whole, and test on about 92 {facts.rows} a class where 10 points matter.",
        "consider",
    )


def wilson_half_width(rows: int, z: float = 1.959964) -> float:
    """Half the width of Wilson's 95 % score interval of a proportion of one half: z / (2 sqrt(n + z^2)).

    >>> round(wilson_half_width(30), 3)
    0.168
    """
    return z / (2 * math.sqrt(rows + z * z))


def absent(facts: Facts) -> Advice | None:
    """TT010: classes without a single row in some part."""
    parts = {"training": facts.profile.counts, "validation": facts.val_counts, "test": facts.test_counts}
    gaps = {part: [k for k, n in enumerate(counts) if n == 0] for part, counts in parts.items() if counts is not None}
    gaps = {part: empty for part, empty in gaps.items() if empty}
    if not gaps:
        return None
    consequence = {
        "training": "not to be learned, so add samples or take the class out of the task",
        "validation": "no say in the choice of the epoch",
        "test": "missing from balanced accuracy and every mean over classes, so compare no figure with a full test set",
    }
    words = [
        f"Without a sample in the {part} part: {listed((facts.name(k) for k in empty), most=5)}; {consequence[part]}."
        for part, empty in gaps.items()
    ]
    return Advice(
        "TT010",
        "Classes absent from a part",
        "The paper's benchmarks train on every class and test on balanced sets (section 4.1.1), so its figures are "
        "means over all classes.",
        " ".join(words),
        "act" if "training" in gaps or "test" in gaps else "consider",
    )


def nearly_balanced(facts: Facts) -> Advice | None:
    """TT011: ratio of 0.5 or more."""
    if facts.imbalanced:
        return None
    trivial = " For augmentation take TrivialAugment, the best one on balanced data." if facts.kind == "image" else ""
    return Advice(
        "TT011",
        "Nearly balanced data",
        "On balanced data batch size hardly matters and larger networks keep improving (section 3.1.2); on the nearly "
        "balanced EuroSAT all ten methods lie between 98.4 and 99.3 % (Table 2).",
        f"The rarest class has {facts.profile.ratio:.2f} times the {facts.rows} of the most frequent: methods for "
        f"imbalance are unlikely to matter, tune the ordinary way.{trivial}",
        "note",
    )


def curation(facts: Facts) -> Advice | None:
    """TT014: training proportions should be those of use."""
    priors = facts.profile.priors
    distance = 0.0
    if facts.test_counts is not None and sum(facts.test_counts) > 0:
        test = np.asarray(facts.test_counts, dtype=np.float64)
        distance = float(np.abs(priors - test / test.sum()).sum() / 2)
    if not facts.imbalanced and distance <= MISMATCH:
        return None
    if distance > MISMATCH:
        advice = (
            f"{short_percent(distance)} of the test part would have to change class to have the training proportions: "
            "say which of the two is like later use, and collect or split so that both are."
        )
    else:
        rare = facts.rarest
        advice = (
            f"Keep the proportions of later use when you collect more: at today's, {1000 * priors[rare]:.0f} of the "
            f"next 1,000 {facts.rows} are {facts.name(rare)}. Do not add {facts.name(facts.commonest)} alone."
        )
    return Advice(
        "TT014",
        "What to collect",
        "Training data does best with about the class proportions of the test data, balanced or not; adding only "
        "majority samples helps at first and then hurts on a balanced test set (section A.8).",
        advice,
        "consider" if distance > MISMATCH else "note",
    )


def _classes(amount: int) -> str:
    return counted(amount, "class", "classes")


def _under(enough: int, counts: Sequence[int]) -> list[int]:
    """Classes that have samples, but fewer than enough; the smallest first."""
    return sorted((k for k, count in enumerate(counts) if 0 < count < enough), key=lambda k: (counts[k], k))


def _named(facts: Facts, counts: Sequence[int], members: Sequence[int]) -> str:
    return listed((f"{facts.name(k)} ({counts[k]})" for k in members), most=5)
