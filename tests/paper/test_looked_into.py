from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from tailtune.data.open import open_dataset
from tailtune.paper.looked_into import fitted, watched
from tailtune.settings import Reading


def test_fitted_is_the_recall_of_training_rows_by_class() -> None:
    dataset = open_dataset(Reading("digits", ratio=0.1, selection="last"))
    targets = dataset.train.targets.numpy()

    def scores(inputs: Any) -> Any:
        """Right about all rows but those of the last class."""
        return np.eye(10)[np.minimum(targets, 8)]

    model = SimpleNamespace(names=dataset.names, scores=scores)
    run = SimpleNamespace(dataset=lambda: dataset, predictor=lambda: model)
    assert fitted(cast(Any, run)) == {"fitted": "1 1 1 1 1 1 1 1 1 0"}


def test_curves_are_those_of_every_epoch() -> None:
    lines = [{"test_balanced_accuracy": 0.25, "test_tail_accuracy": None}]
    lines.append({"test_balanced_accuracy": 0.5, "test_tail_accuracy": cast(Any, 0.125)})
    found = watched(cast(Any, SimpleNamespace(history=lines)))
    assert found == {"curve": "0.25 0.5", "rare_curve": "nan 0.125"}
