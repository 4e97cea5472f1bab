"""Another decision for a finished run, from the scores that it kept: nothing is trained."""

from __future__ import annotations

from tailtune.profile import ClassProfile
from tailtune.run.decide import Rows, decide
from tailtune.run.finished import Finished
from tailtune.run.folder import Answered
from tailtune.settings import Run


def decision_asked(run: Run) -> tuple[str | None, str | None, str]:
    """Return what `run` asks to be made of its model's scores."""
    return run.objective, run.deploy_prior, run.decision


def decided_anew(finished: Finished, run: Run) -> Answered:
    """Return what the model of a finished run makes of its test rows under the decision of another run.

    Args:
        finished: the run; its validation scores are what is fitted on.
        run: for its objective, deployment balance and decision.

    Raises:
        TailtuneError: an objective, costs or a balance that cannot be read, or predictions that are missing.
    """
    data, made = finished.result.data, finished.predictions
    final = data.profile
    if finished.run.selection == "refit" and data.counts.val is not None:
        both = zip(data.counts.train, data.counts.val, strict=True)
        final = ClassProfile(tuple(train + val for train, val in both), data.names)
    use, _ = decide(run, Rows(data.profile, final, data.deployment), made.implied, made.held_out)
    probabilities = use.recalibration(made.scores)
    return Answered(probabilities, use.answer(probabilities))
