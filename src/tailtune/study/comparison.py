"""`Comparison`: the study whose arms are methods, as `tailtune compare` asks for it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tailtune.errors import TailtuneError
from tailtune.study.study import Arm, Study, StudySettings

BASELINE = "erm"


@dataclass(frozen=True, kw_only=True)
class Comparison(StudySettings):
    """Methods, data sets and seeds to compare, and what every training shares."""

    methods: str = "all"
    """Names, package.module:function or file.py:function, with settings as in "sama(rho=0.1)", separated by commas; or
    all. The baseline erm is always among them."""
    out: str = "runs/compare"
    """Folder to write; what it holds already is not trained again."""

    @property
    def all(self) -> bool:
        """Whether all methods are asked for, so that those that do not take the data are left out."""
        return self.methods.strip() == "all"

    def study(self) -> Study:
        """Return the study; methods that cannot be read, or are given twice, raise a TailtuneError."""
        shared = {field.name: getattr(self, field.name) for field in fields(StudySettings)}
        arms = tuple(Arm(name, {"method": name}) for name in _methods(self.methods))
        return Study(arms=arms, baseline=BASELINE, **shared)


def _methods(text: str) -> tuple[str, ...]:
    """The names that are asked for, with the baseline among them.

    Raises:
        TailtuneError: one is given twice.
    """
    from tailtune import methods
    from tailtune.methods.resolve import split_names

    if text.strip() == "all":
        return (BASELINE, *(name for name in methods.__all__ if name != BASELINE))
    names = split_names(text)
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise TailtuneError(f"the method {doubled} is given twice; leave one of them out")
    return names if BASELINE in names else (BASELINE, *names)
