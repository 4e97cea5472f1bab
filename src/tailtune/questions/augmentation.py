"""`tailtune study augmentation`: which pictures a network is shown in place of the ones that there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tailtune.data.dataset import Kind
from tailtune.errors import TailtuneError
from tailtune.questions.choice import CAPTION as CAPTION
from tailtune.questions.choice import LIMITS as LIMITS
from tailtune.questions.choice import choice_answer, choice_rows, plain_question, study_of_arms
from tailtune.questions.question import Answer, Base, Question, Row
from tailtune.study.results import StudyResult
from tailtune.study.study import Arm, Study

TITLE = "Which augmentation?"
ASKS = "how training pictures should be changed"
POLICIES = (
    *("none", "flip", "flip+crop", "flip+crop+trivialaugment", "flip+crop+autoaugment", "flip+crop+cutmix"),
    "flip+crop+trivialaugment+cutmix",
)


def settled(asked: Question, kind: Kind) -> Question:
    """Return the question with its objective.

    Raises:
        TailtuneError: another objective, or a table.
    """
    if kind != "image":
        raise TailtuneError(f"tailtune study augmentation is about pictures, and {asked.data[0]} is a table")
    return plain_question("augmentation", asked)


def design(base: Base) -> Study:
    """Return the study of policies, compared with the recipe's own; without flips where they change the class."""
    flips = (base.dataset.flip if base.run.flip is None else base.run.flip) is not False
    policies = base.asked.values or tuple(policy if flips else without_flips(policy) for policy in POLICIES)
    own = str(base.run.policy)
    names = dict.fromkeys((*policies, own))
    return study_of_arms(base, [Arm(name, {"policy": name}) for name in names], own)


def without_flips(policy: str) -> str:
    """Return a policy without its flips.

    >>> without_flips("flip"), without_flips("flip+crop+cutmix")
    ('none', 'crop+cutmix')
    """
    return "+".join(part for part in policy.split("+") if part != "flip") or "none"


def rows(base: Base, folder: Path, result: StudyResult) -> list[Row]:
    """Return a row a training, see `choice_rows`."""
    return choice_rows(folder, result)


def answer(rows: Sequence[Row]) -> Answer:
    """Return which policy the validation rows prefer, and what it gains on test rows."""
    return choice_answer(rows, "augmentation", TITLE, lambda arm: "no augmentation" if arm == "none" else arm)
