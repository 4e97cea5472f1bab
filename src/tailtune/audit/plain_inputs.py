"""Rows as plain numbers, for neighbours and trees: standardised columns with codes, or small pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailtune.data.dataset import Kind, Part

SIDE = 16  # pixels to which larger pictures are averaged
BATCH = 256


@dataclass(frozen=True, eq=False)
class PlainInputs:
    """Rows as numbers.

    Attributes:
        numbers: standardised columns or pixels [N, D] float32.
        codes: of categorical columns [N, C].
    """

    numbers: NDArray[np.float32]
    codes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def columns(self) -> NDArray[np.float32]:
        """Both side by side [N, D + C], as trees take them."""
        return np.concatenate([self.numbers, self.codes.astype(np.float32)], axis=1)


def plain_inputs(rows: Part, kind: Kind) -> PlainInputs:
    """Return the rows as numbers; pictures are averaged to 16 pixels a side, read batch by batch where they lie."""
    import torch
    from torch.nn.functional import adaptive_avg_pool2d

    from tailtune.training.inputs import evaluation_batches
    from tailtune.training.read_ahead import plain_words

    if kind == "table":
        numeric, categorical = rows.tensors("an audit")
        return PlainInputs(_standard(numeric.numpy()), categorical.numpy())
    small = []
    with plain_words():
        for (pixels,) in evaluation_batches(rows.inputs, None, torch.device("cpu"), BATCH):
            values = pixels.float() / 255
            height, width = (min(SIDE, length) for length in values.shape[2:])
            small.append(adaptive_avg_pool2d(values, (height, width)).flatten(1))
    # one scale for all pixels: pixels at the edge that hardly vary must not weigh as much as the middle
    numbers = torch.cat(small)
    scaled = (numbers / numbers.std().clamp_min(1e-6)).numpy()
    return PlainInputs(scaled, np.zeros((len(rows), 0), dtype=np.int64))


def _standard(values: NDArray[np.float32]) -> NDArray[np.float32]:
    known = np.nan_to_num(values.astype(np.float64))
    spread = known.std(axis=0)
    found: NDArray[np.float32] = ((known - known.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).astype(np.float32)
    return found
