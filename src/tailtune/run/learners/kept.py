"""Finished members of a portfolio in a folder, so that an interrupted run need not train them again."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailtune.decision.use import HeldOut
from tailtune.errors import TailtuneError
from tailtune.files import write_whole
from tailtune.run.folder import read_resolved, write_run
from tailtune.run.learner import Fitted
from tailtune.run.manifest import DONE, check_file, seal
from tailtune.run.predictor import FILE, Predictor
from tailtune.run.result import TrainingRecord, to_json

SCORES, TRAINING = "scores.npz", "training.json"


def keep(folder: Path, fitted: Fitted) -> None:
    """Write a trained member into `folder`, and declare it finished."""
    fitted.predictor.save(folder)
    arrays: dict[str, NDArray[Any]] = {"implied": fitted.implied}
    if fitted.held_out is not None:
        arrays |= {"probabilities": fitted.held_out.probabilities, "targets": fitted.held_out.targets}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_whole(folder / SCORES, buffer.getvalue())
    write_whole(folder / TRAINING, to_json(fitted.training))
    write_run(folder, fitted.run, fitted.run)
    seal(folder, (FILE, SCORES, TRAINING, "run.yaml"))


def kept(folder: Path) -> Fitted | None:
    """Return the member that `keep` wrote into `folder`; None if there is none, or not a whole one."""
    import msgspec

    if not (folder / DONE).exists():
        return None
    try:
        with np.load(check_file(folder, SCORES), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        training = msgspec.json.decode(check_file(folder, TRAINING).read_bytes(), type=TrainingRecord)
        predictor, resolved = Predictor.load(folder), read_resolved(folder)
    except (TailtuneError, OSError, ValueError, msgspec.MsgspecError):
        return None  # it is trained again, to the same bits
    held_out = HeldOut(arrays["probabilities"], arrays["targets"]) if "targets" in arrays else None
    return Fitted(predictor, resolved, training, arrays["implied"], held_out)
