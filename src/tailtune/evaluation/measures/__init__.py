"""Every figure that results state about predictions, one file a measure; all lists of measures derive from this one."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from tailtune.evaluation.measure import Measure, Place, Quantity
from tailtune.evaluation.measures.accuracy import accuracy
from tailtune.evaluation.measures.auprc import auprc
from tailtune.evaluation.measures.auroc import auroc
from tailtune.evaluation.measures.balanced_accuracy import balanced_accuracy
from tailtune.evaluation.measures.classwise_ece import classwise_ece
from tailtune.evaluation.measures.ece import ece
from tailtune.evaluation.measures.few_accuracy import few_accuracy
from tailtune.evaluation.measures.head_accuracy import head_accuracy
from tailtune.evaluation.measures.kappa import kappa
from tailtune.evaluation.measures.log_loss import log_loss
from tailtune.evaluation.measures.macro_auprc import macro_auprc
from tailtune.evaluation.measures.macro_auroc import macro_auroc
from tailtune.evaluation.measures.macro_f1 import macro_f1
from tailtune.evaluation.measures.many_accuracy import many_accuracy
from tailtune.evaluation.measures.medium_accuracy import medium_accuracy
from tailtune.evaluation.measures.tail_accuracy import tail_accuracy
from tailtune.evaluation.measures.tail_auprc import tail_auprc

MEASURES: tuple[Measure, ...] = (  # in the order of result.json; a new one comes last
    accuracy,
    balanced_accuracy,
    macro_f1,
    tail_accuracy,
    head_accuracy,
    many_accuracy,
    medium_accuracy,
    few_accuracy,
    macro_auroc,
    macro_auprc,
    log_loss,
    ece,
    classwise_ece,
    kappa,
    auprc,
    auroc,
    tail_auprc,
)
BY_KEY: Mapping[str, Quantity] = {measure.key: measure for measure in MEASURES}

# what comes first in a place, before the others of MEASURES and a person's own
_FIRST: Mapping[Place, tuple[Measure, ...]] = {
    "page": (auprc, tail_auprc, log_loss, tail_accuracy, balanced_accuracy, accuracy, macro_f1),
    "groups": (head_accuracy,),
    "terminal": (auprc, tail_auprc, log_loss, tail_accuracy, balanced_accuracy),
    "study": (
        accuracy,
        balanced_accuracy,
        tail_accuracy,
        head_accuracy,
        many_accuracy,
        medium_accuracy,
        few_accuracy,
        macro_f1,
        log_loss,
        macro_auprc,
        auprc,
        tail_auprc,
        auroc,
        kappa,
        ece,
    ),
    "demo": (balanced_accuracy, tail_accuracy, head_accuracy),
}

AnyQuantity = TypeVar("AnyQuantity", bound=Quantity)


def at(place: Place, measures: Iterable[AnyQuantity]) -> list[AnyQuantity]:
    """Those of `measures` that are shown in a place, in its order.

    >>> [measure.key for measure in at("demo", MEASURES)]
    ['balanced_accuracy', 'tail_accuracy', 'head_accuracy', 'macro_f1', 'log_loss', 'ece']
    """
    first = [measure.key for measure in _FIRST.get(place, ())]
    here = [measure for measure in measures if place in measure.places]
    return sorted(here, key=lambda measure: first.index(measure.key) if measure.key in first else len(first))


def listed(place: Place, measures: Iterable[AnyQuantity], *leading: str | None) -> list[AnyQuantity]:
    """Those of `measures` that a run shows in a place, the leading ones first.

    Args:
        place: where.
        measures: to choose from.
        leading: keys of the metric of the data set's protocol and of the objective, where there are such; others that
            are not for all data are left out.

    >>> [measure.key for measure in listed("terminal", MEASURES, "kappa")][:2]
    ['kappa', 'auprc']
    """
    here = at(place, measures)
    first = [measure for key in dict.fromkeys(leading) for measure in here if measure.key == key]
    return first + [measure for measure in here if measure.everywhere and measure not in first]
