"""timm's published weights as files: from the local cache of the Hugging Face hub, or fetched once.

Where there is no way to the hub, that is found out in seconds: the hub's own client would try again for over a minute
and print every failure.
"""

from __future__ import annotations

import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tailtune.errors import TailtuneError

SECONDS = 4  # for the hub's first answer
REMEMBERED = 60  # seconds for which a hub that did not answer is not asked again
FILES = ("model.safetensors", "pytorch_model.bin")  # as timm looks for them
_TALKATIVE = ("huggingface_hub", "httpx", "timm")  # loggers


class NoWeightsError(TailtuneError):
    """Published weights that are neither in the cache nor to be had.

    Attributes:
        address: of the file to fetch elsewhere.
    """

    def __init__(self, message: str, address: str) -> None:
        super().__init__(message)
        self.address = address


@dataclass(frozen=True)
class Published:
    """Where the weights of one network lie on the hub.

    Attributes:
        repository: such as "timm/resnet18.a1_in1k".
        revision: of it, or None for the newest.
        files: names to look for, the first that there is.
    """

    repository: str
    revision: str | None
    files: tuple[str, ...]

    @property
    def address(self) -> str:
        """Where a browser fetches the file."""
        return f"{_endpoint()}/{self.repository}/resolve/{self.revision or 'main'}/{self.files[0]}"


def published(name: str) -> Published | None:
    """Return where the weights of a timm network lie, or None if timm has none of it on the hub.

    >>> published("resnet18").repository
    'timm/resnet18.a1_in1k'
    """
    import timm

    try:
        config = timm.get_pretrained_cfg(name.removeprefix("timm/"))
    except RuntimeError:  # a weight tag that there is not, which building the network says better
        return None
    if config is None or not config.hf_hub_id:
        return None
    repository, _, revision = config.hf_hub_id.partition("@")
    given = config.hf_hub_filename
    return Published(repository, revision or None, (given,) if given else FILES)


def weights_file(name: str) -> Path | None:
    """Return the file with timm's weights of a network, which is downloaded into the hub's cache if it is not there.

    Args:
        name: of the network, with or without a weight tag.

    Returns:
        The file; None if timm has the weights elsewhere than on the hub, or none.

    Raises:
        NoWeightsError: they are not in the cache and the hub cannot be reached or does not give them.
    """
    found = published(name)
    return None if found is None else file_of(found)


def file_of(wanted: Published) -> Path:
    """Return a file of weights, which is downloaded into the hub's cache if it is not there.

    Raises:
        NoWeightsError: it is not in the cache and the hub cannot be reached or does not give it.
    """
    return _cached(wanted) or _downloaded(wanted)


def is_cached(wanted: Published) -> bool:
    """Whether the file is in the hub's cache."""
    return _cached(wanted) is not None


def _cached(wanted: Published) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for file in wanted.files:
        path = try_to_load_from_cache(wanted.repository, file, revision=wanted.revision)
        if isinstance(path, str):
            return Path(path)
    return None


def _downloaded(wanted: Published) -> Path:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    why: str | None = "HF_HUB_OFFLINE is set"
    if not constants.HF_HUB_OFFLINE:
        why = _unreachable(_endpoint(), int(time.monotonic() / REMEMBERED))
    if why is None:
        with _silenced():
            for file in wanted.files:
                try:
                    return Path(hf_hub_download(wanted.repository, file, revision=wanted.revision))
                except EntryNotFoundError:
                    why = "the hub does not have the file"
                except Exception as error:  # the client and its transport each have their own exceptions
                    why = one_line(error)
                    break
    raise NoWeightsError(
        f"the weights {wanted.repository} are not in the cache {constants.HF_HUB_CACHE}, and the hub cannot be"
        f" reached ({why})",
        wanted.address,
    )


@lru_cache(maxsize=8)
def _unreachable(endpoint: str, minute: int) -> str | None:
    """Return why the hub gives no answer, or None if it does; within one `minute` it is asked once."""
    found: list[str | None] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=SECONDS).close()
        except urllib.error.HTTPError:
            found.append(None)  # an answer, if not a kind one
        except (OSError, ValueError) as error:
            found.append(one_line(error))
        else:
            found.append(None)

    asking = threading.Thread(target=ask, daemon=True)  # looking up a name knows no time-out
    asking.start()
    asking.join(SECONDS + 1)
    return found[0] if found else f"no answer within {SECONDS} seconds"


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep the client's log lines off the terminal; what goes wrong is said once, by the caller."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _endpoint() -> str:
    from huggingface_hub import constants

    endpoint: Any = constants.ENDPOINT
    return str(endpoint)


def one_line(error: Exception) -> str:
    """Return what an exception says, in one line of at most 160 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."
