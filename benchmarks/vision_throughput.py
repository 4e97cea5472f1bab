"""Images a second of training small residual networks: tailtune, a loop as the public long-tail scripts, timm's loop.

    python benchmarks/vision_throughput.py [--data-root FOLDER] [--cases resnet20:128 ...] [--seconds 3] [--rounds 5]
        [--parts steps pipeline ...] [--out benchmarks/vision_throughput.json]

On a GPU or a processor; CIFAR-10-LT at a ratio of 0.01, or made-up pictures of its shape without --data-root. All loops
train the same network from the same weights at the same batch size, flip and crop the pictures, and do the same number
of steps; the steps that warm up do not count. Rounds are interleaved and ratios are taken within a round, because
clocks and neighbours drift. The parts:

    steps         time of a step of every loop at every case, on a GPU with its peak memory
    memory        processor only: peak memory of every loop in a process of its own
    pipeline      share of a step that makes the batch
    methods       SAM-A, Joint-SSL and the weight average against plain training
    augmentation  batched augmentation against torchvision image by image, as augmentation.py measures it
    peak          operations of a step against the measured rate of a large matrix product
    syncs         GPU only: waits for the GPU within a step
    sharing       GPU only, unless asked for: several trainings at once

The file is written after every part, so that a run that is cut short leaves what it has.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from augmentation import POLICIES, measure
from throughput import alone
from throughput.cases import Case, Length, default_device, load
from throughput.measured import condensed, interleaved, quotients
from throughput.ours import VARIANTS, ours
from throughput.peak import SIZES, matrix_product, operations
from throughput.pictures import workers
from throughput.pipeline import shares
from throughput.reference import reference
from throughput.syncs import waits
from throughput.timm_loop import timm_loop

from tailtune.data.dataset import Dataset
from tailtune.methods import erm, joint_ssl, sama
from tailtune.run.environment import machine, versions
from tailtune.settings import Run
from tailtune.training.device import choose_precision, processor_threads

GPU = torch.cuda.is_available()
PARTS = ("steps", "memory", "pipeline", "methods", "augmentation", "peak", "syncs", "sharing")
DEFAULT_PARTS = tuple(part for part in PARTS if part not in (("memory",) if GPU else ("syncs", "sharing")))
LOOPS = ("reference", "timm", *VARIANTS)
CASES = ("resnet20:128", "resnet32:32", "resnet32:64", "resnet32:128", "wrn-28-10:128")
PAIRS = (
    ("ours", "reference"),
    ("ours", "timm"),
    ("ours_fp32", "reference"),
    ("ours_compiled", "reference"),
    ("ours_compiled", "ours"),
    ("timm", "reference"),
)
METHODS = {"erm": (erm, {}), "ema": (erm, {"ema": 0.999}), "sama": (sama, {}), "joint_ssl": (joint_ssl, {})}
ABOUT = {
    "reference": "eager float32, contiguous NCHW, loader workers over Pillow images with torchvision's transforms, SGD "
    "with momentum, cuDNN searches its algorithms, the loss read back every step; no code of another project",
    "timm": "the steps of timm's train.py: its loader with prefetching and its optimiser, autocast to bf16 where the "
    "device computes in it natively, channels last, cuDNN searches, the loss read back every step. timm has no CIFAR "
    "ResNet and no WRN-28-10, so it trains the same network as the others; flip and crop as theirs",
    "ours": "tailtune.training.loop.train with the configuration that the command line arrives at",
    "ours_fp32": "the same with --precision 32",
    "ours_compiled": "the same with compiled networks",
}
UNITS = {
    "milliseconds": "of a step: the mean of a round, then the median of the rounds",
    "images_a_second": "batch size over that time",
    "speedups": "quotient of images a second, first name over second, within a round",
    "costs": "quotient of the times of a step, within a round",
    "start_seconds": "what the warm-up took longer than as many steps: workers, choice of algorithms, compilation",
    "peak_memory_mb": "10^6 bytes: allocations on the GPU, or resident memory of a process of its own, without "
    "loader workers",
    "losses": "means over the steps of the warm-up and over as many at the end",
}


class Bench:
    """The measurements: one method for each part, which returns what stands in the file."""

    def __init__(self, options: argparse.Namespace, dataset: Dataset) -> None:
        self.options, self.dataset, self.rounds = options, dataset, options.rounds
        self.cases, self.focus = options.cases, options.focus

    def length(self, case: Case) -> Length:
        """Steps of one measurement."""
        return Length.of(2, 1) if self.options.quick else Length.within(self.options.seconds, self.dataset, case)

    def steps(self) -> list[dict[str, Any]]:
        """Every loop at every case."""
        rows = []
        for case in self.cases:
            length = self.length(case)
            loops = {loop: lambda n=loop, c=case, k=length: train(n, self.dataset, c, k) for loop in self.options.loops}
            results = interleaved(loops, self.rounds)
            entries = {loop: condensed(values, case.batch) for loop, values in results.items()}
            rates = {loop: entry["rounds"]["images_a_second"] for loop, entry in entries.items()}
            rows.append(
                {
                    "case": str(case),
                    "batch_size": case.batch,
                    "warm_up": length.warm_up,
                    "steps": length.steps,
                    "operations_a_step": operations(self.dataset, case),
                    "loops": entries,
                    "speedups": {f"{a} / {b}": quotients(rates[a], rates[b]) for a, b in PAIRS if {a, b} <= {*rates}},
                }
            )
            speedups = {name: round(quotient["median"], 2) for name, quotient in rows[-1]["speedups"].items()}
            print(json.dumps({"case": str(case), "speedups": speedups}), flush=True)
        return rows

    def memory(self) -> list[dict[str, Any]]:
        """Every loop at every case in a process of its own, two steps."""
        loops, arguments = self.options.loops, self.arguments()
        return [{"case": str(case), "loops": alone.memory(loops, case, arguments)} for case in self.cases]

    def pipeline(self) -> dict[str, Any]:
        """Making a batch against a step, at one case."""
        rows = shares(self.dataset, self.focus, self.length(self.focus), self.rounds)
        return {"case": str(self.focus), "policies": rows}

    def methods(self) -> dict[str, Any]:
        """Methods against plain training, at one case."""
        case, length = self.focus, self.length(self.focus)
        measures = {
            name: lambda m=method, c=changes: ours(self.dataset, case, length, m, **c)
            for name, (method, changes) in METHODS.items()
        }
        results = interleaved(measures, self.rounds)
        entries = {name: condensed(values, case.batch) for name, values in results.items()}
        times = {name: entry["rounds"]["milliseconds"] for name, entry in entries.items()}
        costs = {f"{name} / erm": quotients(times[name], times["erm"]) for name in METHODS if name != "erm"}
        return {"case": str(case), "steps": length.steps, "methods": entries, "costs": costs}

    def augmentation(self) -> list[dict[str, Any]]:
        """Policies against torchvision, on one core or on the GPU."""
        policies = ("flip+crop",) if self.options.quick else POLICIES
        with processor_threads(1):
            return [measure(policy, default_device(), 128, 32, self.rounds) for policy in policies]

    def peak(self) -> dict[str, Any]:
        """The rate of a matrix product, in bf16 on a GPU and on a processor in what it trains in by itself."""
        device = default_device()
        precision = "bf16" if GPU else choose_precision(Run(data="cifar10"), "image")
        return matrix_product(256 if self.options.quick else SIZES[device.type], precision, self.rounds)

    def syncs(self) -> dict[str, Any]:
        """Waits for the GPU, at one case."""
        length = Length.of(2 if self.options.quick else 100, len(self.dataset.train) // self.focus.batch)
        methods = {name: METHODS[name][0] for name in ("erm", "sama", "joint_ssl")}
        found = {name: waits(self.dataset, self.focus, length, method) for name, method in methods.items()}
        return {"case": str(self.focus), "methods": found}

    def sharing(self) -> dict[str, Any]:
        """Trainings at once, each in a process, at one case; images a second of all until the last one is done."""
        case, length = self.focus, self.length(self.focus)

        def rate(number: int) -> float:
            answers = alone.together(case, length, number, self.arguments())
            return number * length.steps * case.batch / max(answer["seconds"] for answer in answers)

        rates = interleaved({str(n): lambda n=n: rate(n) for n in self.options.processes}, self.rounds)
        first = next(iter(rates))
        return {
            "case": str(case),
            "steps": length.steps,
            "images_a_second": rates,
            "speedups": {f"{name} / {first}": quotients(rates[name], rates[first]) for name in rates},
        }

    def arguments(self) -> list[str]:
        """What a process of its own must be told."""
        root, threads = self.options.data_root, self.options.threads
        return [*(["--data-root", root] if root else []), *(["--threads", str(threads)] if threads else [])]


def train(loop: str, dataset: Dataset, case: Case, length: Length, **watch: Any) -> Any:
    """Measure one loop."""
    if loop in VARIANTS:
        return ours(dataset, case, length, **watch, **VARIANTS[loop])
    return {"reference": reference, "timm": timm_loop}[loop](dataset, case, length)


def child(options: argparse.Namespace) -> None:
    """Measure one loop in this process, and print what came out."""
    length = Length(*options.length)
    watch = {"when_warm": alone.wait} if options.wait else {}
    dataset = load(options.data_root)
    alone.forget_peak()
    before = alone.peak_memory()
    measured = train(options.alone, dataset, options.cases[0], length, **watch)
    found = {"peak_memory_mb": alone.peak_memory(), "before_mb": before}
    print(json.dumps({"seconds": measured.seconds * length.steps} | found), flush=True)


def add_shares(content: dict[str, Any]) -> None:
    """Say beside every time of a step what share of the measured peak it is, where both were measured."""
    if "peak" in content:
        for row in content.get("steps", ()):
            for entry in row["loops"].values():
                rate = row["operations_a_step"] / entry["milliseconds"] / 1e9
                entry["share_of_peak"] = rate / content["peak"]["tera_operations_a_second"]


def rounded(value: Any) -> Any:
    """The same with numbers to six digits."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def read_options() -> argparse.Namespace:
    """Read and complete the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root")
    parser.add_argument("--cases", nargs="+", type=Case.read, help=f"network:batch (default: {' '.join(CASES)})")
    parser.add_argument("--focus", type=Case.read, help="the case of the parts that look at one alone")
    parser.add_argument("--loops", nargs="+", choices=LOOPS, default=LOOPS)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=DEFAULT_PARTS)
    parser.add_argument("--seconds", type=float, default=3.0, help="about how long one loop trains in one round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, help="processor threads (default: torch's)")
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 2, 4], help="trainings at once, for sharing")
    parser.add_argument("--quick", action="store_true", help="as small as possible: a trial, whose times mean nothing")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    for hidden, settings in (
        ("--alone", {}),
        ("--length", {"nargs": 2, "type": int}),
        ("--wait", {"action": "store_true"}),
    ):
        parser.add_argument(hidden, help=argparse.SUPPRESS, **settings)
    options = parser.parse_args()
    if "syncs" in options.parts and not GPU:
        parser.error("syncs needs a GPU")
    tiny = Case("resnet8", 16)
    options.cases = options.cases or ([tiny] if options.quick else [Case.read(case) for case in CASES])
    options.focus = options.focus or (tiny if options.quick else Case("resnet32" if GPU else "resnet20", 128))
    options.rounds = options.rounds or (2 if options.quick else 5)
    return options


def main() -> None:
    """Measure and write the result."""
    options = read_options()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.alone:
        child(options)
        return
    dataset = load(options.data_root)
    words = ["FOLDER" if word == options.data_root else word for word in sys.argv[1:]]
    content: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/vision_throughput.py", *words]),
        "quick": options.quick,
        "data": dataset.source,
        "split_hash": dataset.split_hash,
        "rows": len(dataset.train),
        "device": default_device().type,
        "precision_auto": choose_precision(Run(data="cifar10"), "image"),
        "threads": torch.get_num_threads(),
        "loader_workers": workers(),
        "loops": {loop: ABOUT[loop] for loop in options.loops},
        "units": UNITS,
        "versions": versions(),
        "machine": asdict(machine()) | {"load": [round(load, 1) for load in os.getloadavg()]},
    }
    bench = Bench(options, dataset)
    for part in (part for part in PARTS if part in options.parts):
        content[part] = getattr(bench, part)()
        add_shares(content)
        options.out.write_text(json.dumps(rounded(content), indent=1) + "\n")
        print(f"{part} done", flush=True)


if __name__ == "__main__":
    main()
