"""CIFAR-10: 50,000 training and 10,000 test photographs of 32 x 32 pixels in 10 classes; long-tailed with a ratio.

Headline metric: accuracy on the balanced test part.
"""

from __future__ import annotations

from tailtune.data.catalog.cifar import Layout, load_cifar
from tailtune.data.dataset import Dataset
from tailtune.settings import Reading

LAYOUT = Layout(
    title="CIFAR-10",
    folder="cifar-10-batches-bin",
    train_files=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
    test_file="test_batch.bin",
    names_file="batches.meta.txt",
    labels_per_row=1,
    num_classes=10,
    rows_per_file=10_000,
    label_digests=(
        "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    ),
    train_mean=(0.4914, 0.4822, 0.4465),
    python_folder="cifar-10-batches-py",
    archive="cifar-10-binary.tar.gz",
)


def load(reading: Reading) -> Dataset:
    """Read CIFAR-10.

    Args:
        reading: for the folder of the data, the ratio, the selection and the split of validation rows.

    Returns:
        The data set with the official test part; at a ratio the training part is the literature's.

    Raises:
        TailtuneError: see `load_cifar`.
    """
    return load_cifar(reading, LAYOUT)
