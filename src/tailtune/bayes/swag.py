"""SWAG: a Gaussian around the mean of the weights that a training visits (Maddox et al. 2019)."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from tailtune.bayes.batchnorm import recompute_batchnorm
from tailtune.bayes.posterior import Posterior
from tailtune.bayes.swa import average_states
from tailtune.errors import TailtuneError

FEWEST = 3  # of two sets of weights the scatter is one line


def swag(
    model: nn.Module,
    states: Sequence[Mapping[str, Tensor]],
    batches: Iterable[tuple[Tensor, ...]],
    *,
    samples: int = 30,
    seed: int = 0,
) -> Posterior:
    """Return draws from N(m, (D + C) / 2) for the weights' mean m, variances D and covariance C over `states`.

    A draw is m + (sqrt(D) z + (W - m)' y / sqrt(S - 1)) / sqrt(2), with the S states as rows of W and standard normal z
    and y. Each draw's BatchNorm statistics are computed anew.

    Args:
        model: the network, which stays as it is.
        states: state dicts that one training visited, late and at a learning rate that keeps it moving.
        batches: inputs of the network, one tuple a batch, of training rows in random order; gone through for each draw.
        samples: networks to average over.
        seed: of the draws.

    Raises:
        TailtuneError: too few states, or of another network, or no samples.

    Source: Maddox et al. 2019, "A Simple Baseline for Bayesian Uncertainty in Deep Learning".
    """
    if len(states) < FEWEST or samples < 1:
        raise TailtuneError(
            f"SWAG needs {FEWEST} sets of weights or more and 1 sample or more, however: {len(states)} and {samples}"
        )
    network, mean = copy.deepcopy(model), average_states(states)
    gaps = {
        name: torch.stack([state[name].double() - mean[name].double() for state in states])
        for name, _ in model.named_parameters()
    }
    generator = torch.Generator().manual_seed(seed)
    members = []
    for _ in range(samples):
        along = torch.randn(len(states), generator=generator, dtype=torch.float64)
        drawn = dict(mean)
        for name, gap in gaps.items():
            apart = gap.square().mean(0).sqrt() * torch.randn(gap.shape[1:], generator=generator, dtype=torch.float64)
            joint = torch.tensordot(along, gap, 1) / math.sqrt(len(states) - 1)
            drawn[name] = (mean[name].double() + (apart + joint) / math.sqrt(2)).to(mean[name].dtype)
        network.load_state_dict(drawn)
        recompute_batchnorm(network, batches)
        members.append({name: tensor.detach().clone() for name, tensor in network.state_dict().items()})
    return Posterior(members=tuple(members), seed=seed)
