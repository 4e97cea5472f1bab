"""Files of a study are whole, however many processes write them."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

from tailtune.files import write_whole
from tailtune.run.manifest import DONE, seal


def _write(path: Path, number: int) -> None:
    for count in range(200):
        write_whole(path, json.dumps([number] * (50 * count)).encode())


def test_processes_that_write_one_file_do_not_spoil_it(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_whole(path, b"[]")
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(path, number)) for number in range(3)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert len(set(json.loads(path.read_text()))) <= 1
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]


def test_what_a_killed_process_left_is_gone_from_a_finished_run(tmp_path: Path) -> None:
    (tmp_path / ".model.safetensors.host.123.partial").touch()
    seal(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [DONE]
