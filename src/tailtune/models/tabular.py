"""Networks for tables: MLPs and residual MLPs with and without embeddings of numbers; and all networks by name.

Every network takes ``(numeric [N, Dn] float32, categorical [N, Dc] int64)`` as the table preprocessor encodes them;
either may have zero columns, not both.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from tailtune.errors import TailtuneError, nearest
from tailtune.models import tabm, transformers
from tailtune.models.heads import Head, make_head
from tailtune.models.network import Network
from tailtune.models.piecewise import PiecewiseEmbeddings, bin_edges
from tailtune.named_settings import home, settled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtdl_num_embeddings import PeriodicEmbeddings

Embeddings = Literal["plr", "periodic", "piecewise"]  # of numbers
_EMBEDDINGS: dict[str, Embeddings] = {"plr": "plr", "periodic": "periodic", "piecewise": "piecewise"}
NAMES = (
    "mlp-plr",
    "mlp",
    "mlp-periodic",
    "mlp-piecewise",
    "resnet-plr",
    "resnet",
    "ft-transformer",
    "transformer-plr",
    "tabm",
)

WIDEST, NARROWEST, EMBEDDED = 16, 2, 2048  # of embeddings of numbers, see benchmarks/members_wide_*.json


@dataclass(frozen=True)
class TabularConfig:
    """Sizes of the tabular networks: the defaults for any table are here and nowhere else.

    Attributes:
        layers: hidden layers of the MLP, or blocks of the residual MLP.
        width: width of each layer.
        dropout: rate after each hidden layer.
        hidden_multiplier: width of a residual block's inside over `width`.
        n_frequencies: periodic frequencies a numeric column (n of PLR).
        frequency_init_scale: standard deviation sigma of the initial frequencies, or a pair: then sigma is spread over
            the frequencies, evenly in the logarithm from the first to the second. Columns are expected about standard
            normal. At sigma of 0.01 to 0.1 the embedding is smooth in the column; at 10 to 100 nearby values become
            unrelated, as if numbers were categories. Tables differ widely in which they need, and a pair offers both.
        d_embedding: width of the embedding of a numeric column; None for `WIDEST`, or of many columns so that they have
            `EMBEDDED` numbers together, but at least `NARROWEST`.
        lite: share the linear layer of the embedding between the columns (fewer parameters), or one a column.
        bins: most bins of a numeric column (of piecewise-linear embeddings).
        edges: of the bins, at quantiles, or where a tree splits the column for the classes.
    """

    layers: int = 2
    width: int = 256
    dropout: float = 0.2
    hidden_multiplier: float = 2.0
    n_frequencies: int = 32
    frequency_init_scale: float | tuple[float, float] = (0.05, 10.0)
    d_embedding: int | None = None
    lite: bool = False
    bins: int = 48
    edges: Literal["quantiles", "tree"] = "quantiles"

    def __post_init__(self) -> None:
        """Refuse sizes that make no network.

        Raises:
            TailtuneError: naming all.
        """
        sizes = (self.layers, self.width, self.n_frequencies, self.embedding_width(1), self.bins)
        if min(sizes) < 1 or self.hidden_multiplier <= 0:
            raise TailtuneError(f"layers, widths and frequencies must be 1 or more, however: {self}")
        if self.edges not in ("quantiles", "tree"):
            raise TailtuneError(f"edges of bins are quantiles or those of a tree, however: {self}")
        if not 0 <= self.dropout < 1 or min(self.frequency_scales) <= 0:
            raise TailtuneError(f"dropout must lie in [0, 1) and frequency_init_scale above 0, however: {self}")

    @property
    def frequency_scales(self) -> tuple[float, float]:
        """Smallest and largest sigma of the initial frequencies."""
        sigma = self.frequency_init_scale
        return sigma if isinstance(sigma, tuple) else (sigma, sigma)

    def embedding_width(self, numeric: int) -> int:
        """Return the width of the embedding of each of so many numeric columns.

        >>> [TabularConfig().embedding_width(columns) for columns in (8, 128, 500, 5000)]
        [16, 16, 4, 2]
        """
        if self.d_embedding is not None:
            return self.d_embedding
        return min(WIDEST, max(NARROWEST, EMBEDDED // max(1, numeric)))


DEFAULT = TabularConfig()


def embedding_dim(cardinality: int) -> int:
    """Width of the embedding of a categorical column: 1.6 c^0.56 rounded up to a power of two, within 2 to 64.

    The power law is fastai's rule of thumb; rounding lets columns of like size share one table, and one look-up.

    >>> [embedding_dim(c) for c in (2, 9, 43, 1000, 100_000)]
    [4, 8, 16, 64, 64]
    """
    return min(64, max(2, 1 << math.ceil(math.log2(1.6 * cardinality**0.56))))


class CategoricalEmbeddings(nn.Module):
    """A trainable vector for every category of every column, concatenated: [N, Dc] codes -> [N, out_features].

    Columns whose vectors have the same width lie in one table, because a look-up for each of many columns costs more
    than the arithmetic at small batches. Vectors start from N(0, 1 / width), so that a column weighs at first what it
    would weigh one-hot encoded.

    Args:
        cardinalities: codes of column j run from 0 to cardinalities[j] - 1.
    """

    order: Tensor
    offsets: Tensor

    def __init__(self, cardinalities: Sequence[int]) -> None:
        super().__init__()
        columns_of_dim: dict[int, list[int]] = defaultdict(list)
        for column, cardinality in enumerate(cardinalities):
            columns_of_dim[embedding_dim(cardinality)].append(column)
        order, offsets = [], []
        self.tables, self.sizes = nn.ModuleList(), []
        for dim, columns in sorted(columns_of_dim.items()):
            rows = 0
            for column in columns:
                order.append(column)
                offsets.append(rows)
                rows += cardinalities[column]
            table = nn.Embedding(rows, dim)
            nn.init.normal_(table.weight, std=dim**-0.5)
            self.tables.append(table)
            self.sizes.append(len(columns))
        self.register_buffer("order", torch.tensor(order), persistent=False)
        self.register_buffer("offsets", torch.tensor(offsets), persistent=False)
        self.out_features = sum(embedding_dim(cardinality) for cardinality in cardinalities)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the vectors of `codes` [N, Dc], the columns grouped by width."""
        rows = codes.index_select(1, self.order) + self.offsets
        parts = torch.split(rows, self.sizes, dim=1)
        return torch.cat([table(part).flatten(1) for table, part in zip(self.tables, parts, strict=True)], dim=1)


class TabularNetwork(Network):
    """Embedded columns, concatenated, through a trunk that is an MLP or a residual MLP.

    Args:
        numeric: number of numeric columns Dn.
        cardinalities: number of codes of each categorical column [Dc].
        num_classes: number of classes K.
        trunk: "mlp" (linear, ReLU, dropout a layer) or "resnet" (pre-normalised residual blocks with BatchNorm);
            Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", NeurIPS 2021.
        embeddings: of numbers, or None. "plr" is relu(W v + b) of a number x, with v = [cos(2 pi c x), sin(2 pi c x)]
            and frequencies c; "periodic" is the same without relu; "piecewise" is relu(W v + b) with v the share of
            each bin that lies below x. Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep
            Learning", NeurIPS 2022.
        scales: standard deviation of the initial frequencies of each numeric column [Dn], as `frequency_scales` finds
            it; such frequencies stay as drawn. None takes the scale of `config` for all columns and trains them.
        edges: of the bins of each numeric column, see `bin_edges`; None where a state is to be loaded.
        head: "linear" or "cosine".
        config: sizes.
    """

    def __init__(
        self,
        numeric: int,
        cardinalities: Sequence[int],
        num_classes: int,
        trunk: Literal["mlp", "resnet"] = "mlp",
        embeddings: Embeddings | None = "plr",
        head: Head = "linear",
        config: TabularConfig = DEFAULT,
        scales: Tensor | None = None,
        edges: Sequence[Tensor] | None = None,
    ) -> None:
        from rtdl_revisiting_models import MLP, ResNet

        super().__init__()
        self.numeric: nn.Module | None = None
        if numeric and embeddings == "piecewise":
            self.numeric = PiecewiseEmbeddings(numeric, config.embedding_width(numeric), edges)
        elif numeric and embeddings is not None:
            self.numeric = _periodic(numeric, embeddings == "plr", config, scales)
        width = numeric if self.numeric is None else numeric * config.embedding_width(numeric)
        self.categorical = CategoricalEmbeddings(cardinalities) if cardinalities else None
        width += self.categorical.out_features if self.categorical else 0
        sizes: dict[str, Any] = {"d_in": width, "d_out": None, "n_blocks": config.layers, "d_block": config.width}
        if trunk == "mlp":
            self.trunk = MLP(**sizes, dropout=config.dropout)
        else:
            blocks = ResNet(
                **sizes, d_hidden_multiplier=config.hidden_multiplier, dropout1=config.dropout, dropout2=0.0
            )
            self.trunk = nn.Sequential(blocks, nn.BatchNorm1d(config.width), nn.ReLU())
        self.feature_dim = config.width
        self.head = make_head(head, config.width, num_classes)

    def features(self, *inputs: Tensor) -> Tensor:
        """Return the features [N, width] of (numeric [N, Dn], categorical [N, Dc])."""
        numeric, categorical = inputs
        x = numeric if self.numeric is None else self.numeric(numeric).flatten(1)
        if self.categorical is not None:
            x = torch.cat([x, self.categorical(categorical)], dim=1)
        features: Tensor = self.trunk(x)
        return features


def _periodic(numeric: int, activation: bool, config: TabularConfig, scales: Tensor | None) -> PeriodicEmbeddings:
    from rtdl_num_embeddings import PeriodicEmbeddings

    if config.lite and not activation:
        raise TailtuneError("columns share a linear layer with relu behind it only; leave lite out, or take mlp-plr")
    made = PeriodicEmbeddings(
        numeric,
        config.embedding_width(numeric),
        n_frequencies=config.n_frequencies,
        frequency_init_scale=1.0,
        activation=activation,
        lite=config.lite,
    )
    low, high = (math.log10(sigma) for sigma in config.frequency_scales)
    spread = torch.logspace(low, high, config.n_frequencies) if scales is None else scales[:, None]
    with torch.no_grad():
        made.periodic.weight.mul_(spread)
    made.periodic.weight.requires_grad_(scales is None)
    return made


def build_tabular(
    name: str,
    shape: Mapping[str, Any],
    num_classes: int,
    head: Head = "linear",
    scales: Tensor | None = None,
    edges: Sequence[Tensor] | None = None,
) -> Network:
    """Build the tabular network `name` for tables of the given shape.

    Args:
        name: one of `NAMES`, with settings as in ``mlp(layers=3, width=512)``: those of `TabularConfig`,
            of `TabM`, or of a transformer.
        shape: ``{"numeric": Dn, "cardinalities": [c_1, ...]}``.
        num_classes: number of classes K.
        head: "linear" or "cosine".
        scales: standard deviation of the initial frequencies of each numeric column [Dn], or None; see
            `TabularNetwork`.
        edges: of the bins of each numeric column, or None; likewise.

    Raises:
        TailtuneError: an unknown name, a table without columns, a column without codes, or a cosine head for tabm.
    """
    numeric, cardinalities = int(shape["numeric"]), [int(c) for c in shape["cardinalities"]]
    if numeric + len(cardinalities) == 0:
        raise TailtuneError("the table has no feature column left to learn from; add one, or ignore fewer columns")
    if min(cardinalities, default=1) < 1:
        raise TailtuneError(f"every categorical column needs one code or more, however: {cardinalities=}")
    kind = home(name)
    if kind not in NAMES:
        raise TailtuneError(f"no tabular network is called {kind!r}.{nearest(kind, NAMES)}")
    if kind == "tabm":
        if head != "linear":
            raise TailtuneError("tabm has a last layer for each of its members, and the method needs one; take mlp-plr")
        return tabm.TabM(numeric, cardinalities, num_classes, **settled(name, tabm.SIZES))
    if kind == "ft-transformer":
        return transformers.FTTransformer(numeric, cardinalities, num_classes, head, settled(name, transformers.SIZES))
    if kind == "transformer-plr":
        sizes = settled(name, transformers.PERIODIC_SIZES)
        return transformers.TransformerPLR(numeric, cardinalities, num_classes, head, sizes, scales)
    config = TabularConfig(**settled(name, asdict(DEFAULT)))
    trunk: Literal["mlp", "resnet"] = "mlp" if kind.startswith("mlp") else "resnet"
    embeddings = _EMBEDDINGS.get(kind.partition("-")[2])
    return TabularNetwork(numeric, cardinalities, num_classes, trunk, embeddings, head, config, scales, edges)


def sizes_of(name: str, numeric: int = 1) -> dict[str, Any]:
    """Return all settings of the tabular network `name`, also those that it leaves to a library or to the table.

    Args:
        name: with settings of its own.
        numeric: number of numeric columns.

    Raises:
        TailtuneError: a setting that it does not have.

    >>> sizes_of("mlp(width=64)")["width"], sizes_of("ft-transformer")["width"]
    (64, 192)
    """
    kind = home(name)
    if kind == "tabm":
        return settled(name, tabm.SIZES)
    if kind in ("ft-transformer", "transformer-plr"):
        defaults = transformers.SIZES if kind == "ft-transformer" else transformers.PERIODIC_SIZES
        return transformers.with_library_sizes(settled(name, defaults))
    sizes = settled(name, asdict(DEFAULT))
    return sizes | {"d_embedding": TabularConfig(**sizes).embedding_width(numeric)}


def edges_for(name: str, numeric: Tensor, targets: Tensor) -> tuple[Tensor, ...] | None:
    """Return the edges of bins that the tabular network `name` wants, or None if it has no bins.

    Args:
        name: with its settings.
        numeric: of the training rows [N, Dn].
        targets: class indices [N].
    """
    if home(name) != "mlp-piecewise" or not numeric.shape[1]:
        return None
    config = TabularConfig(**settled(name, asdict(DEFAULT)))
    return bin_edges(numeric, config.bins, targets if config.edges == "tree" else None)
