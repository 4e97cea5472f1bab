"""A checkpoint that is damaged is noticed, and the one before it taken."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from tailtune.errors import TailtuneError
from tailtune.training.checkpoint import earlier, read_checkpoint, write_checkpoint


def spoilt(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "bit":
        content[len(content) // 2] ^= 1
    path.write_bytes(content[: len(content) // 2] if how == "cut" else b"" if how == "empty" else content)


@pytest.mark.parametrize("how", ["bit", "cut", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "last.ckpt"
    assert read_checkpoint(path) is None
    for step in (1, 2, 3):
        write_checkpoint(path, {"step": step, "weights": torch.full((500,), float(step))})
    assert read_checkpoint(path)["step"] == 3
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["last.ckpt", "last.previous.ckpt"]
    spoilt(path, how)
    logging.getLogger("tailtune").propagate = True
    with caplog.at_level(logging.WARNING, logger="tailtune"):
        state = read_checkpoint(path)
    assert state["step"] == 2
    assert torch.equal(state["weights"], torch.full((500,), 2.0))
    assert "last.ckpt is damaged (its checksum is another); going on from the checkpoint before it" in caplog.text
    spoilt(earlier(path), how)
    with pytest.raises(TailtuneError, match=r"is damaged .* and there is no other; delete .* and start the run again"):
        read_checkpoint(path)


def test_a_checkpoint_that_was_moved_aside_when_the_process_died_is_found(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    write_checkpoint(path, {"step": 1})
    path.rename(earlier(path))
    assert read_checkpoint(path) == {"step": 1}
