"""BatchNorm statistics of averaged weights: one rule for every average, before each validation and at the end.

The running statistics that training leaves behind belong to the weights of the latest steps. An average of weights
gives other activations, so its statistics are computed anew over some of the rows that steps train on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from tailtune.bayes.batchnorm import recompute_batchnorm
from tailtune.training.batches import Batches, order
from tailtune.training.modes import following
from tailtune.training.randomness import derived_seed

SHARE, MOST = 16, 512  # a sixteenth of an epoch's rows, but no more than 512; see benchmarks/ema_statistics.py
FEWEST_PICTURES, FEWEST_ROWS = 64, 256  # a picture gives a channel many values, a row of a table one
LARGEST = 128  # rows of a batch
_STREAM = 200  # of the seed, beside those of training and of the stages' ends


@dataclass(frozen=True)
class RunningStatistics:
    """Where the BatchNorm statistics of a stage's averages come from.

    Rows are drawn as the stage's sampler draws them, and augmented, but neither mixed nor synthesised; a stage that
    sees nothing but views takes views. The draw follows from the seed and the stage alone. So it is the same at every
    call and in every process, scores of two epochs differ by the weights, and nothing that training draws from is
    touched.

    Attributes:
        batches: of the stage.
        rows: of an epoch.
        seed: of the run.
        stage: index of the stage.
        autocast: opens the mixed precision of the run.
    """

    batches: Batches
    rows: int
    seed: int
    stage: int
    autocast: Callable[[], AbstractContextManager[object]]

    def renew(self, progress: float) -> None:
        """Compute anew what the BatchNorm layers of the network hold that follow training at all.

        Args:
            progress: of the stage, in [0, 1], which samplers depend on.
        """
        model, stage, inputs = self.batches.model, self.batches.stage, self.batches.rows
        layers = following(model, stage)
        if not layers:
            return
        device, seed = inputs.targets.device, derived_seed(self.seed, _STREAM, self.stage)
        chosen = order(inputs.targets.cpu(), self.rows, stage, progress, torch.Generator().manual_seed(seed))
        fewest = FEWEST_ROWS if self.batches.augment is None else FEWEST_PICTURES
        chosen = chosen[: min(MOST, max(fewest, self.rows // SHARE))].to(device)
        parts = chosen.tensor_split(-(-len(chosen) // LARGEST))
        drawn = self.batches.ordinary(parts, torch.Generator(device=device).manual_seed(seed))
        with self.autocast():
            recompute_batchnorm(model, drawn, layers)
