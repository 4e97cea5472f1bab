"""Every figure that a report states about predictions on held-out rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tailtune.errors import TailtuneError
from tailtune.evaluation.calibration import classwise_calibration_error, expected_calibration_error, reliability
from tailtune.evaluation.ranking import auroc, average_precision
from tailtune.profile import ClassProfile

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)  # the log loss clips here, as scikit-learn's does


def checked(targets: ArrayLike, probabilities: ArrayLike, num_classes: int) -> tuple[Indices, Floats]:
    """Return `targets` as int64 [N] and `probabilities` as float64 [N, K], or say what is wrong with them.

    Args:
        targets: class indices [N].
        probabilities: rows that sum to 1 [N, K].
        num_classes: K.

    Raises:
        TailtuneError: no rows, shapes that do not fit, an index outside 0..K-1, NaN or infinity, an entry outside
            0..1, or a row that does not sum to 1 within 0.001.
    """
    y, p = np.asarray(targets), np.asarray(probabilities, dtype=np.float64)
    if y.ndim != 1 or len(y) == 0 or not np.issubdtype(y.dtype, np.integer):
        raise TailtuneError(f"targets must be class indices of shape [N], however: shape {y.shape}, dtype {y.dtype}")
    if p.shape != (len(y), num_classes):
        raise TailtuneError(f"probabilities must have shape {(len(y), num_classes)}, however: shape {p.shape}")
    if y.min() < 0 or y.max() >= num_classes:
        raise TailtuneError(f"targets must lie in 0..{num_classes - 1}, however: they span {y.min()}..{y.max()}")
    if not np.isfinite(p).all():
        row = int(np.flatnonzero(~np.isfinite(p).all(axis=1))[0])
        raise TailtuneError(f"probabilities must be finite, however: row {row} holds {p[row].tolist()[:8]}")
    wrong = np.flatnonzero((p.min(axis=1) < -1e-6) | (np.abs(p.sum(axis=1) - 1) > 1e-3))
    if len(wrong):
        row = int(wrong[0])
        raise TailtuneError(
            f"rows of probabilities must be 0 or more and sum to 1, however: row {row} sums to {p[row].sum():.6g} with "
            f"smallest entry {p[row].min():.6g}; apply a softmax to logits first"
        )
    return y.astype(np.int64), np.clip(p, 0.0, 1.0)


def row_losses(targets: Indices, probabilities: Floats) -> Floats:
    """Log loss -log p of the true class of each row [N], in nats, with p no smaller than 2.2e-16."""
    return -np.log(np.maximum(probabilities[np.arange(len(targets)), targets], SMALLEST_PROBABILITY))


def kappa(confusion: ArrayLike) -> float | None:
    """Quadratic-weighted kappa: agreement beyond chance for ordered classes, where a far miss counts more.

    kappa = 1 - sum_ij w_ij O_ij / sum_ij w_ij E_ij, with w_ij = (i - j)^2, the confusion matrix O and what it would be
    by chance with the same margins, E_ij = (sum_j O_ij) (sum_i O_ij) / N. 1 is full agreement, 0 that of chance.

    Args:
        confusion: counts [K, K], the truth by row; classes in their order.

    Returns:
        The figure, at most 1; None where all rows and all predictions are of one and the same class.

    Source: Cohen 1968, "Weighted kappa".

    >>> kappa([[10, 0, 0], [0, 10, 0], [2, 0, 8]])
    0.8
    """
    observed = np.asarray(confusion, dtype=np.float64)
    place = np.arange(len(observed))
    weights = (place[:, None] - place) ** 2
    margins = np.outer(observed.sum(axis=1), observed.sum(axis=0))
    expected = (weights * margins).sum()  # times N, so that a constant answer scores exactly zero
    return float(1 - observed.sum() * (weights * observed).sum() / expected) if expected > 0 else None


def rarer_class(profile: ClassProfile) -> int:
    """Index of the class with the fewest training samples; the last of them where several tie."""
    return int(profile.tail[-1])


def summarise(targets: ArrayLike, probabilities: ArrayLike, profile: ClassProfile) -> dict[str, Any]:
    """Evaluate predictions on held-out rows; the predicted class is the most probable one (the first, if tied).

    - Head, tail, many, medium and few accuracy are the share of right predictions among the rows of those classes,
      which `profile` (the training distribution) defines; None where no row belongs to them.
    - Balanced accuracy, macro F1, macro AUROC and macro AUPRC are plain means over the classes with rows in
      `targets`; a prediction of a class without rows still counts as an error of the row's own class.
    - With three classes or more, `kappa` is quadratic-weighted: read it where the classes have an order.
    - With two classes, `auprc` is that of the class that is rarer in training, `auroc` the ROC area and
      `prevalence` the rarer class's share of the rows, which is the AUPRC of a guess.

    Args:
        targets: class indices [N].
        probabilities: rows that sum to 1 [N, K].
        profile: class distribution and names of the training rows.

    Returns:
        A dictionary ready for JSON: the figures, `per_class` (precision is None for a class never predicted, recall
        and F1 for a class without rows), `confusion` (rows are the truth), `reliability` and `absent` (names of the
        classes without rows). What `checked` refuses raises a TailtuneError.

    >>> found = summarise([0, 0, 0, 1], [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]], ClassProfile((90, 10)))
    >>> found["accuracy"], found["tail_accuracy"], found["confusion"]
    (0.75, 1.0, [[2, 1], [0, 1]])
    """
    K = profile.num_classes
    y, p = checked(targets, probabilities, K)
    confusion = np.bincount(y * K + p.argmax(axis=1), minlength=K * K).reshape(K, K)
    hits, support, predicted = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    present = support > 0
    roc = [auroc(p[:, k], y == k) for k in range(K)]
    prc = [average_precision(p[:, k], y == k) for k in range(K)]
    recall = hits[present] / support[present]
    f1 = 2 * hits[present] / (support + predicted)[present]

    def accuracy_of(classes: Indices) -> float | None:
        return float(hits[classes].sum() / support[classes].sum()) if support[classes].sum() else None

    figures: dict[str, Any] = {
        "accuracy": float(hits.sum() / len(y)),
        "balanced_accuracy": float(recall.mean()),
        "macro_f1": float(f1.mean()),
        "tail_accuracy": accuracy_of(profile.tail),
        "head_accuracy": accuracy_of(profile.head),
        "many_accuracy": accuracy_of(profile.many),
        "medium_accuracy": accuracy_of(profile.medium),
        "few_accuracy": accuracy_of(profile.few),
        "macro_auroc": _mean(roc),
        "macro_auprc": _mean(prc),
        "log_loss": float(row_losses(y, p).mean()),
        "ece": expected_calibration_error(y, p),
        "classwise_ece": classwise_calibration_error(y, p),
    }
    if K > 2:
        figures["kappa"] = kappa(confusion)
    if K == 2:
        rare = rarer_class(profile)
        figures |= {"auprc": prc[rare], "auroc": roc[rare], "prevalence": float(support[rare] / len(y))}
    per_class = [
        {
            "name": profile.names[k],
            "train_count": profile.counts[k],
            "support": int(support[k]),
            "precision": float(hits[k] / predicted[k]) if predicted[k] else None,
            "recall": float(hits[k] / support[k]) if support[k] else None,
            "f1": float(2 * hits[k] / (support[k] + predicted[k])) if support[k] else None,
            "auroc": roc[k],
            "auprc": prc[k],
        }
        for k in range(K)
    ]
    return figures | {
        "per_class": per_class,
        "confusion": confusion.tolist(),
        "reliability": reliability(y, p),
        "absent": [profile.names[k] for k in range(K) if not present[k]],
    }


def _mean(values: list[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
