"""`Portfolio`: several models of one table, whose probabilities are averaged with weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tailtune.profile import Floats

if TYPE_CHECKING:
    import torch

    from tailtune.run.predictor import Predictor


@dataclass(frozen=True, eq=False)
class Member:
    """A model of the portfolio.

    Attributes:
        name: as in `tailtune list models`.
        weight: of its probabilities in the mean.
        predictors: the model, once, or once for each fold that was left out of its training; their probabilities are
            averaged.
    """

    name: str
    weight: float
    predictors: tuple[Predictor, ...]

    def probabilities(self, inputs: Sequence[torch.Tensor]) -> Floats:
        """Return calibrated class probabilities [F, N, K] of encoded rows, by each of its F predictors."""
        return np.stack([predictor.probabilities(tuple(inputs)) for predictor in self.predictors])


@dataclass(frozen=True, eq=False)
class Portfolio:
    """Several models of one table.

    Attributes:
        members: those of a weight above 0; the weights sum to 1.
    """

    members: tuple[Member, ...]

    @property
    def folded(self) -> bool:
        """Whether every member was trained several times, each time without another fold of the rows."""
        return all(len(member.predictors) > 1 for member in self.members)

    def by_fold(self, inputs: Sequence[torch.Tensor]) -> Floats:
        """Return class probabilities [F, N, K] by the models that were trained without each of F folds, or by one."""
        total = np.zeros(1)
        for member in self.members:
            total = total + member.weight * member.probabilities(inputs)
        return total

    def predict_proba(self, inputs: Sequence[torch.Tensor]) -> Floats:
        """Return class probabilities [N, K] of (numeric [N, Dn], categorical [N, Dc])."""
        return np.asarray(self.by_fold(inputs).mean(axis=0))
