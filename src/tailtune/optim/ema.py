"""Exponential moving average of a network's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from tailtune.errors import TailtuneError


class WeightEMA:
    """Exponential moving average of the weights: average <- d average + (1 - d) weights after each step.

    Parameters are averaged. Buffers are copied: counters have no average, and BatchNorm's running statistics, averaged
    or not, are those of other weights; `tailtune.bayes.batchnorm.recompute_batchnorm` within `average_parameters` finds
    the average's own. Half-precision parameters are averaged in float32, in which a step of 1 - d does not round to
    nothing.

    Args:
        model: the network, on its device and in its final form (add layers before). Its weights are the first average.
        decay: d, in [0, 1); 0.999 averages over about the last thousand steps.
        warmup: start with a smaller decay, min(d, (1 + t) / (10 + t)) at step t, so that a short training does not end
            on an average that remembers the initialisation.

    Attributes:
        steps: number of updates made.

    Raises:
        TailtuneError: `decay` outside [0, 1).

    >>> model = nn.Linear(1, 1, bias=False)
    >>> ema = WeightEMA(model, decay=0.75)
    >>> before = model.weight.item()
    >>> _ = nn.init.constant_(model.weight, before + 1)
    >>> ema.update()
    >>> with ema.average_parameters():
    ...     print(round(model.weight.item() - before, 3))
    0.25
    """

    def __init__(self, model: nn.Module, decay: float = 0.999, warmup: bool = False) -> None:
        if not 0 <= decay < 1:
            raise TailtuneError(f"the decay of an average must lie in [0, 1), however: {decay=}")
        self.decay = decay
        self.warmup = warmup
        self.steps = 0
        self._parameters, self._buffers = _tensors(model)
        half = (torch.bfloat16, torch.float16)
        with torch.no_grad():
            self._average = [p.float() if p.dtype in half else p.detach().clone() for p in self._parameters.values()]
            self._copies = [b.clone() for b in self._buffers.values()]
        self._rounded = any(p.dtype in half for p in self._parameters.values())

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the model's weights of now; call after each step of the optimiser."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps)) if self.warmup else self.decay
        weights = list(self._parameters.values())
        if self._rounded:
            weights = [w.to(a.dtype) for w, a in zip(weights, self._average, strict=True)]
        if weights:
            torch._foreach_lerp_(self._average, weights, 1 - decay)
        if self._copies:
            torch._foreach_copy_(self._copies, list(self._buffers.values()))

    @torch.no_grad()
    def apply_to(self, model: nn.Module) -> None:
        """Copy the averaged weights and the buffers into a model of the same structure.

        Raises:
            TailtuneError: a model whose parameters or buffers have other names or shapes.
        """
        parameters, buffers = _tensors(model)
        for mine, theirs in ((self._parameters, parameters), (self._buffers, buffers)):
            if {name: t.shape for name, t in mine.items()} != {name: t.shape for name, t in theirs.items()}:
                differing = sorted(mine.keys() ^ theirs.keys()) or "their shapes"
                raise TailtuneError(f"the average is of another network: its tensors differ in {differing}")
        _copy(parameters, self._average)
        _copy(buffers, self._copies)

    @contextmanager
    def average_parameters(self) -> Iterator[None]:
        """Put the average into the model for the length of a ``with`` block, then put its own weights back."""
        with torch.no_grad():
            own = [[t.detach().clone() for t in tensors.values()] for tensors in (self._parameters, self._buffers)]
        try:
            _copy(self._parameters, self._average)
            _copy(self._buffers, self._copies)
            yield
        finally:
            _copy(self._parameters, own[0])
            _copy(self._buffers, own[1])

    def state_dict(self) -> dict[str, Any]:
        """Return the averages by name and the number of steps, all loadable with ``weights_only=True``."""
        return {
            "steps": self.steps,
            "parameters": dict(zip(self._parameters, self._average, strict=True)),
            "buffers": dict(zip(self._buffers, self._copies, strict=True)),
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned; decay and warm-up stay the constructor's.

        Raises:
            TailtuneError: averages of other names or shapes than the model's.
        """
        own = self.state_dict()
        for part in ("parameters", "buffers"):
            if {name: t.shape for name, t in own[part].items()} != {name: t.shape for name, t in state[part].items()}:
                raise TailtuneError(f"the saved average is of another network: its {part} have other names or shapes")
        self.steps = int(state["steps"])
        _copy(own["parameters"], [state["parameters"][name] for name in own["parameters"]])
        _copy(own["buffers"], [state["buffers"][name] for name in own["buffers"]])


def _tensors(model: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return dict(model.named_parameters()), dict(model.named_buffers())


@torch.no_grad()
def _copy(into: dict[str, Tensor], source: list[Tensor]) -> None:
    if source:
        torch._foreach_copy_(list(into.values()), source)
