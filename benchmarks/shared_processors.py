"""A training step in one and in two threads where processors are free, where a program keeps one busy, and on one.

    python benchmarks/shared_processors.py [--rounds N] [--seconds S] [--out FILE]

ResNet-20, 64 pictures of 32 pixels, in the precision that training takes by itself. Two threads share the layers out
and wait for each other many times a step; where they have less than two processors, a wait can last until the system
gives the other one its turn. Every case is a process of its own, because the threads' library reads the number of
processors once; the program that keeps a processor busy counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

TWO = sorted(os.sched_getaffinity(0))[:2]
CASES = {  # processors, and whether something else runs on one of them
    "two processors": (TWO, False),
    "two, one kept busy": (TWO, True),
    "one processor": (TWO[:1], False),
}


def step_seconds(threads: int, seconds: float) -> float:
    """The median time of a step."""
    import torch
    from plain_step import plain_step

    from tailtune.models.cifar_resnet import CifarResNet
    from tailtune.settings import Run
    from tailtune.training.device import choose_precision

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    half = choose_precision(Run("", accelerator="cpu"), "image") == "bf16"
    step = plain_step(CifarResNet(20, 3, 10), 64, 32, half)
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while len(taken) < 3 or time.perf_counter() < until:
        began = time.perf_counter()
        step()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


@contextmanager
def busy(processors: list[int]) -> Iterator[None]:
    """A process that counts on one of the processors, whichever the system gives it; none for no processors.

    It has a session of its own, as what is started from another terminal: systems share processors out by sessions.
    """
    if not processors:
        yield
        return
    code = f"import os; os.sched_setaffinity(0, {processors})\nwhile True: pass"
    other = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        yield
    finally:
        other.kill()
        other.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    if options.case:  # a process of this script's
        os.sched_setaffinity(0, [int(number) for number in options.case[0].split(",")])
        print(step_seconds(int(options.case[1]), options.seconds))
        return
    from tailtune.run.environment import command, machine, versions

    found: dict[str, dict[str, list[float]]] = {name: {"1": [], "2": []} for name in CASES}
    for _ in range(options.rounds):
        for name, (processors, shared) in CASES.items():
            for threads, times in found[name].items():
                with busy(processors if shared else []):
                    case = ["--case", ",".join(map(str, processors)), threads, "--seconds", str(options.seconds)]
                    done = subprocess.run([sys.executable, __file__, *case], capture_output=True, text=True, check=True)
                times.append(round(1000 * float(done.stdout), 1))
    slower = {
        name: [round(two / one, 2) for one, two in zip(times["1"], times["2"], strict=True)]
        for name, times in found.items()
    }
    text = {
        "command": command(),
        "versions": versions(),
        "machine": asdict(machine()),
        "milliseconds_of_a_step_by_threads": found,
        "two_threads_over_one": slower,
    }
    options.out.write_text(json.dumps(text, indent=1) + "\n")
    print(json.dumps({name: statistics.median(values) for name, values in slower.items()}))


if __name__ == "__main__":
    main()
