"""Checks on the data itself: classes too small, absent or mismatched, suspicious columns, and how to judge results."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence

import numpy as np

from tailtune.advice.advice import Advice
from tailtune.advice.facts import BALANCED, Facts
from tailtune.leaks.column_overview import suspicious
from tailtune.words import counted, listed, printable, quoted, short_percent

FEW_SHOT, HOPELESS = 20, 5  # training samples
VALIDATION_ROWS, TEST_ROWS = 5, 30
DOMINANT_SHARE = 0.75  # of the largest class in the test part
WEAK = 0.5  # ratio from which on correcting the prior moves few rows
MOST_COLUMNS = 5
MOST_SHARES = 5
MISMATCH = 0.1  # total variation distance between the class proportions of the training and the test part


def metric(facts: Facts) -> Advice | None:
    """TT006: accuracy misleads once one class dominates."""
    if not facts.imbalanced:
        return None
    tested = facts.profile.counts if facts.test_counts is None else tuple(facts.test_counts)
    part = "training" if facts.test_counts is None else "test"
    rows, number = max(1, sum(tested)), facts.profile.num_classes
    share = max(tested) / rows
    if min(tested) >= BALANCED * max(tested):
        sizes = f"{max(tested):,}" if min(tested) == max(tested) else f"{min(tested):,} to {max(tested):,}"
        first = (
            f"Each class has {sizes} {part} {facts.rows}, so accuracy is close to balanced accuracy there; on "
            f"{facts.rows} in the training proportions always answering {facts.name(facts.commonest)} would score "
            f"{short_percent(facts.profile.priors[facts.commonest])}."
        )
    else:
        always = facts.name(int(np.argmax(tested)))
        first = f"Always answering {always} scores {short_percent(share)} accuracy on the {part} part."
    if number == 2:
        rare = 1 - facts.commonest
        trust = (
            f"Judge by balanced accuracy (chance 50 %) and by AUPRC of {facts.name(rare)}, "
            f"whose chance level is its prevalence, {short_percent(tested[rare] / rows)}."
        )
    else:
        tail = listed(facts.name(int(k)) for k in facts.profile.tail)
        trust = (
            f"Judge by balanced accuracy (chance {short_percent(1 / number)}), macro F1 and tail accuracy, which is "
            f"over {tail}."
        )
    return Advice(
        "TT006",
        "Measure to trust",
        "Plain training on Adult has 87.4 % accuracy and finds 66 % of the rare class; correcting the class prior "
        "takes 4.2 points of accuracy and finds 87 % (benchmarks/compare_adult.json): accuracy hides what the other "
        "measures show.",
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
        "Classes of few samples stay far behind: plain training finds 25 % of the two rarest digits at ratio 0.01, "
        "which have one training sample each, where it has 80 % balanced accuracy; and 42 % of the two rarest "
        "classes of long-tailed CIFAR-10, which have 50 and 83, where it has 68 % (docs/results.md).",
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
        change = f"--val-fraction {share:g}"
        mend = f"{change} would give each of them {VALIDATION_ROWS}, where the validation part is split here."
    else:
        change = "--selection last"
        mend = (
            f"The smallest has {least} {facts.rows} in training and validation together, too few to split: train on "
            f"all of them for a fixed length with {change}."
        )
    named = _named(facts, counts, small)
    return Advice(
        "TT008",
        "Classes too small to validate",
        f"Counting: on few validation {facts.rows}, here {counts[small[0]]}, a recall moves in steps of "
        f"{100 / counts[small[0]]:.0f} points, on which neither an epoch nor a threshold of the class can be chosen.",
        f"{_classes(len(small))} under {VALIDATION_ROWS} validation {facts.rows}: {named}. {mend}",
        "consider",
        (change,),
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
        f"Counting: a recall of 50 % measured on {rows} {facts.rows} has a 95 % interval of "
        f"{short_percent(0.5 - half)} to {short_percent(0.5 + half)} (Wilson).",
        f"{_classes(len(small))} under {TEST_ROWS} test {facts.rows}: {named}. Read their recall with its interval, "
        f"compare methods on the tail as a whole, and test on about 92 {facts.rows} a class where 10 points matter; no "
        "setting makes up for test rows that are not there.",
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
        "Counting: a class without training samples is never answered, and one without test samples has no recall, so "
        "that the mean over the classes is one over fewer.",
        " ".join(words),
        "act" if "training" in gaps or "test" in gaps else "consider",
    )


def nearly_balanced(facts: Facts) -> Advice | None:
    """TT011: ratio of 0.8 or more."""
    if facts.imbalanced:
        return None
    shift = math.log(1 / facts.profile.ratio)
    return Advice(
        "TT011",
        "Nearly balanced data",
        f"Arithmetic: at a ratio of {BALANCED} or more, correcting the class prior moves the log odds of two classes "
        f"by {math.log(1 / BALANCED):.2f} at most.",
        f"The rarest class has {facts.profile.counts[facts.rarest]:,} {facts.rows} and the most frequent "
        f"{max(facts.profile.counts):,}, {facts.profile.ratio:.2f} times as many ({shift:.2f} in log odds): nothing "
        "is to be changed for the sake of imbalance.",
        "note",
    )


def other_balance(facts: Facts) -> Advice | None:
    """TT014: training proportions that are not those of the test part."""
    if facts.mismatch <= MISMATCH or facts.balances is not False:
        return None
    tested = facts.test_counts or ()
    if min(tested) >= BALANCED * max(tested):
        change = "--deploy-prior uniform"
        told = (
            f"{change} answers for classes of equal size, as the test part has them (the default for named data sets "
            "whose protocol tests so)"
        )
    else:
        change = f"--deploy-prior {_shares(facts, tested)}"
        told = f"{change} answers for its class shares"
    return Advice(
        "TT014",
        "Another balance in use",
        "Where the test part is balanced and the training part is not, correcting the finished probabilities gains 3.1 "
        "points of balanced accuracy on digits at ratio 0.05 [2.7, 3.6] and 6.9 at 0.01 [3.6, 10.2] (docs/results.md).",
        f"{short_percent(facts.mismatch)} of the test part would have to change class to have the training "
        f"proportions. Say which of the two is like later use: if it is the test part, {told}.",
        "consider",
        (change,),
    )


def prior_correction(facts: Facts) -> Advice | None:
    """TT018: correct the class prior where rare classes count as much as frequent ones."""
    if not facts.imbalanced or facts.balances is not False or facts.mismatch > MISMATCH:
        return None
    rare, most = facts.rarest, facts.commonest
    priors = facts.profile.priors
    if facts.profile.num_classes == 2:
        from_on = short_percent(priors[rare])
        moved = f"{facts.name(rare)} is then answered from a probability of {from_on} on instead of 50 %"
    else:
        times = priors[most] / priors[rare]
        moved = f"the odds of {facts.name(rare)} against {facts.name(most)} then count {times:,.3g}-fold"
    change = "--objective balanced_accuracy"
    return Advice(
        "TT018",
        "If rare classes count as much",
        "On Adult every correction of the class prior, before or after training, buys about 4 points of balanced "
        "accuracy for 3.6 to 4.7 points of accuracy, at the same AUPRC; on digits at ratio 0.01, tested on balanced "
        "images, the one after training (post_hoc_logit_adjustment) gains 6.9 points [3.6, 10.2] and "
        "balanced_softmax 4.1 [0.6, 7.5] (docs/results.md). It moves the decision and ranks no row better.",
        f"If finding each class counts the same, however rare, take {change}: {moved}. If the {facts.rows} in use "
        "have other class shares than these, --deploy-prior takes them; if they have the same and every error costs "
        "the same, change nothing.",
        "consider" if facts.profile.ratio < WEAK else "note",
        (change,),
    )


def suspicious_columns(facts: Facts) -> Advice | None:
    """TT019: columns that tell the class, or the row."""
    found = suspicious(facts.columns)
    if not found:
        return None
    leaks = any(column.leaks for column in found)
    named = "; ".join(f"{quoted(column.name)} {' and '.join(column.suspicions)}" for column in found[:MOST_COLUMNS])
    more = f"; and {len(found) - MOST_COLUMNS} more" if len(found) > MOST_COLUMNS else ""
    change = f"--ignore {' '.join(shlex.quote(printable(column.name)) for column in found[:MOST_COLUMNS])}"
    return Advice(
        "TT019",
        "Suspicious columns",
        "A column that is written after the class is known, or that numbers the rows, scores well on any split of "
        "these rows and fails on later ones; no test on the same table can show it.",
        f"{named}{more}. Find out how the values come about: if a later row will not have them in this way before its "
        f"class is known, leave them out with {change}.",
        "act" if leaks else "consider",
        (change,),
    )


def sentinels(facts: Facts) -> Advice | None:
    """TT020: numbers that may stand for missing values."""
    found = [column for column in facts.columns if column.sentinel is not None]
    if not found:
        return None
    named = listed((f"{quoted(column.name)} ({column.sentinel:.0f})" for column in found), most=MOST_COLUMNS)
    return Advice(
        "TT020",
        "Numbers that may mean missing",
        "Counting: a number of nines that lies farther from all other values than these from each other is seldom a "
        "measurement. Read as one, it is the largest or smallest value of the column.",
        f"{named}: if the value means that none is known, leave the field empty, and the model is told that it is "
        "missing.",
        "consider",
    )


def _shares(facts: Facts, counts: Sequence[int]) -> str:
    """The class shares as an option takes them: written out if they are few and plain, else in a file."""
    names = facts.profile.names
    if len(names) > MOST_SHARES or not all(re.fullmatch(r"[\w.-]+", name) for name in names):
        return "FILE"
    seen = [max(count, 0.5) for count in counts]  # a share of 0 would rule a class out
    return ",".join(f"{name}={count / sum(seen):.3g}" for name, count in zip(names, seen, strict=True))


def _classes(amount: int) -> str:
    return counted(amount, "class", "classes")


def _under(enough: int, counts: Sequence[int]) -> list[int]:
    """Classes that have samples, but fewer than enough; the smallest first."""
    return sorted((k for k, count in enumerate(counts) if 0 < count < enough), key=lambda k: (counts[k], k))


def _named(facts: Facts, counts: Sequence[int], members: Sequence[int]) -> str:
    return listed((f"{facts.name(k)} ({counts[k]})" for k in members), most=5)
