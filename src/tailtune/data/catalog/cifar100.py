"""CIFAR-100: 50,000 training and 10,000 test photographs of 32 x 32 pixels in 100 classes; long-tailed with a ratio.

Headline metric: accuracy on the balanced test part.
"""

from __future__ import annotations

from tailtune.data.catalog.cifar import Layout, load_cifar
from tailtune.data.dataset import Dataset
from tailtune.settings import Reading

LAYOUT = Layout(
    title="CIFAR-100",
    folder="cifar-100-binary",
    train_files=("train.bin",),
    test_file="test.bin",
    names_file="fine_label_names.txt",
    labels_per_row=2,
    num_classes=100,
    rows_per_file=50_000,
    label_digests=(
        "9f11b9f97aad759ba6df0a33e3218b01d8deaf4ed3a14aa1185d69b9ad7ebcb3",
        "4dad7d09c7c97d33f6cb928d705cf4196221316fd6e31bdd978a08ed9103ee0b",
    ),
    train_mean=(0.5071, 0.4865, 0.4409),
    python_folder="cifar-100-python",
    archive="cifar-100-binary.tar.gz",
)


def load(reading: Reading) -> Dataset:
    """Read CIFAR-100 with its 100 fine labels.

    Args:
        reading: for the folder of the data, the ratio, the selection and the split of validation rows.

    Returns:
        The data set with the official test part; at a ratio the training part is the literature's.

    Raises:
        TailtuneError: see `load_cifar`.
    """
    return load_cifar(reading, LAYOUT)
