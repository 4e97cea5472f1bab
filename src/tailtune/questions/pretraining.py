"""`tailtune study pretraining`: begin from noise, from the rows without their labels, or from published weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tailtune.data.dataset import Kind
from tailtune.errors import TailtuneError
from tailtune.models.build import PRETRAINED
from tailtune.models.hub import NoWeightsError, weights_file
from tailtune.questions.choice import CAPTION as CAPTION
from tailtune.questions.choice import LIMITS as LIMITS
from tailtune.questions.choice import choice_answer, choice_rows, plain_question, study_of_arms
from tailtune.questions.question import Answer, Base, Question, Row
from tailtune.study.results import StudyResult
from tailtune.study.study import Arm, Study
from tailtune.training.fine_tuning import own_pictures

TITLE = "Which beginning?"
ASKS = "whether to begin from noise, from pictures without labels, or from published weights"
WAYS = {
    "scratch": "erm",
    "simclr-first": "simclr_finetune",
    "vicreg-first": "vicreg_finetune",
    "vicreg-beside": "joint_ssl",
}
OWN = ("scratch", "simclr-first", "vicreg-beside")


def settled(asked: Question, kind: Kind) -> Question:
    """Return the question with its objective and without weights, which are among what is compared.

    Raises:
        TailtuneError: a table, or a method, which the ways to begin are.
    """
    if kind != "image":
        raise TailtuneError(f"tailtune study pretraining is about pictures, and {asked.data[0]} is a table")
    if asked.method is not None:
        raise TailtuneError(f"tailtune study pretraining chooses the method; leave --method {asked.method} out")
    given = (asked.weights,) if asked.weights else ()
    values = (*asked.values, *given) if asked.values or not given else (*OWN, *given)
    return replace(plain_question("pretraining", asked), method="erm", weights=None, values=values)


def design(base: Base) -> Study:
    """Return the study of ways to begin, compared with noise. Published weights take part where they are named, and for
    a person's own pictures of 64 pixels or more where they are at hand.
    """
    ways = base.asked.values or (*OWN, *_at_hand(base))
    weights = [way for way in ways if way not in WAYS]
    model = base.asked.model or (PRETRAINED if weights else None)
    arms = [Arm(way, _changes(way, model)) for way in dict.fromkeys(("scratch", *ways))]
    return study_of_arms(base, arms, "scratch")


def _at_hand(base: Base) -> tuple[str, ...]:
    if not own_pictures(base.run, base.dataset):
        return ()
    try:
        return () if weights_file(PRETRAINED) is None else (f"timm/{PRETRAINED}",)
    except NoWeightsError:
        return ()


def _changes(way: str, model: str | None) -> dict[str, Any]:
    begins: dict[str, Any] = {"method": WAYS[way]} if way in WAYS else {"method": "erm", "weights": way}
    return begins if model is None else begins | {"model": model}


def rows(base: Base, folder: Path, result: StudyResult) -> list[Row]:
    """Return a row a training, see `choice_rows`."""
    return choice_rows(folder, result)


def answer(rows: Sequence[Row]) -> Answer:
    """Return which beginning the validation rows prefer, and what it gains on test rows."""
    return choice_answer(rows, "pretraining", TITLE, _called)


def _called(way: str) -> str:
    named = {
        "scratch": "training from scratch",
        "simclr-first": "SimCLR first",
        "vicreg-first": "VICReg first",
        "vicreg-beside": "VICReg beside the labels",
    }
    return named.get(way, f"the weights {way}")
