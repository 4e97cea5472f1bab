"""What a question is made of: `Question` as it is asked, `Base` to design from, `Answer`, and its module, `Subject`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from tailtune.errors import TailtuneError, nearest
from tailtune.questions import NAMES
from tailtune.settings import Run
from tailtune.study.study import Arm, Study, StudySettings

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset, Kind
    from tailtune.paper.page import Table
    from tailtune.study.results import StudyResult

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Question(StudySettings):
    """A data set to ask about, what every training shares, and how the trainings are carried out."""

    values: tuple[str, ...] = ()
    """What to compare, instead of the study's own choice: batch sizes, policies, models, ways to begin, train ratios,
    or shares of a class's rows."""
    method: str | None = None
    """Method of all trainings; by default the recipe, and plain training (erm) for trees and in ratio and growth."""
    seeds: int = 5
    """Trainings of each arm, with the seeds 0, 1, 2 and so on."""
    vary: Literal["init", "subset", "both"] = "both"
    """What a seed changes: the training (init), the rows (the split, and which ones are kept), or both."""
    selection: Literal["last", "validation", "refit", "test-oracle"] = "validation"
    """How weights are chosen: the best on validation rows, or their length only and then a second training on all."""
    out: str = ""
    """Folder to write, by default runs/NAME of the study; what it holds already is not trained again."""

    def study(self, arms: Sequence[Arm], **changes: Any) -> Study:
        """Return the study of these arms.

        Args:
            arms: what is compared.
            changes: fields of `Study` that are others than asked for.
        """
        shared = {each.name: getattr(self, each.name) for each in fields(StudySettings)}
        return Study(arms=tuple(arms), method=self.method, **(shared | changes))


@dataclass(frozen=True)
class Base:
    """What a study is designed from.

    Attributes:
        asked: the question, with its model and method settled where the study has its own.
        dataset: as the first seed reads it.
        counts: training rows that each class [K] has for every seed.
        run: settled by the recipe for all training rows.
    """

    asked: Question
    dataset: Dataset
    counts: tuple[int, ...]
    run: Run


@dataclass(frozen=True)
class Answer:
    """What a study found.

    Attributes:
        sentence: the answer, with its interval, or that the data cannot tell.
        tables: what it rests on.
        figures: SVG by a name for files.
    """

    sentence: str
    tables: tuple[Table, ...]
    figures: Mapping[str, str]


class Subject(Protocol):
    """A module of this package that answers a question."""

    TITLE: str
    ASKS: str
    LIMITS: tuple[str, ...]
    CAPTION: str

    def settled(self, asked: Question, kind: Kind) -> Question:
        """Return the question with the study's own choice of what was left open, for data of a kind.

        Raises:
            TailtuneError: something that the study cannot do.
        """
        ...

    def design(self, base: Base) -> Study:
        """Return the study; what cannot be studied on these data is a TailtuneError."""
        ...

    def rows(self, base: Base, folder: Path, result: StudyResult) -> list[Row]:
        """Return the figures of the finished trainings."""
        ...

    def answer(self, rows: Sequence[Row]) -> Answer:
        """Return what these rows say."""
        ...


def subject(name: str) -> Subject:
    """Return the module that answers the question `name`.

    Raises:
        TailtuneError: there is none.
    """
    if name not in NAMES:
        raise TailtuneError(
            f"there is no study {name!r}.{nearest(name, NAMES)} There is {', '.join(NAMES)}: tailtune study ratio "
            "DATA; one of your own is path/to/file.py:function"
        )
    return cast(Subject, importlib.import_module(f"tailtune.questions.{name.replace('-', '_')}"))


def check_question(name: str, asked: Question) -> Question:
    """Return the question with its folder, or refuse it.

    Args:
        name: of the question.
        asked: what a person typed.

    Raises:
        TailtuneError: several data sets or ratios, or no validation rows, on which choices are made.
    """
    for option, values in (("DATA", asked.data), ("--ratios", asked.ratios)):
        if len(values) > 1:
            raise TailtuneError(f"tailtune study {name} takes one value of {option}, however: {len(values)}")
    if asked.selection not in ("validation", "refit"):
        raise TailtuneError(
            f"tailtune study {name} makes its choices on validation rows; use --selection validation or refit, "
            f"however: {asked.selection}"
        )
    return replace(asked, out=asked.out or f"runs/{name}")


def base_of(asked: Question, chosen: Subject) -> Base:
    """Open the data, and settle what trainings on all of their rows would share.

    Args:
        asked: the question.
        chosen: the study that is to answer it.

    Raises:
        TailtuneError: anything wrong with the data or the settings.
    """
    from tailtune.data.opened import opened
    from tailtune.study.plan import problems
    from tailtune.study.study import check_study, run_on

    study = asked.study([Arm("all rows")])
    check_study(study)
    first = opened(run_on(study, asked.data[0], asked.ratios[0] if asked.ratios else None))
    asked = chosen.settled(asked, first.kind)
    (problem,) = problems(asked.study([Arm("all rows")]), lambda sentence: None)
    splits = range(1, asked.seeds) if asked.vary != "init" else ()
    others = [opened(replace(problem.run, split_seed=seed)).profile.counts for seed in splits]
    dataset = opened(problem.run)
    counts = tuple(min(sizes) for sizes in zip(dataset.profile.counts, *others, strict=True))
    return Base(asked, dataset, counts, problem.run)


def whole_numbers(values: Sequence[str], what: str, least: int = 1) -> list[int]:
    """Read whole numbers of `least` or more, each once.

    Raises:
        TailtuneError: naming the first that is none.
    """
    found = []
    for text in values:
        if not text.isdecimal() or int(text) < least:
            raise TailtuneError(f"--values: {what} must be whole numbers of {least} or more, however: {text!r}")
        found.append(int(text))
    return list(dict.fromkeys(found))


def shares(values: Sequence[str], what: str, most: float = 1.0) -> list[float]:
    """Read numbers above 0 and up to `most`, each once, in rising order.

    Raises:
        TailtuneError: naming the first that is none.
    """
    found = set()
    for text in values:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not 0 < value <= most:
            raise TailtuneError(f"--values: {what} must be more than 0 and at most {most:g}, however: {text!r}")
        found.add(value)
    return sorted(found)


def plain(asked: Question, kind: Kind) -> Question:
    """Return the question with plain training, and boosted trees for a table, which train in seconds.

    Raises:
        TailtuneError: a refit, which would train on all validation rows beside the rows that are kept.
    """
    if asked.selection == "refit":
        raise TailtuneError(
            "--selection refit adds all validation rows to those that are kept of each class; use validation"
        )
    trees = "xgboost" if kind == "table" else None
    return replace(asked, method=asked.method or "erm", model=asked.model or trees)


def short_name(data: str) -> str:
    """Return what a sentence calls the data: a name, or the last part of a path.

    >>> short_name("adult"), short_name("/data/pictures/"), short_name("my.py:rows")
    ('adult', 'pictures', 'my.py:rows')
    """
    return Path(data).name or data
