"""Claims: files in a shared folder by which processes, on one machine or many, agree on who does what.

A claim is the file ``KEY.1``; whoever takes over an expired or released claim makes ``KEY.2``, and so on. Making a file
that must not exist yet is atomic, on network file systems too, and as nothing is taken away, a slow process can never
mistake an old claim for a free one. The newest number holds. Whether its process lives is asked of the system where
that can tell; of one on another machine, the time of change is the sign of life.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from tailtune.errors import TailtuneError
from tailtune.files import remedy, write_whole

BEATS = 5  # signs of life within the time after which a claim expires
RELEASED = b'{"released": true}'


@dataclass(frozen=True)
class Claim:
    """What a claim says of the process that made it; all None where it cannot be read, so that only its age tells.

    Attributes:
        host, pid: which process.
        begun: when it began, see `_begun`.
        world: the name space of its number.
        job: name of the job of a scheduler that it is.
        released: whether it has let go.
    """

    host: str | None = None
    pid: int | None = None
    begun: float | None = None
    world: str | None = None
    job: str | None = None
    released: bool = False


class Claims:
    """The claims of this process in `folder`; a context, in which a thread shows signs of life.

    Args:
        folder: shared by all processes; created if it is not there.
        minutes: without a sign of life after which a claim expires.
        job: name of the job of a scheduler that this process is, see `bury`.
    """

    def __init__(self, folder: Path, minutes: float, job: str | None = None) -> None:
        self.folder, self.seconds, self.job = folder, 60 * minutes, job
        self._began = time.time() - time.monotonic()
        self._held: dict[str, Path] = {}
        self._lost: set[str] = set()
        self._lock, self._over = threading.Lock(), threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Claims:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TailtuneError(
                f"cannot create {self.folder}: {error.strerror or error}; choose another --out"
            ) from error
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._beating.join()
        for key in list(self._held):
            self.release(key)

    def held(self, key: str) -> bool:
        """Whether a process holds `key`, as far as one can tell."""
        newest = self._newest(key)
        return newest is not None and not self._free(newest)

    def take(self, key: str) -> bool:
        """Claim `key` unless another process holds it; look afterwards whether the work has been done meanwhile."""
        newest = self._newest(key)  # looked at once: a claim that is made meanwhile must be met, not passed
        if newest is not None and not self._free(newest):
            return False
        path = self.folder / f"{key}.{1 if newest is None else _number(newest) + 1}"
        if not _create(path, json.dumps(asdict(_self(self.job))).encode()):
            return False
        with self._lock:
            self._held[key] = path
        return True

    def release(self, key: str) -> None:
        """Let others claim `key` at once."""
        path = self._let_go(key)
        with contextlib.suppress(TailtuneError):  # a full disk: the claim will expire
            write_whole(path, RELEASED)

    def finish(self, key: str) -> None:
        """Take the claim away: what shows that the work is done is there for all to see."""
        self._let_go(key)
        for path in self.folder.glob(f"{key}.*"):
            path.unlink(missing_ok=True)

    def bury(self, key: str, job: str) -> None:
        """Let others claim `key` at once if it is `job` that holds it, of which a scheduler says that it has ended."""
        newest = self._newest(key)
        if newest is not None and _read(newest).job == job:
            write_whole(newest, RELEASED)

    def lost(self, key: str) -> bool:
        """Whether another process has taken over `key`, because this one gave no sign of life for too long."""
        return key in self._lost

    def holder(self, key: str) -> str:
        """Say who holds `key`, for a message."""
        newest = self._newest(key)
        claim = Claim() if newest is None else _read(newest)
        return f"process {claim.pid or 'unknown'} on {claim.host or 'an unknown machine'}"

    def _let_go(self, key: str) -> Path:
        with self._lock:
            return self._held.pop(key)

    def _newest(self, key: str) -> Path | None:
        claims = [path for path in self.folder.glob(f"{key}.*") if path.suffix[1:].isdigit()]
        return max(claims, key=_number, default=None)

    def _free(self, path: Path) -> bool:
        claim = _read(path)
        lives = _lives(claim)
        if claim.released or lives is not None:
            return claim.released or not lives
        try:
            return self._now() - path.stat().st_mtime > self.seconds
        except FileNotFoundError:  # finished just now
            return True

    def _now(self) -> float:
        """The time of day, which a clock that is set forward or back puts too early rather than too late."""
        return min(time.time(), self._began + time.monotonic())

    def _beat(self) -> None:
        while not self._over.wait(self.seconds / BEATS):
            with self._lock:
                held = dict(self._held)
            for key, path in held.items():
                if self._newest(key) != path:
                    self._lost.add(key)
                with contextlib.suppress(OSError):  # a file server that is away for a moment
                    os.utime(path)


def _number(path: Path) -> int:
    return int(path.suffix[1:])


def _create(path: Path, content: bytes) -> bool:
    """Make a file that does not exist yet, with its content or not at all; say whether that worked.

    Raises:
        TailtuneError: the folder cannot be written to.
    """
    scratch = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        scratch.write_bytes(content)
        try:
            os.link(scratch, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links: content and file come one after the other there
            with path.open("xb") as file:
                file.write(content)
        return True
    except FileExistsError:
        return False
    except OSError as error:
        raise TailtuneError(f"cannot write {path}: {error.strerror or error}; {remedy(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


def _read(path: Path) -> Claim:
    import msgspec

    try:
        return msgspec.json.decode(path.read_bytes(), type=Claim)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):  # finished just now, not yet written, or damaged
        return Claim()


def _self(job: str | None) -> Claim:
    return Claim(socket.gethostname(), os.getpid(), _begun(os.getpid()), _world(), job)


def _lives(claim: Claim) -> bool | None:
    """Whether the process of `claim`, one of this machine, is still there; None if that cannot be told from here."""
    if claim.host != socket.gethostname() or claim.world != _world() or claim.pid is None or claim.begun is None:
        return None
    try:
        os.kill(claim.pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # of another user, whose processes may be hidden; or no number of one
        return None
    return _begun(claim.pid) == claim.begun


def _begun(pid: int) -> float | None:
    """When a process began, in seconds since the machine started; None for one that is no more.

    Not the time of day, which may be put right while the process runs.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return None if ended else round(process.create_time() - psutil.boot_time(), 2)
    except psutil.NoSuchProcess:
        return None


def _world() -> str:
    """The name space of process numbers, which two containers of one host name need not share."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
