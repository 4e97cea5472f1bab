"""Five pitfalls of class-imbalanced data, each done wrong and then right, beside what new rows say.

    python benchmarks/pitfalls.py [--repeats 12] [--out benchmarks/pitfalls.json]

Made-up rows from scikit-learn: a person has 1,000 of them, 5 % of which are of the rare class, and 5,000 new rows of
the same kind say what a model is worth. Every repetition makes new data; one takes about two seconds of a processor.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.base import ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score, log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier

from tailtune.decision.prior_shift import prior_shift, shift_probabilities
from tailtune.run.environment import machine, versions

ROWS, NEW, RARE = 1000, 5000, 0.05
CANDIDATES = 60  # models among which the third pitfall chooses
Floats = np.ndarray
Data = tuple[Floats, Floats, Floats, Floats]  # what one has, and new rows


def data(seed: int) -> Data:
    """Rows that one has, and new ones: 20 columns, 5 of which tell something; 2 % of the labels are wrong."""
    x, y = make_classification(
        ROWS + NEW,
        20,
        n_informative=5,
        n_redundant=2,
        weights=[1 - RARE],
        flip_y=0.02,
        class_sep=0.8,
        random_state=seed,
    )
    return x[:ROWS], y[:ROWS], x[ROWS:], y[ROWS:]


def precision(model: ClassifierMixin, x: Floats, y: Floats) -> float:
    """Average precision of the rare class."""
    return float(average_precision_score(y, model.predict_proba(x)[:, 1]))


def trees(seed: int) -> ExtraTreesClassifier:
    """A forest, which knows a row again that it has seen."""
    return ExtraTreesClassifier(100, random_state=seed)


def resampling_before_splitting(seed: int) -> dict[str, float]:
    """Rare rows are doubled until the classes are even: before the split, or of the training rows only."""
    x, y, new_x, new_y = data(seed)
    more_x, more_y = RandomOverSampler(random_state=seed).fit_resample(x, y)
    a, b, c, d = train_test_split(more_x, more_y, test_size=0.3, stratify=more_y, random_state=seed)
    wrong = trees(seed).fit(a, c)
    e, f, g, h = train_test_split(x, y, test_size=0.3, stratify=y, random_state=seed)
    right = trees(seed).fit(*RandomOverSampler(random_state=seed).fit_resample(e, g))
    return {
        "wrong": float(balanced_accuracy_score(d, wrong.predict(b))),
        "right": float(balanced_accuracy_score(h, right.predict(f))),
        "wrong, new rows": float(balanced_accuracy_score(new_y, wrong.predict(new_x))),
        "right, new rows": float(balanced_accuracy_score(new_y, right.predict(new_x))),
    }


def smote_before_cross_validation(seed: int) -> dict[str, float]:
    """SMOTE makes rows of the rare class: before the folds are drawn, or within each of them."""
    x, y, new_x, new_y = data(seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    more_x, more_y = SMOTE(random_state=seed).fit_resample(x, y)
    nearest = KNeighborsClassifier(5)
    whole = make_pipeline(SMOTE(random_state=seed), nearest)
    return {
        "wrong": float(cross_val_score(nearest, more_x, more_y, cv=folds, scoring="average_precision").mean()),
        "right": float(cross_val_score(whole, x, y, cv=folds, scoring="average_precision").mean()),
        "new rows": precision(whole.fit(x, y), new_x, new_y),
    }


def choosing_on_test_rows(seed: int) -> dict[str, float]:
    """Sixty models on random halves of the columns: the best on the test rows is stated, or the best on validation."""
    x, y, new_x, new_y = data(seed)
    fit_x, other_x, fit_y, other_y = train_test_split(x, y, test_size=0.4, stratify=y, random_state=seed)
    val_x, test_x, val_y, test_y = train_test_split(
        other_x, other_y, test_size=0.5, stratify=other_y, random_state=seed
    )
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(CANDIDATES):
        columns = rng.choice(x.shape[1], x.shape[1] // 2, replace=False)
        model = LogisticRegression(max_iter=500).fit(fit_x[:, columns], fit_y)
        parts = ((val_x, val_y), (test_x, test_y), (new_x, new_y))
        found.append([precision(model, part[:, columns], labels) for part, labels in parts])
    scores = np.array(found)
    on_test, on_val = scores[scores[:, 1].argmax()], scores[scores[:, 0].argmax()]
    return {
        "wrong": float(on_test[1]),
        "wrong, new rows": float(on_test[2]),
        "right": float(on_val[1]),
        "right, new rows": float(on_val[2]),
    }


def accuracy_of_rare_classes(seed: int) -> dict[str, float]:
    """A model that never answers the rare class, and one that finds some of it, by both accuracies."""
    x, y, new_x, new_y = data(seed)
    never = DummyClassifier().fit(x, y)
    model = LogisticRegression(max_iter=500, class_weight="balanced").fit(x, y)
    return {
        "accuracy, never": float(accuracy_score(new_y, never.predict(new_x))),
        "accuracy, model": float(accuracy_score(new_y, model.predict(new_x))),
        "balanced accuracy, never": float(balanced_accuracy_score(new_y, never.predict(new_x))),
        "balanced accuracy, model": float(balanced_accuracy_score(new_y, model.predict(new_x))),
    }


def probabilities_after_resampling(seed: int) -> dict[str, float]:
    """Trained on even classes, a model's probabilities are those of even classes, until the priors are corrected."""
    x, y, new_x, new_y = data(seed)
    more_x, more_y = RandomOverSampler(random_state=seed).fit_resample(x, y)
    scores = LogisticRegression(max_iter=500).fit(more_x, more_y).predict_proba(new_x)
    corrected = shift_probabilities(scores, prior_shift((1, 1), test_priors=np.bincount(y) / len(y)))
    plain = LogisticRegression(max_iter=500).fit(x, y).predict_proba(new_x)
    return {
        "share of the rare class": float(new_y.mean()),
        "mean probability, wrong": float(scores[:, 1].mean()),
        "mean probability, right": float(corrected[:, 1].mean()),
        "log loss, wrong": float(log_loss(new_y, scores)),
        "log loss, right": float(log_loss(new_y, corrected)),
        "log loss, not resampled": float(log_loss(new_y, plain)),
    }


PITFALLS: dict[str, Callable[[int], dict[str, float]]] = {
    "resampling_before_splitting": resampling_before_splitting,
    "smote_before_cross_validation": smote_before_cross_validation,
    "choosing_on_test_rows": choosing_on_test_rows,
    "accuracy_of_rare_classes": accuracy_of_rare_classes,
    "probabilities_after_resampling": probabilities_after_resampling,
}


def main() -> None:
    """Measure all pitfalls and write the means with their standard errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    asked = parser.parse_args()
    result: dict[str, object] = {"repeats": asked.repeats, "versions": versions(), "machine": machine().__dict__}
    for name, pitfall in PITFALLS.items():
        found = [pitfall(seed) for seed in range(asked.repeats)]
        result[name] = {
            key: {
                "mean": round(statistics.mean(each[key] for each in found), 4),
                "standard_error": round(statistics.stdev(each[key] for each in found) / asked.repeats**0.5, 4),
            }
            for key in found[0]
        }
        print(name, result[name])
    asked.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
