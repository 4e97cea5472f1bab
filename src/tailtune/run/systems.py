"""The model and its baselines on the test rows: what each makes of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tailtune.data.dataset import Dataset
from tailtune.decision.deployment import train_balance
from tailtune.run.clock import Clock
from tailtune.run.folder import Answered
from tailtune.run.learner import Fitted, Job
from tailtune.run.learners import CLASSICAL, fit_model, learner_of
from tailtune.run.predictor import Predictor
from tailtune.settings import Run
from tailtune.training.device import processor_threads
from tailtune.words import OUT_OF_TIME

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class System:
    """The model or a baseline, with its test probabilities [N, K] and answers [N]."""

    name: str
    label: str
    role: Literal["model", "baseline"]
    seconds: float
    test: Answered


def systems_of(
    asked: Run,
    fitted: Fitted,
    dataset: Dataset,
    scores: Probabilities,
    baselines: Sequence[str],
    clock: Clock,
    say: Callable[[str], object],
) -> Iterator[System]:
    """The model, then each of the `baselines`, which are ahead on `clock`, with their predictions on the test part.

    The baseline erm is the same network trained for the same epochs by the plain routine, but for what was asked for
    (beside a model that is no network, the network that suits the data); where there is a limit of time, for as much of
    it. A baseline's probabilities and answers are made of its scores as the model's are, so that decisions are alike.
    """
    run = fitted.run
    learner = learner_of(run.model)
    answered = _answered(fitted.predictor, scores, dataset)
    yield System(run.method, learner.title(run), "model", fitted.training.seconds, answered)
    for name in baselines:
        began = time.perf_counter()
        if name == "majority":
            assert fitted.decided is not None
            rows = len(dataset.test)
            balance = np.asarray(fitted.decided.deployment)  # all that is known of a row without looking at it
            certain = Answered(np.tile(balance, (rows, 1)), np.full(rows, train_balance(dataset.profile).argmax()))
            yield System(name, "majority class", "baseline", time.perf_counter() - began, certain)
            clock = clock.after()
            continue
        model = name if name in CLASSICAL else run.model if learner.network else None
        alone = replace(asked, method="erm", model=model, epochs=run.epochs, devices=1, logger=None)
        if name not in CLASSICAL and learner.network:
            alone = replace(alone, pretrained=run.pretrained, flip=run.flip, flip_averaging=run.flip_averaging)
        baseline = fit_model(alone, dataset, Job(until=clock.until()))
        assert baseline is not None
        clock = clock.after()
        label = CLASSICAL[name].label if name in CLASSICAL else f"erm ({baseline.run.model})"
        for sentence in baseline.training.warnings:
            say(f"Baseline {label}: {sentence}")
        if name in CLASSICAL and baseline.training.stopped == OUT_OF_TIME:
            label += ", cut short"  # wherever it is named: to be ahead of it says less
        answered = _answered(baseline.predictor, scores_of(baseline, dataset)[0], dataset)
        yield System(name, label, "baseline", baseline.training.seconds, answered)


def scores_of(fitted: Fitted, dataset: Dataset) -> tuple[Probabilities, Probabilities | None]:
    """The scores [N, K] of the test rows, with as many threads as the model was trained with.

    After several folds also those by the models of each of them [F, N, K].
    """
    with processor_threads(fitted.run.threads):
        by_fold = fitted.predictor.scores_by_fold(dataset.test.inputs)
        if by_fold is not None:
            return by_fold.mean(axis=0), by_fold
        return fitted.predictor.scores(dataset.test.inputs), None


def _answered(predictor: Predictor, scores: Probabilities, dataset: Dataset) -> Answered:
    """What a system makes of its scores of the test rows."""
    probabilities = predictor.in_use(scores)
    return Answered(probabilities, predictor.answers(probabilities, dataset.test.amounts))
