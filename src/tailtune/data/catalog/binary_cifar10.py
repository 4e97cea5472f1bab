"""Two classes of CIFAR-10 (--classes cat dog by default): 10,000 training and 2,000 test photographs; takes a ratio.

The class named first is class 0, and at a ratio the frequent one: --classes automobile truck --ratio 0.01 keeps 5,000
automobiles and 50 trucks. Rows are drawn as for all of CIFAR-10. Headline metric: accuracy on the balanced test part.
"""

from __future__ import annotations

from tailtune.data.catalog.cifar import load_cifar
from tailtune.data.catalog.cifar10 import LAYOUT
from tailtune.data.dataset import Dataset
from tailtune.errors import TailtuneError
from tailtune.settings import Reading

DEFAULT = ("cat", "dog")


def load(reading: Reading) -> Dataset:
    """Read two classes of CIFAR-10.

    Args:
        reading: `classes` names them; for the folder of the data, the ratio, the selection and the validation rows.

    Returns:
        The data set with the official test pictures of both classes.

    Raises:
        TailtuneError: not two classes, one that does not exist, or what `load_cifar` refuses.
    """
    classes = reading.classes or DEFAULT
    if len(classes) != 2:
        raise TailtuneError(f"binary_cifar10 takes two classes, however: --classes {' '.join(classes)}")
    return load_cifar(reading, LAYOUT, classes)
