"""Tasks for the tests of the engines, light enough for processes that import nothing heavy."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from tailtune.errors import TailtuneError
from tailtune.interrupt import Interrupted, deferred_interrupts


@dataclass(frozen=True)
class Writes:
    """Writes its process number into a file; `what` says what happens instead."""

    key: str
    folder: Path
    what: str = "write"

    @property
    def title(self) -> str:
        return f"task {self.key}"

    @property
    def file(self) -> Path:
        return self.folder / self.key

    def done(self) -> bool:
        return self.file.exists()

    def __call__(self) -> None:
        with (self.folder / "begun").open("a") as log:
            log.write(f"{self.key}\n")
        if self.what == "refuse":
            raise TailtuneError(f"{self.key} is\nno good")
        if self.what == "break":
            raise ZeroDivisionError(self.key)
        if self.what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.what == "hang":  # the first time, until it is killed
            pid = self.folder / f"{self.key}.pid"
            if not pid.exists():
                pid.with_suffix(".partial").write_text(str(os.getpid()))
                pid.with_suffix(".partial").rename(pid)
                time.sleep(60)
        if self.what == "train":  # until a signal comes
            with deferred_interrupts() as interrupt:
                (self.folder / f"{self.key}.started").write_text(str(os.getpid()))
                while not interrupt.raised:
                    time.sleep(0.01)
            (self.folder / f"{self.key}.checkpoint").touch()
            raise Interrupted("stopped")
        if self.what == "threads":  # that torch would use, and on which GPU
            import torch

            self.file.write_text(f"{torch.get_num_threads()} {os.environ.get('CUDA_VISIBLE_DEVICES')}")
            return
        self.file.write_text(str(os.getpid()))


@dataclass
class Told:
    """Remembers what a launch tells."""

    what = "tasks"
    said: list[str] = field(default_factory=list)

    def start(self, total: int, done: int) -> None:
        self.said.append(f"{done} of {total}")

    def begin(self, title: str) -> None:
        self.said.append(f"begin {title}")

    def finish(self, title: str, seconds: float, failure: str | None) -> None:
        self.said.append(f"end {title}: {failure}")

    def wait(self, title: str, holder: str) -> None:
        self.said.append(f"wait {title}")
