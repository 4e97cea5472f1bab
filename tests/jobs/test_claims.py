"""Claims on a shared folder: one holder at a time, and the work of a dead process is taken up."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from tailtune import TailtuneError
from tailtune.jobs.claims import Claims


def elsewhere(path: Path, age: float = 0.0) -> None:
    """Write a claim of a process on another machine that gave its last sign of life `age` seconds ago."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"host": "another", "pid": 1, "begun": 1.0, "world": "pid:[1]"}))
    os.utime(path, (time.time() - age,) * 2)


def test_only_one_of_many_gets_a_claim(tmp_path: Path) -> None:
    folder, won = tmp_path / "claims", []
    barrier = threading.Barrier(8)
    with Claims(folder, 1) as claims:

        def rush() -> None:
            barrier.wait()
            if claims.take("a"):
                won.append(1)

        threads = [threading.Thread(target=rush) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert not Claims(folder, 1).take("a")


def test_a_live_claim_holds_and_an_expired_one_is_taken_by_one_alone(tmp_path: Path) -> None:
    elsewhere(tmp_path / "a.1", age=50)
    with Claims(tmp_path, 1) as claims:
        assert not claims.take("a")
        assert claims.holder("a") == "process 1 on another"
        elsewhere(tmp_path / "a.1", age=70)
        assert claims.take("a")
        assert (tmp_path / "a.2").exists()
        assert not claims.take("a")


def test_what_is_released_is_free_at_once(tmp_path: Path) -> None:
    with Claims(tmp_path, 60) as first, Claims(tmp_path, 60) as second:
        assert first.take("a")
        assert not second.take("a")
        first.release("a")
        assert second.take("a")
        assert not first.take("a")
    with Claims(tmp_path, 60) as third:  # the end of a process releases its claims
        assert third.take("a")
        third.finish("a")
    assert not list(tmp_path.iterdir())


def _claim_and_die(folder: Path) -> None:
    claims = Claims(folder, 60)
    claims.__enter__()
    assert claims.take("a")
    os._exit(1)


def test_the_claim_of_a_process_that_died_here_is_free_at_once(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_claim_and_die, args=(tmp_path,))
    process.start()
    process.join()
    assert (tmp_path / "a.1").exists()
    with Claims(tmp_path, 60) as claims:
        assert claims.take("a")


def test_another_process_of_the_same_number_is_not_mistaken_for_the_holder(tmp_path: Path) -> None:
    with Claims(tmp_path, 60) as claims:
        assert claims.take("a")
        claim = json.loads((tmp_path / "a.1").read_text())
        (tmp_path / "b.1").write_text(json.dumps(claim | {"begun": 0.0}))
        assert claims.take("b")


def test_a_process_that_ended_and_waits_for_its_parent_holds_nothing(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_claim_and_die, args=(tmp_path,))
    process.start()
    until = time.monotonic() + 60
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
        time.sleep(0.01)
    with Claims(tmp_path, 60) as claims:
        assert claims.take("a")
    process.join()


def test_the_claim_of_a_job_that_has_ended_is_given_up_and_no_other(tmp_path: Path) -> None:
    with Claims(tmp_path, 60, job="77_1") as job, Claims(tmp_path, 60) as other:
        assert job.take("a")
        assert other.held("a")
        other.bury("a", "77_2")
        assert other.held("a")
        other.bury("a", "77_1")
        assert not other.held("a")
        assert other.take("a")
        job.bury("a", "77_1")
        assert job.held("a")


def test_signs_of_life_keep_a_claim_and_a_lost_one_is_noticed(tmp_path: Path) -> None:
    with Claims(tmp_path, 0.01) as claims:
        assert claims.take("a")
        time.sleep(1)
        assert time.time() - (tmp_path / "a.1").stat().st_mtime < 0.5
        assert not claims.lost("a")
        elsewhere(tmp_path / "a.2")
        until = time.monotonic() + 5
        while not claims.lost("a") and time.monotonic() < until:
            time.sleep(0.01)
        assert claims.lost("a")


def test_a_claim_cut_off_while_it_was_written_expires(tmp_path: Path) -> None:
    (tmp_path / "a.1").write_text("{")
    with Claims(tmp_path, 1) as claims:
        assert not claims.take("a")
        os.utime(tmp_path / "a.1", (time.time() - 70,) * 2)
        assert claims.take("a")


def test_without_hard_links_it_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    with Claims(tmp_path, 1) as claims:
        assert claims.take("a")
        assert not claims.take("a")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TailtuneError, match="cannot create"), Claims(tmp_path / "file" / "claims", 1):
        pass


def test_of_a_damaged_claim_only_the_age_counts(tmp_path: Path) -> None:
    with Claims(tmp_path, 1) as claims:
        assert claims.take("whole")
        whole = (tmp_path / "whole.1").read_bytes()
        mine = json.loads(whole)
    others = [{"pid": "12"}, {"pid": None}, {"pid": 2**80}, {"pid": [1]}, {"begun": "now"}, {"released": "no"}]
    damaged = [json.dumps(mine | other).encode() for other in others]
    damaged += [b"", whole[:20], b"[]", b"3", b"\xff\xfe", b"{}", whole.replace(b'"pid"', b'"pjd"')]
    for i, content in enumerate(damaged):
        path = tmp_path / f"{i}.1"
        path.write_bytes(content)
        with Claims(tmp_path, 1) as claims:
            assert claims.held(str(i))
            assert not claims.take(str(i))
            assert claims.holder(str(i)).startswith("process ")
            os.utime(path, (time.time() - 61,) * 2)
            assert claims.take(str(i))


def test_a_clock_that_is_set_back_frees_nothing_and_keeps_no_dead_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Claims(tmp_path, 1) as first, Claims(tmp_path, 1) as second:
        assert first.take("a")
        elsewhere(tmp_path / "b.1")
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now - 3600)
        assert not second.take("a")
        assert not second.take("b")  # it may be alive
        first.release("a")
        assert second.take("a")


def test_a_clock_that_is_set_forward_frees_no_claim_of_a_living_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Claims(tmp_path, 1) as first, Claims(tmp_path, 1) as second:
        assert first.take("a")
        elsewhere(tmp_path / "b.1", age=50)
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 3600)
        assert not second.take("b")
        for later in (Claims(tmp_path, 1), second):  # the one began after the clock was set, the other before
            assert later.held("a")
        os.utime(tmp_path / "b.1", (now + 3600,) * 2)  # its next sign of life
        assert not second.take("b")
        elsewhere(tmp_path / "b.1", age=3600 + 70)
        assert second.take("b")
