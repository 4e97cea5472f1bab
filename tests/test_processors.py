from __future__ import annotations

import os
import subprocess
import sys

from tailtune.processors import cores, kept_busy


def test_processors_are_those_that_this_process_may_use() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_a_program_that_counts_keeps_a_processor_busy() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()  # it has started
        busy = kept_busy()
        other.kill()
    assert 0.5 < busy <= cores()
