"""`tailtune study architecture`: which model, and how large a one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tailtune.data.dataset import Kind
from tailtune.questions.choice import CAPTION as CAPTION
from tailtune.questions.choice import LIMITS as LIMITS
from tailtune.questions.choice import choice_answer, choice_rows, plain_question, study_of_arms
from tailtune.questions.question import Answer, Base, Question, Row
from tailtune.run.learners import learner_of
from tailtune.study.results import StudyResult
from tailtune.study.study import Arm, Study

TITLE = "Which model?"
ASKS = "which model, and how large a one, to train"
OF_IMAGES = ("resnet8", "resnet20", "resnet32", "wrn-16-4")
OF_TABLES = ("mlp-plr(width=64)", "mlp-plr", "resnet-plr", "xgboost", "logistic-regression")


def settled(asked: Question, kind: Kind) -> Question:
    """Return the question with its objective; another one is a TailtuneError."""
    return plain_question("architecture", asked)


def design(base: Base) -> Study:
    """Return the study of models, compared with the one that a comparison would take; others than networks are trained
    plainly.
    """
    own = str(base.run.model)
    names = base.asked.values or (OF_IMAGES if base.dataset.kind == "image" else OF_TABLES)
    return study_of_arms(base, [Arm(name, _changes(name)) for name in dict.fromkeys((own, *names))], own)


def _changes(model: str) -> dict[str, str]:
    return {"model": model} if learner_of(model).network else {"model": model, "method": "erm"}


def rows(base: Base, folder: Path, result: StudyResult) -> list[Row]:
    """Return a row a training, see `choice_rows`."""
    return choice_rows(folder, result)


def answer(rows: Sequence[Row]) -> Answer:
    """Return which model the validation rows prefer, and what it gains on test rows."""
    return choice_answer(rows, "architecture", TITLE, lambda arm: arm)
