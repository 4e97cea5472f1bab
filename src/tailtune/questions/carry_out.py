"""A question from the data to the page: `tailtune study NAME DATA` is this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tailtune.compare import conduct_with_page
from tailtune.questions.question import Answer, Question, base_of, check_question, subject
from tailtune.questions.writing import write_answer
from tailtune.study.conduct import Conducted, Show, price
from tailtune.study.estimate import Cost


@dataclass(frozen=True)
class Answered:
    """What a study has come to, what it says, and the page that shows it."""

    conducted: Conducted
    answer: Answer
    page: Path


def carry_out(name: str, asked: Question, *, show: Show, say: Callable[[str], object]) -> Answered:
    """Carry out a study, or what is left of it, and answer its question.

    Args:
        name: of the question, see `tailtune.questions.NAMES`.
        asked: the data, and what the trainings share.
        show: opens an observer of what is counted.
        say: is told, in a sentence each, what was noticed about the data.

    Raises:
        TailtuneError: anything wrong with the input, or no training that worked.
        Interrupted: stopped by a signal; the same question goes on from there.
    """
    chosen = subject(name)
    base = base_of(check_question(name, asked), chosen)
    conducted = conduct_with_page(chosen.design(base), show=show, say=say)
    rows = chosen.rows(base, conducted.folder, conducted.result)
    answer = chosen.answer(rows)
    return Answered(conducted, answer, write_answer(conducted.folder, name, chosen, rows, answer))


def cost(name: str, asked: Question, say: Callable[[str], object]) -> Cost:
    """Return what the study would take; the arguments and errors are those of `carry_out`."""
    chosen = subject(name)
    base = base_of(check_question(name, asked), chosen)
    return price(chosen.design(base), say=say)
