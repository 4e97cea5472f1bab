"""`Comparison`: the study whose arms are methods, as `tailtune compare` asks for it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tailtune.errors import TailtuneError
from tailtune.settings import Mode
from tailtune.study.study import Arm, Study, StudySettings

BASELINE = "erm"


@dataclass(frozen=True, kw_only=True)
class Comparison(StudySettings):
    """Methods, data sets and seeds to compare, and what every training shares."""

    methods: str = "all"
    """Names, package.module:function or file.py:function, with settings as in "sama(rho=0.1)", separated by commas; or
    all. The baseline erm is always among them."""
    decisions: tuple[Mode, ...] = ("none",)
    """What is made of the probabilities of every method: nothing (none), the class balance in use and the answers that
    follow from it (prior), or also calibration and answers fitted on validation rows (fitted). Several are compared on
    the same trainings."""
    out: str = "runs/compare"
    """Folder to write; what it holds already is not trained again."""

    @property
    def all(self) -> bool:
        """Whether all methods are asked for, so that those that do not take the data are left out."""
        return self.methods.strip() == "all"

    def study(self) -> Study:
        """Return the study.

        Raises:
            TailtuneError: methods that cannot be read, or methods or decisions that are given twice.
        """
        shared = {field.name: getattr(self, field.name) for field in fields(StudySettings)}
        arms = tuple(self._arm(name, decision) for decision in self.decisions for name in _methods(self.methods))
        if not arms or len(set(self.decisions)) < len(self.decisions):
            raise TailtuneError("--decision takes one or several of none, prior and fitted, each once")
        decision = self.decisions[0]
        return Study(arms=arms, baseline=self._arm(BASELINE, decision).name, decision=decision, **shared)

    def _arm(self, method: str, decision: Mode) -> Arm:
        """An arm; where several decisions are compared, each training stands in the table once for each."""
        if len(self.decisions) == 1:
            return Arm(method, {"method": method})
        name = method if decision == "none" else f"{method}, {decision}"
        return Arm(name, {"method": method, "decision": decision})


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
