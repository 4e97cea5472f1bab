"""`tailtune study ratio`: what class balance to collect, and whether to rebalance, for the balance met in use.

A training with so many rows, whatever their balance, is scored at every balance of use: rows of each class count as
much as the class does there, and the model's priors are corrected to it or left as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tailtune.data.dataset import Kind
from tailtune.data.longtail import counts_of_total
from tailtune.data.longtail import shares as long_tail
from tailtune.decision.deployment import read_deployment
from tailtune.errors import TailtuneError
from tailtune.questions.balances import Floats, Scores, over_classes, scores_of_test, scores_of_validation
from tailtune.questions.question import Base, Question, Row, plain, shares
from tailtune.questions.ratio_answer import OWN, WEIGHED
from tailtune.questions.ratio_answer import answer as answer
from tailtune.run.finished import Finished
from tailtune.study.results import StudyResult
from tailtune.study.study import Arm, Study
from tailtune.words import listed

TITLE = "What balance to collect, and whether to rebalance?"
ASKS = "what class balance to collect, and whether to rebalance, for the balance met in use"
LIMITS = (
    "All trainings have as many rows as the data have for every one of the balances, which is fewer than there are: "
    "with more rows another balance may be best.",
    "A balance of use is made by weighing test rows by class: rows of a class are taken to look in use as here.",
    "The balance is chosen on validation rows; the figures and differences are on test rows, over seeds. What is "
    "fitted to training rows before any is left out (scales and levels of columns) has seen all of them.",
)
CAPTION = "On test rows that count as the classes do in use; means and standard errors over seeds."
RATIOS = (0.01, 0.03, 0.1, 0.3, 1.0)
FEWEST = 4  # rows of the rarest class in a training


def settled(asked: Question, kind: Kind) -> Question:
    """Return the question with boosted trees for tables, which train in seconds, and plain training.

    Raises:
        TailtuneError: an objective, which this study has itself.
    """
    if asked.objective is not None:
        raise TailtuneError(f"tailtune study ratio is about log loss in use; leave --objective {asked.objective} out")
    return plain(asked, kind)


def design(base: Base) -> Study:
    """Return the study: the same number of rows at each ratio and at the data's own balance, that also with class
    weights. Classes become rare in the order of their sizes.

    Raises:
        TailtuneError: ratios out of range, or too few rows of the rarest class for any of them.
    """
    counts = np.array(base.counts, dtype=np.float64)
    asked = shares(base.asked.values, "train ratios") or list(RATIOS)
    total, kept = sizes(counts, asked)
    if not kept:
        raise TailtuneError(
            f"the rarest class has {int(counts.min())} training rows, and at none of the ratios "
            f"{listed(map(str, asked))} would {FEWEST} of them be left; collect more, or give --values closer to 1"
        )
    own = _rounded(counts / counts.sum(), total)
    weights = "inverse_frequency" if base.run.method == "erm" else f"{base.run.method}"
    arms = [Arm(OWN, {"class_rows": own})]
    if weights == "inverse_frequency":
        arms.append(Arm(WEIGHED, {"class_rows": own, "method": weights}))
    arms += [Arm(f"ratio {ratio:g}", {"class_rows": rows}) for ratio, rows in kept.items()]
    return base.asked.study(arms, baseline=OWN, decision="none")


def sizes(counts: Floats, ratios: Sequence[float]) -> tuple[int, dict[float, tuple[int, ...]]]:
    """Return the largest number of rows that all ratios can have, and the rows of each class at each ratio.

    Args:
        counts: rows that there are of each class [K].
        ratios: rarest over most frequent class, rising; the smallest are left out where they would leave fewer than
            `FEWEST` rows of the rarest class.

    >>> sizes(np.array([900.0, 100.0]), [0.001, 0.1, 1.0])
    (200, {0.1: (182, 18), 1.0: (100, 100)})
    """
    order = np.argsort(-counts, kind="stable")
    shapes = {ratio: np.array(long_tail("exponential", len(counts), ratio)) for ratio in ratios}
    shapes = {ratio: shape / shape.sum() for ratio, shape in shapes.items()}
    total = int(
        min((counts[order] / shape).min() for shape in (*shapes.values(), np.sort(counts)[::-1] / counts.sum()))
    )
    kept = {}
    for ratio, shape in shapes.items():
        rows = np.empty(len(counts), dtype=np.int64)
        rows[order] = counts_of_total((shape / shape[0]).tolist(), total)[0] if total >= len(counts) else 0
        rows = np.minimum(rows, counts.astype(np.int64))  # rounding may ask for a row more than there is
        if rows.min() >= FEWEST:
            kept[ratio] = tuple(rows.tolist())
    return total, kept


def _rounded(balance: Floats, total: int) -> tuple[int, ...]:
    return tuple(np.maximum(np.floor(balance * total), 1).astype(int).tolist())


def rows(base: Base, folder: Path, result: StudyResult) -> list[Row]:
    """Return a row for each training, balance of use, and whether priors are corrected to it."""
    ratios = shares(base.asked.values, "train ratios") or list(RATIOS)
    found: list[Row] = []
    for row in result.rows:
        run = Finished(folder / str(row["folder"]))
        profile = run.result.data.profile
        test, held = scores_of_test(run.predictions), scores_of_validation(run.predictions)
        in_use = _in_use(base, test)
        order = np.argsort(-np.array(base.counts), kind="stable")
        balances = {"in use": in_use}
        for ratio in ratios:
            shape = np.empty(len(order))
            shape[order] = long_tail("exponential", len(order), ratio)
            balances[f"{ratio:g}"] = shape / shape.sum()
        for name, balance in balances.items():
            found += [
                {
                    "dataset": row["dataset"],
                    "arm": row["arm"],
                    "seed": row["seed"],
                    "training_rows": sum(profile.counts),
                    "rarest": profile.names[order[-1]],
                    "rarest_share": profile.counts[order[-1]] / sum(profile.counts),
                    "use": name,
                    "use_share": float(balance[order[-1]]),
                    "corrected": corrected,
                    **{f"validation_{key}": value for key, value in _figures(held, balance, corrected).items()},
                    **{f"test_{key}": value for key, value in _figures(test, balance, corrected).items()},
                }
                for corrected in (False, True)
            ]
    return found


def _in_use(base: Base, test: Scores) -> Floats:
    """The balance in use: as it is asked for, else that of the test rows."""
    if base.asked.deploy_prior is not None:
        return read_deployment(base.asked.deploy_prior, base.dataset.profile)
    sizes = np.bincount(test.targets, test.weights, minlength=len(test.implied)).astype(np.float64)
    return np.asarray(sizes / sizes.sum())


def _figures(scores: Scores | None, balance: Floats, corrected: bool) -> dict[str, float]:
    """Log loss and accuracy on rows of a balance."""
    if scores is None:
        return {}
    p = scores.at(np.maximum(balance, 1e-12)) if corrected else scores.probabilities
    return {
        "log_loss": over_classes(scores.log_losses(p), balance),
        "accuracy": over_classes(scores.recalls(p), balance),
    }
