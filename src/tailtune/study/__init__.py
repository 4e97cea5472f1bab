"""Many runs as one study: what is varied, the list of trainings, the tidy table and its statistics."""

from tailtune.study.study import Arm, Study, axis, crossed

__all__ = ["Arm", "Study", "axis", "crossed"]
