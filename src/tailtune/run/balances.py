"""The model at other class balances than that of the test rows: what it would reach, were it told them.

Nothing is trained for it: probabilities and answers are moved to a balance, and the test rows are weighted to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tailtune.decision.deployment import train_balance
from tailtune.decision.recalibration import Recalibration
from tailtune.decision.use import SEARCHED, Asked, fit_answer
from tailtune.evaluation.bootstrap import class_means
from tailtune.evaluation.resampling import Resampling
from tailtune.evaluation.scored import Scored
from tailtune.profile import ClassProfile, Floats
from tailtune.run.folder import Predictions
from tailtune.run.points import MOST_SEARCHED

SHARES = (0.01, 0.05, 0.1, 0.25, 0.5)  # of the rarer class of two
MOST_CLASSES = 100  # up to here the answers of every row at every balance are few numbers
FIGURES = ("log_loss", "balanced_accuracy", "recall", "precision", "macro_f1")


@dataclass(frozen=True)
class AtBalance:
    """The model where the classes have other frequencies.

    Attributes:
        words: the balance, as a table names it.
        balance: class frequencies [K].
        in_use: whether this is the deployment balance of the run.
        metrics: log_loss, balanced_accuracy, macro_f1, and of the rarest classes recall and precision; None where
            undefined.
        intervals: their 95 % intervals.
    """

    words: str
    balance: tuple[float, ...]
    in_use: bool
    metrics: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]


def at_balances(
    asked: Asked, recalibration: Recalibration, profile: ClassProfile, made: Predictions, resamples: int
) -> tuple[AtBalance, ...]:
    """Return the model at several balances: shares of the rarer class of two; else that of training, and equal ones.

    The objective is the run's; its answers are fitted anew at every balance. There are no figures where the run takes
    scores as they come, where a class that a balance speaks of has no test rows, and of more than 100 classes (20
    where answers have to be sought).

    Args:
        asked: what the run wants of its model's scores.
        recalibration: from these to probabilities in use.
        profile: class distribution of the training rows.
        made: scores and answers.
        resamples: of the bootstrap intervals.
    """
    k = profile.num_classes
    sought = asked.mode == "fitted" and asked.objective.name in SEARCHED
    present = np.bincount(made.targets, minlength=k) > 0
    if asked.mode == "none" or k > (MOST_SEARCHED if sought else MOST_CLASSES) or not present[profile.tail].any():
        return ()
    if k == 2 and not present.all():
        return ()
    balances = list(_balances(recalibration.deployment, profile))
    columns: list[Floats] = []
    for _, balance, _ in balances:
        moved = recalibration.towards(balance)
        probabilities = moved(made.scores)
        answers = fit_answer(asked, moved, profile, made.held_out)[0](probabilities, made.amounts)
        columns += [Scored(made.targets, probabilities, profile).row_losses[:, None], np.eye(k)[answers]]
    drawn = []
    resampling = Resampling.of(made.targets, k, resamples, groups=made.groups, weights=made.weights)
    for means in class_means(resampling, np.concatenate(columns, axis=1)):
        parts = np.split(means, len(balances), axis=2)
        drawn.append([_figures(part, q * present, profile) for part, (_, q, _) in zip(parts, balances, strict=True)])
    return tuple(
        AtBalance(words, tuple(balance.tolist()), in_use, *_summary([block[i] for block in drawn]))
        for i, (words, balance, in_use) in enumerate(balances)
    )


def _balances(deployment: Floats, profile: ClassProfile) -> Iterator[tuple[str, Floats, bool]]:
    """Words for each balance, its frequencies, and whether it is the one in use."""
    k, rare = profile.num_classes, int(profile.tail[-1])
    found: list[tuple[str, Floats]] = []
    if k == 2:
        found += [(f"{100 * share:g} %", np.where(np.arange(2) == rare, share, 1 - share)) for share in SHARES]
        if not any(np.allclose(balance, deployment, atol=0.001) for _, balance in found):
            found.append((f"{100 * deployment[rare]:.3g} %", deployment))
        found.sort(key=lambda each: each[1][rare])
    else:
        found = [("as in training", train_balance(profile)), ("all classes alike", np.full(k, 1 / k))]
        if not any(np.allclose(balance, deployment) for _, balance in found):
            found.append(("as stated", deployment))
    for words, balance in found:
        yield words, balance, bool(np.allclose(balance, deployment, atol=0.001))


def _figures(means: Floats, balance: Floats, profile: ClassProfile) -> dict[str, Floats]:
    """The figures [r] from mean loss and shares of answers [r, K, 1 + K] of each class, weighted to a balance [K]."""
    present, tail = balance > 0, profile.tail
    q = balance / balance.sum()
    answered = means[:, :, 1:]  # [r, truth, answer]
    weighted = q[:, None] * answered
    right = np.diagonal(weighted, axis1=1, axis2=2)
    named = weighted.sum(axis=1)
    alarms = named[:, tail].sum(axis=1)
    found = weighted[:, tail][:, :, tail].sum(axis=(1, 2))
    f1 = 2 * right[:, present] / (q + named)[:, present]
    with np.errstate(invalid="ignore"):
        precision = found / alarms
    return {
        "log_loss": means[:, :, 0] @ q,
        "balanced_accuracy": np.diagonal(answered, axis1=1, axis2=2)[:, present].mean(axis=1),
        "recall": found / q[tail].sum(),
        "precision": precision,
        "macro_f1": f1.mean(axis=1),
    }


def _summary(
    blocks: list[dict[str, Floats]],
) -> tuple[dict[str, float | None], dict[str, tuple[float, float]]]:
    """The figures of the rows as they are, which come first, and intervals from the resamples."""
    first, *others = blocks
    metrics = {key: float(first[key][0]) if np.isfinite(first[key][0]) else None for key in FIGURES}
    ends = {}
    for key in FIGURES:
        values = np.concatenate([block[key] for block in others])
        if np.isfinite(values).all():
            low, high = np.percentile(values, [2.5, 97.5])
            ends[key] = (float(low), float(high))
    return metrics, ends
