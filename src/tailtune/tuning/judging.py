"""What tuning gained: the default and the tuned models beside each other on rows that chose nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tailtune.decision.blend import blend
from tailtune.profile import Floats
from tailtune.tuning.kept_trials import DEFAULT, place_of
from tailtune.tuning.parts import SearchRows
from tailtune.tuning.result import Judged, Trial
from tailtune.tuning.trial import Made, losses


def best_of_each(trials: Iterable[Trial]) -> dict[str, Trial]:
    """The trial of the lowest loss of each search that finished one; of equals the first."""
    found: dict[str, Trial] = {}
    for trial in trials:
        before = found.get(trial.search)
        if trial.loss is not None and (before is None or trial.loss < (before.loss or 0.0)):
            found[trial.search] = trial
    return found


def defaults_of(trials: Iterable[Trial]) -> dict[str, Trial]:
    """The trial of each search that had its default settings, where that was finished."""
    return {trial.search: trial for trial in trials if trial.origin == DEFAULT and trial.loss is not None}


def judge(
    defaults: Mapping[str, Trial], best: Mapping[str, Trial], rows: SearchRows, weights: Floats | None, folder: Path
) -> Judged:
    """Set the blend of the default trials beside that of the best ones, on the rows that judge."""
    targets, judges = rows.chosen_by.targets, rows.dataset.test.targets.numpy()
    importance = None if weights is None else weights[targets]

    def blended(of_each: Mapping[str, Trial]) -> tuple[Floats, float]:
        made = [Made.read(place_of(folder, trial.search, trial.number)) for trial in of_each.values()]
        shares = blend([one.choose for one in made], targets, importance).weights
        choose, judge = (np.tensordot(shares, [getattr(one, part) for one in made], 1) for part in ("choose", "judge"))
        return losses(judge, judges, weights), float(losses(choose, targets, weights).mean())

    of_default, _ = blended(defaults or best)
    of_tuned, promised = blended(best)
    gains = of_default - of_tuned
    gain, error = float(gains.mean()), float(gains.std(ddof=1) / len(gains) ** 0.5)
    return Judged(len(judges), float(of_default.mean()), float(of_tuned.mean()), gain, error, promised, gain > 0)
