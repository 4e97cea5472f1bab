"""Published methods as functions from a `ClassProfile` to a `Method`; this module is their registry."""

from tailtune.methods.class_conditional_smoothing import class_conditional_smoothing
from tailtune.methods.erm import erm
from tailtune.methods.label_smoothing import label_smoothing
from tailtune.methods.sam import sam
from tailtune.methods.sama import sama
from tailtune.methods.tuned import tuned

__all__ = ["class_conditional_smoothing", "erm", "label_smoothing", "sam", "sama", "tuned"]
