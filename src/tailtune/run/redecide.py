"""Deciding anew what a finished run makes of its scores, without training: another objective, another balance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tailtune.decision.use import Use
from tailtune.profile import Floats
from tailtune.run.decide import Decided, Rows, asked_of, decide
from tailtune.run.decide import in_use as with_use
from tailtune.run.finished import Finished
from tailtune.run.folder import Answered
from tailtune.run.predictor import Predictor
from tailtune.settings import Run


def decided_anew(
    finished: Finished, run: Run, found: Floats | None = None, in_use: bool = False
) -> tuple[Use, Decided]:
    """Fit what `run` asks to be made of the scores of a finished run, on the validation scores that it kept.

    Args:
        finished: the run, which stays as it is.
        run: for its objective, deployment balance and decision.
        found: class frequencies in use [K], in place of those that `run` states.
        in_use: for the scores of the model for use, not for those of the test rows, where these are of another one.

    Raises:
        TailtuneError: an objective, costs or a balance that cannot be read, or files of the run that cannot.
    """
    data, deployed = finished.result.data, finished.result.deployed
    basis = finished.predictions.basis_in_use if in_use else finished.predictions.basis
    if in_use and deployed is not None:
        counts = replace(data.counts, train=deployed.train, val=deployed.val)
        data = replace(data, counts=counts, mass=deployed.mass, val_mass=deployed.val_mass)
    profile = final = data.profile
    if finished.run.selection == "refit" and data.counts.val is not None:
        final = data.profile_with_val
    protocol = data.deployment
    if found is not None:
        run, protocol = replace(run, deploy_prior=None), tuple(found.tolist())
    asked = asked_of(run, profile, protocol)
    return decide(asked, Rows(profile, final), basis.implied, basis.held_out)


def answered_anew(finished: Finished, run: Run) -> Answered:
    """Return what the model of a finished run makes of its test rows under the decision of `run`."""
    use, _ = decided_anew(finished, run)
    probabilities = use.recalibration(finished.predictions.scores)
    return Answered(probabilities, use.answer(probabilities, finished.predictions.amounts))


def redecided(
    finished: Finished,
    objective: str | None = None,
    deploy_prior: str | None = None,
    say: Callable[[str], object] = print,
    found: Floats | None = None,
) -> Predictor:
    """Return the model of a run with probabilities and answers for another objective or balance.

    Where the run was to make nothing of its scores (``--decision none``), they are decided as by default.

    Args:
        finished: the run, which stays as it is.
        objective: what answers are chosen for; by default what the run chose them for.
        deploy_prior: how frequent the classes are in use; by default as in the run. With neither, the model is
            returned as it was saved.
        say: is told what was fitted, a sentence each.
        found: class frequencies in use [K], in place of stated ones.

    Raises:
        TailtuneError: see `decided_anew`.
    """
    predictor, run = finished.predictor(), finished.run
    if objective is None and deploy_prior is None and found is None:
        return predictor
    wanted = replace(
        run,
        objective=finished.result.decision.objective if objective is None else objective,
        deploy_prior=run.deploy_prior if deploy_prior is None else deploy_prior,
        decision="fitted" if run.decision == "none" else run.decision,
    )
    use, decided = decided_anew(finished, wanted, found, in_use=True)
    for sentence in use.notes or (f"Decided anew for {decided.words}, on {use.rows} validation rows.",):
        say(sentence)
    return with_use(predictor, use)
