"""Columns of rows that finished trainings are looked into for: collapse, fitted training rows, curves by epoch."""

from __future__ import annotations

import numpy as np

from tailtune.run.finished import Finished


def collapse(run: Finished) -> dict[str, float | None]:
    """Return the figures of Table 4: CDNV and nearest class mean of the rarest classes' training rows.

    The run must have kept its model. What the analysis refuses is a TailtuneError.
    """
    from tailtune.analysis.neural_collapse import neural_collapse
    from tailtune.analysis.subject import subject_of

    found = neural_collapse(subject_of(run)).data["table4"]
    return {"cdnv": found["cdnv"], "ncc": found["ncc"]}


def fitted(run: Finished) -> dict[str, str]:
    """Return, with spaces between, the share of each class's training rows that the model gets right by argmax.

    The run must have kept its model, which may be of trees. Data that changed are a TailtuneError.
    """
    part, model = run.dataset().train, run.predictor()
    targets = part.targets.numpy()
    right = model.scores(part.inputs).argmax(1) == targets
    shares = [right[targets == k].mean() for k in range(len(model.names))]
    return {"fitted": " ".join(f"{share:.6g}" for share in shares)}


def watched(run: Finished) -> dict[str, str]:
    """Return, with spaces between, the accuracy after every epoch on the part that was watched: all, and rarest fifth.

    For runs with ``test_curve``. The rarest fifth is of the classes.
    """
    names = {"curve": "test_balanced_accuracy", "rare_curve": "test_tail_accuracy"}
    return {
        column: " ".join(f"{float(np.nan if line[name] is None else line[name]):.6g}" for line in run.history)
        for column, name in names.items()
    }
