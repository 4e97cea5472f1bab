"""A script in two processes that share a gloo group, ``python SCRIPT RANK WORLD RENDEZVOUS OUT``, and in this one."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch


def results_of(script: Path, folder: Path) -> list[Any]:
    """Run `script` as two ranks and return what each of them saved."""
    outs = [folder / f"rank{rank}.pt" for rank in range(2)]
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), "2", str(folder / "rendezvous"), str(out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank, out in enumerate(outs)
    ]
    try:
        said = [process.communicate(timeout=240)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    # a rank saves last of all; how torch's threads then come to their end is not what is tested
    assert all(process.returncode == 0 or out.exists() for process, out in zip(processes, outs, strict=True)), (
        "\n".join(said)
    )
    return [torch.load(out, weights_only=True) for out in outs]


def module_of(script: Path) -> ModuleType:
    """Import `script`, to do in one process what the two do together."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
