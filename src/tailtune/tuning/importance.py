"""How much of the variation of the loss each setting accounts for (functional ANOVA), over several seeds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tailtune.tuning.result import Importance

if TYPE_CHECKING:
    import optuna

FEWEST = 8  # finished trials of a search, with fewer of which nothing is said
SEEDS = 5


def importances(studies: Mapping[str, optuna.Study]) -> tuple[Importance, ...]:
    """Return the importances of each search that has trials enough, the largest first.

    Source: Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML 2014.
    """
    import optuna

    found: list[Importance] = []
    for name, study in studies.items():
        states = (optuna.trial.TrialState.COMPLETE,)
        varied = [trial for trial in study.get_trials(deepcopy=False, states=states) if trial.params]
        if len(varied) < FEWEST:
            continue
        alone = optuna.create_study()
        alone.add_trials(varied)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shares = [
                optuna.importance.get_param_importances(
                    alone, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=seed)
                )
                for seed in range(SEEDS)
            ]
        for setting in shares[0]:
            values = [share[setting] for share in shares]
            found.append(Importance(name, setting, float(np.mean(values)), float(np.std(values, ddof=1))))
    return tuple(sorted(found, key=lambda one: (one.search, -one.share)))
