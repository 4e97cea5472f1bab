"""Where and in which precision a run trains: the one place that makes a Fabric."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from tailtune.data.dataset import Dataset, Kind, is_tiny
from tailtune.errors import TailtuneError
from tailtune.processors import cores
from tailtune.settings import Run

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PICTURE_THREADS = 2  # where there are as many processors


def choose_precision(run: Run, kind: Kind) -> str:
    """Return "32" or "bf16" for ``precision="auto"``, else what `run` says.

    bf16 pays on a GPU that has it, and on a processor that computes convolutions in it natively; the small matrix
    products of table networks are faster in fp32 on a processor.
    """
    if run.precision != "auto":
        return run.precision
    if run.accelerator != "cpu" and torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "32"
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    native = able.get("avx512_bf16") or able.get("amx_bf16")
    return "bf16" if kind == "image" and native else "32"


def choose_threads(dataset: Dataset) -> int:
    """Return the processor threads that suit networks on `dataset`.

    The order in which sums are taken follows from the number, so it must not depend on what else runs on the machine:
    the same run would come to other bits. Layers for tables and tiny pictures are so small that sharing them out costs
    more than it saves, and two threads on one processor wait for each other in every layer, see
    benchmarks/shared_processors.json.
    """
    return 1 if dataset.kind == "table" or is_tiny(dataset.preprocessor) else min(PICTURE_THREADS, cores())


@contextmanager
def processor_threads(count: int | None) -> Iterator[None]:
    """Let torch and NumPy use `count` processor threads within a ``with`` block; None changes nothing."""
    if count is None:
        yield
        return
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def device_of(accelerator: str) -> torch.device:
    """Return the one device of "auto", "cpu" or "cuda"; auto is the first GPU where there is one.

    Raises:
        TailtuneError: a GPU is asked for and none is there.
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise TailtuneError("no CUDA device was found; use --accelerator cpu, or check the driver with nvidia-smi")
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def make_fabric(run: Run, precision: str) -> Fabric:
    """Build and launch the Fabric of `run`.

    Raises:
        TailtuneError: a GPU is asked for and none is there, or a logger that cannot be made.
    """
    with _unless_loaded("torchmetrics"):
        from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces the precision in every run
    device_of(run.accelerator)  # Lightning's own words for no GPU are of its options
    fabric = Fabric(
        accelerator=run.accelerator,
        devices=run.devices,
        strategy="ddp" if run.devices > 1 else "auto",
        precision="bf16-mixed" if precision == "bf16" else "32-true",
        loggers=_logger(run),
    )
    fabric.launch()
    return fabric


@contextmanager
def _unless_loaded(package: str) -> Iterator[None]:
    """Let nothing import `package` in the body, unless that has happened already.

    lightning_fabric imports all of torchmetrics, where it is installed, to read its version for a class that is not
    used here; with what that imports in its turn it takes longer than a short training.
    """
    hidden = package not in sys.modules
    if hidden:
        sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            del sys.modules[package]


@contextmanager
def closing(fabric: Fabric) -> Iterator[None]:
    """Let the loggers write what they hold when the body ends.

    If it fails, also end the processes that this one launched: they would wait for it, or fail in its wake.
    """
    status = "failed"
    try:
        yield
        status = "success"
    except BaseException:
        for process in getattr(fabric.strategy.launcher, "procs", ()):
            process.kill()
        raise
    finally:
        for logger in fabric.loggers:
            logger.finalize(status)


def _logger(run: Run) -> Any:
    if run.logger is None:
        return None
    from lightning_fabric import loggers

    if run.logger in ("csv", "tensorboard"):
        kind = loggers.CSVLogger if run.logger == "csv" else loggers.TensorBoardLogger
        try:
            return kind(root_dir=run.out)
        except ModuleNotFoundError as error:
            raise TailtuneError(f"--logger {run.logger} needs another package: {error}") from error
    home, _, name = run.logger.partition(":")
    try:
        return getattr(importlib.import_module(home), name)(root_dir=run.out)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise TailtuneError(
            f"cannot make the logger {run.logger!r}: {error}; use csv, tensorboard or package.module:Class"
        ) from error
