"""Laplace's approximation of the posterior of the last layer alone, through laplace-torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from tailtune.bayes.posterior import Posterior, log_loss
from tailtune.errors import TailtuneError
from tailtune.quiet import without_script_warnings

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

Structure = Literal["kron", "full"]
WithoutVal = Literal["predictive", "evidence"]

PRECISIONS = tuple(10 ** (k / 4) for k in range(-8, 25))  # 0.01 to a million


@without_script_warnings()
def last_layer_laplace(
    model: Any,
    train: Iterable[tuple[Tensor, ...]],
    val: Iterable[tuple[Tensor, ...]] | None = None,
    *,
    structure: Structure = "kron",
    samples: int = 30,
    without_val: WithoutVal = "predictive",
    seed: int = 0,
    precisions: Iterable[float] = PRECISIONS,
) -> Posterior:
    """Return draws from N(w, (G + precision I)^-1) around the head's weights w; everything below the head stays.

    G is the generalised Gauss-Newton matrix of the cross-entropy summed over the training rows, with x the features,
    sum_n (diag(p_n) - p_n p_n') (x) x_n x_n', or its Kronecker-factored approximation. The features are computed once.
    The precision of the Gaussian prior is the one of `precisions` with the least log loss of averaged predictions on
    `val`. Without validation rows `without_val` decides: "predictive" takes the same on the training rows, which
    favours narrow posteriors; "evidence" the marginal likelihood of the training rows, which on a few hundred rows
    that the network fits has been seen to favour far too wide ones.

    Args:
        model: the trained network (`tailtune.models.network.Network`: ``head(features(x))``) with a linear head.
        train: ``(*inputs, targets [B])`` each; gone through once.
        val: the same of the validation rows.
        structure: "kron", or "full", whose matrix has (K D + K)^2 numbers.
        samples: heads to average over.
        without_val: how the precision is chosen where `val` is None.
        seed: of the draws.
        precisions: to choose from, in any order.

    Returns:
        A posterior whose members name ``head.weight`` and ``head.bias`` only.

    Raises:
        TailtuneError: laplace-torch is not installed, another head than a linear one, no samples, or an unknown
            structure or way to choose.

    Source: Daxberger et al. 2021, "Laplace Redux"; Kristiadi et al. 2020, "Being Bayesian, Even Just a Bit, Fixes
    Overconfidence in ReLU Networks".
    """
    if type(model.head) is not nn.Linear:
        raise TailtuneError(
            f"last-layer Laplace needs a linear head, however: {type(model.head).__name__}; take the diagonal one, "
            "laplace_diagonal, for other heads"
        )
    if structure not in ("kron", "full") or without_val not in ("predictive", "evidence") or samples < 1:
        raise TailtuneError(
            "structure must be 'kron' or 'full', without_val 'predictive' or 'evidence', and samples 1 or more, "
            f"however: {structure=}, {without_val=}, {samples=}"
        )
    try:
        from laplace import Laplace
        from laplace.curvature import CurvlinopsGGN
    except ModuleNotFoundError as error:
        raise TailtuneError(
            f"last-layer Laplace needs laplace-torch ({error}); install it with: pip install 'tailtune[analysis]'"
        ) from error
    trained: Any = model.head
    features, targets = _features(model, train)
    # On the features the head is the whole network, so laplace-torch need not know the one below it.
    head = nn.Linear(features.shape[1], trained.out_features, trained.bias is not None).to(features)
    head.load_state_dict(trained.state_dict())
    approximation = Laplace(
        head, "classification", subset_of_weights="all", hessian_structure=structure, backend=CurvlinopsGGN
    )
    approximation.fit(_loader(features, targets))
    judged, labels = (features, targets) if val is None else _features(model, val)

    def heads(precision: float) -> Tensor:
        approximation.prior_precision = precision
        drawn: Tensor = approximation.sample(samples, generator=torch.Generator(features.device).manual_seed(seed))
        return drawn.detach()

    def loss(precision: float) -> float:
        if val is None and without_val == "evidence":
            return -float(approximation.log_marginal_likelihood(torch.tensor(precision, device=features.device)))
        probabilities = torch.stack([(judged @ w.T + b).double().softmax(1) for w, b in map(split, heads(precision))])
        return log_loss(probabilities.mean(0), labels)

    def split(vector: Tensor) -> tuple[Tensor, Tensor]:
        weight, bias = vector[: head.weight.numel()].view_as(head.weight), vector[head.weight.numel() :]
        return weight, bias if len(bias) else torch.zeros_like(weight[:, 0])

    members = [dict(zip(("head.weight", "head.bias"), split(h), strict=True)) for h in heads(min(precisions, key=loss))]
    if trained.bias is None:
        members = [{"head.weight": member["head.weight"]} for member in members]
    return Posterior(members=tuple(members), seed=seed)


@torch.no_grad()
def _features(model: Any, batches: Iterable[tuple[Tensor, ...]]) -> tuple[Tensor, Tensor]:
    """Features [N, D] and targets [N] of all rows, in evaluation mode."""
    training = model.training
    model.eval()
    try:
        pairs = [(model.features(*inputs).float(), targets) for *inputs, targets in batches]
    finally:
        model.train(training)
    return torch.cat([features for features, _ in pairs]), torch.cat([targets for _, targets in pairs])


def _loader(features: Tensor, targets: Tensor) -> DataLoader[tuple[Tensor, ...]]:
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(features, targets), batch_size=1024)
