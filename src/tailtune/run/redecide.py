"""Deciding anew what a finished run makes of its scores, without training: another objective, another balance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tailtune.decision.deployment import read_deployment
from tailtune.decision.objective import read_objective
from tailtune.decision.use import fit_use
from tailtune.profile import ClassProfile
from tailtune.run.decide import asked_for, in_use
from tailtune.run.finished import Finished
from tailtune.run.predictor import Predictor


def redecided(
    finished: Finished,
    objective: str | None = None,
    deploy_prior: str | None = None,
    say: Callable[[str], object] = print,
) -> Predictor:
    """Return the model of a run with probabilities and answers for another objective or balance.

    They are fitted on the scores of the validation rows that the run kept, as when it was trained; where it was to make
    nothing of them (``--decision none``), as it would by default.

    Args:
        finished: the run, which stays as it is.
        objective: what answers are chosen for; by default what the run chose them for.
        deploy_prior: how frequent the classes are in use; by default as in the run. With neither, the model is
            returned as it was saved.
        say: is told what was fitted, a sentence each.

    Raises:
        TailtuneError: an objective, costs or a balance that cannot be read, or files of the run that cannot.
    """
    predictor = finished.predictor()
    if objective is None and deploy_prior is None:
        return predictor
    data, before, made = finished.result.data, finished.result.decision, finished.predictions
    profile = ClassProfile(data.counts.train, data.names)
    deployment = None if before.stated == "train" else np.asarray(before.deployment)
    if deploy_prior is not None:
        deployment = None if deploy_prior == "train" else read_deployment(deploy_prior, profile)
    wanted = read_objective(before.objective if objective is None else objective)
    asked = asked_for(wanted, deployment, "prior" if before.mode == "prior" else "fitted", profile)
    use = fit_use(asked, made.implied, profile, made.held_out)
    for sentence in use.notes or (f"Decided anew for {wanted.words}, on {use.rows} validation rows.",):
        say(sentence)
    whole = None
    if finished.run.selection == "refit" and data.counts.val is not None:
        whole = ClassProfile(tuple(np.add(data.counts.train, data.counts.val).tolist()), data.names)
    return in_use(predictor, use, whole)
