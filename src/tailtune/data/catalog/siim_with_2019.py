"""SIIM-ISIC 2020 with ISIC 2019: 58,457 photographs of skin lesions, melanoma or benign, imbalanced by themselves.

As `siim`, with the pictures of ISIC 2019 (which holds those of 2017 and 2018) beside it in
data_root/jpeg-isic2019-256x256, 30 folds of which 20 % are the test part: the data of the transfer literature. The
pictures of 2019 name no patients, so that validation rows among them are split picture by picture. Headline metric:
AUROC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailtune.data.catalog import siim

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset
    from tailtune.settings import Reading


def load(reading: Reading) -> Dataset:
    """Read the pictures of 2020 and 2019.

    Args:
        reading: for the folder of the data, the size, the selection, and the seed of the split of validation rows.

    Returns:
        The data set with the literature's test part.

    Raises:
        TailtuneError: see `tailtune.data.catalog.siim.load_years`.
    """
    return siim.load_years(reading, "SIIM-ISIC 2020 with ISIC 2019", (siim.YEAR_2020, siim.YEAR_2019))
