"""A task on its way to a process that did not start from this one, perhaps on another machine."""

from __future__ import annotations

import os
import pickle
import socket
import sys
from dataclasses import dataclass

from tailtune.errors import TailtuneError
from tailtune.jobs.task import Task


@dataclass(frozen=True)
class Parcel:
    """A pickled task, with what it needs to find its files and modules.

    Attributes:
        content: the task.
        folder: in which relative paths begin.
        path: where modules are looked for.
    """

    content: bytes
    folder: str
    path: tuple[str, ...]

    @classmethod
    def of(cls, task: Task) -> Parcel:
        """Pack `task` as it would be seen in this process."""
        return cls(pickle.dumps(task), os.getcwd(), tuple(sys.path))

    def __call__(self) -> None:
        """Do the task, unless it has been done before.

        Raises:
            TailtuneError: the folder does not exist on this machine.
        """
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise TailtuneError(
                f"{socket.gethostname()} does not see {self.folder}; start from a folder that all machines share"
            ) from error
        sys.path.extend(entry for entry in self.path if entry not in sys.path)
        task: Task = pickle.loads(self.content)
        if not task.done():
            task()
