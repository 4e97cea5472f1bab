"""The figures of every class of every finished training of a study, a row each."""

from __future__ import annotations

from tailtune.evaluation.metrics import per_class
from tailtune.evaluation.scored import scored
from tailtune.run.finished import Finished
from tailtune.run.folder import Answered
from tailtune.study.results import Row
from tailtune.study.training_task import TrainingTask


def class_rows(training: TrainingTask, finished: Finished, test: Answered) -> list[Row]:
    """Return a row a class, in class order; a figure is None where it is undefined.

    Args:
        training: a finished one.
        finished: what it left.
        test: what is made of its test rows under the decision of its arm.
    """
    made, profile = finished.predictions, finished.result.data.profile
    rows = scored(made.targets, test.probabilities, profile, test.answers, made.weights)
    return [
        {
            "dataset": training.run.data,
            "ratio": training.run.ratio,
            "arm": training.arm,
            "seed": training.seed,
            "class": each.name,
            "training_rows": each.train_count,
            "test_rows": each.support,
            "recall": each.recall,
            "precision": each.precision,
            "f1": each.f1,
            "average_precision": each.auprc,
        }
        for each in per_class(rows)
    ]
