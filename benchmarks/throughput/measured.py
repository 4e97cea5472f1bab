"""What is measured of one loop, and how rounds are interleaved and condensed."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from throughput.cases import Length, synchronise

T = TypeVar("T")


@dataclass(frozen=True)
class Measured:
    """One loop in one round.

    Attributes:
        seconds: of a step, the mean over those that count.
        start_seconds: what the warm-up took longer than as many steps: workers, choice of algorithms, compilation.
        first_loss: mean over the warm-up.
        last_loss: mean over as many steps at the end.
        parameters: numbers that are trained.
        precision: "32" or "bf16".
        peak_memory_mb: of allocations on the GPU; None without one.
    """

    seconds: float
    start_seconds: float
    first_loss: float
    last_loss: float
    parameters: int
    precision: str
    peak_memory_mb: float | None


@dataclass
class Clock:
    """Follows the steps of a loop; begins with its set-up, waits for the device before it looks at the time.

    Attributes:
        length: when to start and stop counting.
        device: what to wait for.
        when_warm: called between the warm-up and the steps that count.
    """

    length: Length
    device: torch.device
    when_warm: Callable[[], object] = lambda: None
    began: float = field(default_factory=time.perf_counter)
    losses: list[float] = field(default_factory=list)
    warm: float = 0.0
    counted_from: float = 0.0
    ended: float = 0.0

    def step(self, done: int, loss: float) -> None:
        """`done` steps lie behind; `loss` is that of the last one or of all since the last call."""
        self.losses.append(loss)
        if done == self.length.warm_up:
            synchronise(self.device)
            self.warm = time.perf_counter()
            self.when_warm()
            self.counted_from = time.perf_counter()
        elif done == self.length.warm_up + self.length.steps:
            synchronise(self.device)
            self.ended = time.perf_counter()

    def start(self, steps: int, done: int) -> None:
        """Nothing to do."""

    def epoch(self, row: dict[str, Any]) -> None:
        """Nothing to do."""

    @property
    def over(self) -> bool:
        """Whether all steps are done."""
        return self.ended > 0

    def measured(self, parameters: int, precision: str) -> Measured:
        """What came out."""
        length = self.length
        seconds = (self.ended - self.counted_from) / length.steps
        share = len(self.losses) * length.warm_up // (length.warm_up + length.steps)
        peak = torch.cuda.max_memory_allocated() / 1e6 if self.device.type == "cuda" else None
        start = self.warm - self.began - length.warm_up * seconds
        first, last = statistics.fmean(self.losses[:share]), statistics.fmean(self.losses[-share:])
        return Measured(seconds, start, first, last, parameters, precision, peak)


@contextmanager
def searching_algorithms() -> Iterable[None]:
    """Let cuDNN time its algorithms in the first steps, as the public scripts do."""
    before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def interleaved(measures: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Call every measure once a round, because clocks and neighbours drift."""
    results: dict[str, list[T]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            results[name].append(measure())
    return results


def quotients(above: Sequence[float], below: Sequence[float]) -> dict[str, Any]:
    """Quotients within a round, and their median."""
    rounds = [a / b for a, b in zip(above, below, strict=True)]
    return {"median": statistics.median(rounds), "rounds": rounds}


def condensed(results: Sequence[Measured], batch: int) -> dict[str, Any]:
    """Medians over the rounds, and the rounds."""
    milliseconds = [1000 * result.seconds for result in results]
    rates = [batch / result.seconds for result in results]
    peaks = [result.peak_memory_mb for result in results if result.peak_memory_mb is not None]
    return {
        "precision": results[0].precision,
        "parameters": results[0].parameters,
        "images_a_second": statistics.median(rates),
        "milliseconds": statistics.median(milliseconds),
        "start_seconds": statistics.median(result.start_seconds for result in results),
        **({"peak_memory_mb": max(peaks)} if peaks else {}),
        "first_loss": results[-1].first_loss,
        "last_loss": results[-1].last_loss,
        "rounds": {
            "images_a_second": rates,
            "milliseconds": milliseconds,
            "start_seconds": [result.start_seconds for result in results],
        },
    }
