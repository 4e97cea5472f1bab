"""Processor time to train networks on one picture of 32 pixels: what `tailtune paper --list` makes its hours of.

    python benchmarks/picture_times.py [--out FILE]

One thread, in the precision that training takes by itself; forward, backward and a step of SGD, in batches of 64, of
wide networks 16. Processor time is not lengthened by other processes, but for the caches that they share. The constants
of `tailtune.paper.costs` are those of the committed file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import asdict
from pathlib import Path

import torch
from plain_step import plain_step

from tailtune.models.build import build
from tailtune.paper.costs import MILLISECONDS, SIDE
from tailtune.run.environment import command, machine, versions
from tailtune.settings import Run
from tailtune.training.device import choose_precision

WIDE, STEPS = 10.0, 5  # milliseconds of a picture from which batches are small
SHAPE = {"channels": 3, "height": SIDE, "width": SIDE}


def milliseconds(name: str, half: bool) -> float:
    """The median over steps."""
    torch.manual_seed(0)
    batch = 16 if MILLISECONDS[name] > WIDE else 64
    step = plain_step(build(name, SHAPE, 10), batch, SIDE, half)
    taken = []
    for _ in range(1 + STEPS):  # the first one warms up
        began = time.process_time()
        step()
        taken.append(1000 * (time.process_time() - began) / batch)
    return statistics.median(taken[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    precision = choose_precision(Run("", accelerator="cpu"), "image")
    found = {name: round(milliseconds(name, precision == "bf16"), 2) for name in MILLISECONDS}
    print(found)
    text = {
        "command": command(),
        "versions": versions(),
        "machine": asdict(machine()),
        "precision": precision,
        "milliseconds": found,
    }
    options.out.write_text(json.dumps(text, indent=1) + "\n")


if __name__ == "__main__":
    main()
