"""What a result must name to be had again: versions, machine, memory, command; and which process this is."""

from __future__ import annotations

import os
import platform
import resource
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tailtune.processors import cores
from tailtune.run.result import Machine

_PACKAGES = (
    "tailtune",
    "torch",
    "torchvision",
    "numpy",
    "lightning-fabric",
    "timm",
    "scikit-learn",
    "xgboost",
    "polars",
    "rtdl_num_embeddings",
)


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package) or "unknown"  # of a package that is being installed
        except PackageNotFoundError:
            continue
    return found


def machine() -> Machine:
    """Processor, cores, memory in GiB and GPU (None without one)."""
    import psutil
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    memory = round(psutil.virtual_memory().total / 2**30, 1)
    return Machine(_processor(), cores(), memory, gpu, platform.system())


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def visible_gpus() -> tuple[str, ...]:
    """The GPUs of this process, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return tuple(given.split(",")[:count] if given else map(str, range(count)))


def peak_memory_mb() -> int:
    """Largest resident memory of this process so far, in MB (10^6 bytes); on a GPU its allocations instead."""
    import torch

    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return int(torch.cuda.max_memory_allocated() / 1e6)
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kibibytes
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def command() -> str:
    """The command line of this process as it could be typed."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def first_process(devices: int) -> bool:
    """Whether this process of a run on `devices` is the one that writes and speaks.

    Asked before the processes know each other, so from what torchrun and Fabric's launcher put into the environment.
    """
    return devices == 1 or int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0
