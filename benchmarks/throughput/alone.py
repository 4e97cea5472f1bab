"""A loop in a process of its own: for its memory, and for several trainings on one GPU at once."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from throughput.cases import Case, Length

SCRIPT = Path(__file__).parents[1] / "vision_throughput.py"
READY = "ready"


def wait() -> None:
    """In the child: say that it is warm, and go on when the parent says so."""
    print(READY, flush=True)
    sys.stdin.readline()


def forget_peak() -> None:
    """In the child: let the peak begin anew, which only Linux can; elsewhere it stays that since the start."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """In the child: its largest resident memory so far, without loader workers, in MB (10^6 bytes).

    Read from the kernel where possible, because `getrusage` counts what the parent held before the child was loaded.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(lines["VmHWM"].split()[0]) // 10**6
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kibibytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 10**6


def start(loop: str, case: Case, length: Length, arguments: list[str]) -> subprocess.Popen[str]:
    """Start `loop` in a process; it waits when warm if `arguments` hold "--wait"."""
    command = [sys.executable, str(SCRIPT), "--alone", loop, "--cases", str(case)]
    command += ["--length", str(length.warm_up), str(length.steps), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the process printed in the end.

    Raises:
        RuntimeError: it failed.
    """
    out, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a process of its own failed: {process.args}")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def memory(loops: list[str], case: Case, arguments: list[str]) -> dict[str, Any]:
    """Peak memory of each loop over two steps, and what its process held before (libraries and data)."""
    return {loop: answer(start(loop, case, Length(1, 1), arguments)) for loop in loops}


def together(case: Case, length: Length, number: int, arguments: list[str]) -> list[dict[str, Any]]:
    """The answers of `number` trainings whose steps that count begin at once."""
    processes = [start("ours", case, length, [*arguments, "--wait"]) for _ in range(number)]
    for process in processes:
        _await(process)
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [answer(process) for process in processes]


def _await(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == READY:
            return
    raise RuntimeError(f"a process of its own failed: {process.args}")
