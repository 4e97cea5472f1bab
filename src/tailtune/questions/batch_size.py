"""`tailtune study batch-size`: how many rows a step, at the learning rate of the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tailtune.data.dataset import Kind
from tailtune.errors import TailtuneError
from tailtune.questions.choice import CAPTION as CAPTION
from tailtune.questions.choice import LIMITS as LIMITS
from tailtune.questions.choice import choice_answer, choice_rows, plain_question, study_of_arms
from tailtune.questions.question import Answer, Base, Question, Row, whole_numbers
from tailtune.run.learners import learner_of
from tailtune.study.results import StudyResult
from tailtune.study.study import Study, axis

TITLE = "Which batch size?"
ASKS = "how many rows a step of training should take"
SIZES = (16, 32, 64, 128, 256)


def settled(asked: Question, kind: Kind) -> Question:
    """Return the question with its objective.

    Raises:
        TailtuneError: another objective, or trees, which have no batches.
    """
    if asked.model is not None and not learner_of(asked.model).network:
        raise TailtuneError(f"{asked.model} has no batches; take a network, such as --model mlp-plr, or leave it out")
    return plain_question("batch-size", asked)


def design(base: Base) -> Study:
    """Return the study of batch sizes, compared with the recipe's own; all have its learning rate and epochs.

    Raises:
        TailtuneError: sizes that are no whole numbers, or larger than the training rows.
    """
    own, rows = int(base.run.batch_size or 0), sum(base.counts)
    sizes = whole_numbers(base.asked.values, "batch sizes") or [size for size in SIZES if size <= rows // 2]
    larger = next((size for size in sizes if size > rows), None)
    if larger is not None:
        raise TailtuneError(f"--values: a batch of {larger} is more than the {rows} training rows; leave it out")
    arms = axis("batch_size", sorted({*sizes, own}))
    return study_of_arms(base, arms, f"batch_size={own}")


def rows(base: Base, folder: Path, result: StudyResult) -> list[Row]:
    """Return a row a training, see `choice_rows`."""
    return choice_rows(folder, result)


def answer(rows: Sequence[Row]) -> Answer:
    """Return which batch size the validation rows prefer, and what it gains on test rows."""
    return choice_answer(rows, "batch-size", TITLE, lambda arm: f"batches of {arm.removeprefix('batch_size=')}")
