"""`Objective`: what a user wants of the answers, read from words such as ``recall@precision=0.9``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tailtune.by_name import is_own
from tailtune.errors import TailtuneError, nearest

Name = Literal[
    "balanced_accuracy", "macro_f1", "auprc", "log_loss", "accuracy", "recall@precision", "precision@budget", "cost"
]
PLAIN: tuple[Name, ...] = ("balanced_accuracy", "macro_f1", "auprc", "log_loss", "accuracy")
WORDS: dict[str, str] = {
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "auprc": "average precision of the rare classes",
    "log_loss": "log loss",
    "accuracy": "accuracy",
}
FORMS = (*PLAIN, "recall@precision=P", "precision@budget=K", "cost=FILE", "path/to/file.py:measure")
NUMBERED: tuple[Name, ...] = ("recall@precision", "precision@budget")


MONITORS: dict[str, Literal["accuracy", "average_precision"]] = {"accuracy": "accuracy", "auprc": "average_precision"}


@dataclass(frozen=True)
class Objective:
    """What the answers are chosen for.

    Attributes:
        text: as it was asked for.
        name: which kind; "own" for a measure of the user's.
        number: P of ``recall@precision=P``, a share; K of ``precision@budget=K``, rows where 1 or more, else a share
            of the rows.
        file: FILE of ``cost=FILE``.
    """

    text: str
    name: Name | Literal["own"]
    number: float = 0.0
    file: str = ""

    @property
    def monitor(self) -> Literal["accuracy", "average_precision"] | None:
        """The validation score that chooses the epoch; None for log loss, of which good answers can be made."""
        return MONITORS.get(self.name)

    @property
    def words(self) -> str:
        """The objective as a sentence names it."""
        if self.name == "recall@precision":
            return f"finding as many rare cases as a precision of {self.number:g} allows"
        if self.name == "precision@budget":
            budget = f"{self.number:.0f} cases" if self.number >= 1 else f"{100 * self.number:g} % of the cases"
            return f"a budget of {budget}"
        if self.name == "cost":
            return f"the least expected cost by {self.file}"
        return WORDS.get(self.name, self.text)


def read_objective(text: str) -> Objective:
    """Read an objective.

    Raises:
        TailtuneError: there is no such objective, or its number is out of range.

    >>> read_objective("recall@precision=0.9").number
    0.9
    """
    if is_own(text):
        return Objective(text, "own")
    name, given, value = text.partition("=")
    if name in PLAIN and not given:
        return Objective(text, name)
    if name == "cost" and value:
        return Objective(text, "cost", file=value)
    for form in NUMBERED:
        if name == form and given:
            return _with_number(text, form, value)
    hint = nearest(name, (*PLAIN, *NUMBERED, "cost"))
    raise TailtuneError(f"there is no objective {text!r}.{hint} Known: {', '.join(FORMS)}")


def _with_number(text: str, name: Name, value: str) -> Objective:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if name == "recall@precision" and not 0 < number < 1:
        raise TailtuneError(f"--objective {text}: the precision must lie between 0 and 1, such as {name}=0.9")
    if name == "precision@budget" and not (0 < number < 1 or (number >= 1 and number.is_integer())):
        raise TailtuneError(
            f"--objective {text}: the budget must be a number of rows, such as {name}=50, or a share of them below 1"
        )
    return Objective(text, name, number)
