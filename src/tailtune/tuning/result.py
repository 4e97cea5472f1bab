"""What a search found, as frozen dataclasses; tuning.json is their file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tailtune.errors import TailtuneError
from tailtune.files import check_format
from tailtune.run.result import Machine

SCHEMA = 1
FILE = "tuning.json"
Scalar = float | int | str | bool


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        search: name of the model that was tuned.
        number: of the trial in its search.
        origin: where its settings come from: "default", "published: NAME" for those that were published for the data
            set of that name, or "proposed".
        settings: what differs from the default.
        loss: by which trials are chosen, on the rows for choosing; None for a trial that failed or was pruned.
        seconds: it took.
        state: "complete", "pruned" or "failed".
        why: it failed.
    """

    search: str
    number: int
    origin: str
    settings: dict[str, Scalar]
    loss: float | None
    seconds: float
    state: Literal["complete", "pruned", "failed"]
    why: str | None = None


@dataclass(frozen=True)
class Importance:
    """How much of the variation of the loss a setting accounts for, mean and standard deviation over seeds."""

    search: str
    setting: str
    share: float
    deviation: float


@dataclass(frozen=True)
class Judged:
    """The default and the tuned model on rows that neither was trained or chosen on.

    Attributes:
        rows: how many.
        default: mean loss of the default.
        tuned: mean loss of the tuned one.
        gain: the former minus the latter.
        error: standard error of the gain, by the rows.
        promised: loss of the tuned one on the rows that chose it.
        better: whether the gain is above 0, so that the tuned one is taken.
    """

    rows: int
    default: float
    tuned: float
    gain: float
    error: float
    promised: float
    better: bool


@dataclass(frozen=True)
class TuningResult:
    """Everything that a search found.

    Attributes:
        schema: version of the file format.
        command: as it was typed.
        sampler: what proposed settings, "tpe" or "gp".
        measure: the loss by which trials are chosen and judged.
        trials: in the order in which they ended; without those that were stopped halfway and made anew.
        importances: of settings, where a search has trials enough.
        judged: the outcome.
        chosen: settings of the best trial of each search.
        final: folders of the final runs, within that of the search; none where none were asked for.
        seconds: of the search.
        versions: of packages.
        machine: where it ran.
    """

    schema: int
    command: str
    sampler: str
    measure: str
    trials: tuple[Trial, ...]
    importances: tuple[Importance, ...]
    judged: Judged
    chosen: dict[str, dict[str, Scalar]]
    final: tuple[str, ...]
    seconds: float
    versions: dict[str, str]
    machine: Machine


def read_tuning(folder: Path) -> TuningResult:
    """Read tuning.json of `folder`.

    Raises:
        TailtuneError: it is missing, broken or of another version.
    """
    import msgspec

    path = folder / FILE
    try:
        raw = msgspec.json.decode(path.read_bytes())
        check_format(path, raw.get("schema", 1), SCHEMA)
        return msgspec.convert(raw, TuningResult)
    except (OSError, AttributeError, msgspec.MsgspecError) as error:
        raise TailtuneError(f"{path} cannot be read ({error}); name a folder of tailtune tune") from error
