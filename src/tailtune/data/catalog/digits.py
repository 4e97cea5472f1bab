"""Handwritten digits of 8 x 8 pixels, embedded in scikit-learn; long-tailed with a ratio.

The 1,797 pictures are split once and for all: 54 of each digit are the test part. With a ratio the training part keeps
110 pictures of the digit 0 and exponentially fewer of the later ones (which ones, the seed of the split says); without
it, all of the others.
"""

from __future__ import annotations

import numpy as np

from tailtune.data.dataset import Dataset
from tailtune.data.image_dataset import Images, image_dataset
from tailtune.data.imbalance import imbalance
from tailtune.data.longtail import first_of_shuffled
from tailtune.errors import TailtuneError
from tailtune.settings import Reading

TEST_PER_CLASS = 54  # 30 % of the smallest class
MOST = 110  # every digit's training part holds as many


def load(reading: Reading) -> Dataset:
    """Read the digits as grey images uint8 [N, 1, 8, 8].

    Args:
        reading: for what `imbalance` looks at, the selection and the split of validation rows.

    Returns:
        The data set; identities are the positions in scikit-learn's order, and mirroring changes a digit.

    Raises:
        TailtuneError: see `imbalance`, or scikit-learn that is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise TailtuneError("the digits come with scikit-learn; install it with: pip install tailtune[app]") from error
    pixels, targets = load_digits(return_X_y=True)
    pixels = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    everything = Images(pixels, targets.astype(np.int64), np.array([str(row) for row in range(len(targets))]))

    test_rows = np.sort(first_of_shuffled(targets, np.full(10, TEST_PER_CLASS)))
    train = everything.take(np.setdiff1d(np.arange(len(targets)), test_rows))
    test = everything.take(test_rows)
    kept = imbalance(reading, train.targets, test.targets, MOST)
    return image_dataset(
        reading,
        f"digits{kept.words}",
        [str(digit) for digit in range(10)],
        train if kept.train is None else train.take(np.sort(kept.train)),
        test=test if kept.test is None else test.take(kept.test),
        split="official",
        flip=False,
        warnings=kept.warnings,
    )
