"""Which share of the tasks a process does: I/N by hand, or from the variables of a Slurm array."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tailtune.errors import TailtuneError

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """The tasks `index`, `index` + `count` and so on, counted from 1; all of them for 1/1."""

    index: int = 1
    count: int = 1

    @classmethod
    def read(cls, text: str | None, environment: Mapping[str, str] = os.environ) -> Shard:
        """Read "I/N", or when None what Slurm says of the array task that this process is; else everything.

        Raises:
            TailtuneError: not of the form I/N with 1 <= I <= N.

        >>> Shard.read("2/8")
        Shard(index=2, count=8)
        >>> Shard.read(None, {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8", "SLURM_ARRAY_TASK_MIN": "0"})
        Shard(index=4, count=8)
        """
        if text is not None:
            form = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
            if form is None or not 1 <= int(form[1]) <= int(form[2]):
                raise TailtuneError(f"--shard must be I/N with I from 1 to N, such as 1/4, however: {text!r}")
            return cls(int(form[1]), int(form[2]))
        task = environment.get("SLURM_ARRAY_TASK_ID")
        if task is None:
            return cls()
        try:
            numbers = {name: int(environment[f"SLURM_ARRAY_TASK_{name}"]) for name in ("COUNT", "MIN")}
            step = int(environment.get("SLURM_ARRAY_TASK_STEP", "1"))
            shard = cls((int(task) - numbers["MIN"]) // step + 1, numbers["COUNT"])
        except (KeyError, ValueError, ZeroDivisionError) as error:
            raise TailtuneError(
                f"SLURM_ARRAY_TASK_ID is {task}, but the other array variables of Slurm do not fit it ({error}); "
                "give --shard I/N"
            ) from error
        if not 1 <= shard.index <= shard.count:
            raise TailtuneError(
                f"array task {task} lies outside of Slurm's {shard.count} tasks; number them evenly or give --shard I/N"
            )
        return shard

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """Return the share of `items`.

        >>> Shard(2, 3).of("abcdefgh")
        'beh'
        """
        return items[self.index - 1 :: self.count]
