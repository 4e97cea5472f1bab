"""Sentences as a few numbers: hashed words and character n-grams, reduced by a singular value decomposition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailtune.data.columns import Floats, texts

if TYPE_CHECKING:
    import polars as pl

NUMBERS = 32
HASHED = 1024  # columns of words and pairs of words, and as many of the 3 and 4 characters within words


@dataclass(frozen=True, eq=False)
class HashedText:
    """Directions in which the texts of the training rows differ most.

    Attributes:
        components: right singular vectors of the hashed counts, each row of which has length 1 [D, 2048] float32.

    Source: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009; Halko, Martinsson and
    Tropp, "Finding Structure with Randomness", SIAM Review 53(2), 2011.
    """

    components: NDArray[np.float32]

    @classmethod
    def fit(cls, column: pl.Series, seed: int = 0) -> HashedText:
        """Find the directions in the training rows [N]."""
        from sklearn.decomposition import TruncatedSVD

        reduced = TruncatedSVD(min(NUMBERS, len(column)), random_state=seed).fit(_hashed(column))
        return cls(reduced.components_.astype(np.float32))

    def transform(self, column: pl.Series) -> Floats:
        """Return where rows lie along the directions, [N, D]; 0 where there is no text."""
        return np.asarray(_hashed(column) @ self.components.T, dtype=np.float64)

    @property
    def names(self) -> tuple[str, ...]:
        """What the numbers are called [D]."""
        return tuple(f"text{number}" for number in range(1, len(self.components) + 1))

    def state(self) -> tuple[dict[str, object], dict[str, NDArray[np.generic]]]:
        """JSON-ready settings and named arrays, from which `from_state` makes the same again."""
        return {}, {"components": self.components}

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> HashedText:
        """Return what `state` describes."""
        return cls(**arrays)


def _hashed(column: pl.Series) -> Any:
    """Return hashed counts of words and of characters, a sparse [N, 2048]."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import HashingVectorizer

    read = texts(column).fill_null("").to_list()
    kinds = (("word", (1, 2)), ("char_wb", (3, 4)))
    hashed = [HashingVectorizer(n_features=HASHED, analyzer=kind, ngram_range=lengths) for kind, lengths in kinds]
    return hstack([each.transform(read) for each in hashed]).tocsr()
