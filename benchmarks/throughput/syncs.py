"""How often a step makes the processor wait for the GPU."""

from __future__ import annotations

import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch

import tailtune
from tailtune.data.dataset import Dataset
from throughput.cases import Case, Length
from throughput.ours import MakeMethod, ours

MESSAGE = "called a synchronizing CUDA operation"
SOURCE = str(Path(tailtune.__file__).parent)
LOOP = str(Path(SOURCE, "training", "loop.py"))


def waits(dataset: Dataset, case: Case, length: Length, method: MakeMethod) -> dict[str, Any]:
    """Count them after the warm-up: inside of steps, where there should be none, and outside by where they are."""
    inside: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    warm = False

    def begin() -> None:
        nonlocal warm
        warm = True

    def record(message: Warning | str, *_: object, **__: object) -> None:
        if warm and MESSAGE in str(message):
            frames = [frame for frame in traceback.extract_stack() if frame.filename.startswith(SOURCE)]
            within = any(frame.name == "step" and frame.filename == LOOP for frame in frames)
            last = frames[-1] if frames else None
            place = f"{Path(last.filename).relative_to(SOURCE)}:{last.lineno}" if last else "elsewhere"
            (inside if within else outside)[place] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = record
        torch.cuda.set_sync_debug_mode("warn")
        try:
            ours(dataset, case, length, method, begin)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return {
        "steps": length.steps,
        "read_backs": length.steps // length.warm_up,
        "inside_steps": inside.total(),
        "outside_steps": outside.total(),
        "places_inside": dict(inside),
        "places_outside": dict(outside),
    }
