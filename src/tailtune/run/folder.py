"""The run folder: what lies in it, and which run may write into it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tailtune.data.amounts import Amounts
from tailtune.data.fingerprint import Fingerprint, fingerprint, what_changed
from tailtune.decision.use import HeldOut
from tailtune.errors import TailtuneError
from tailtune.files import check_format, write_whole
from tailtune.interrupt import Interrupted
from tailtune.run.lock import HOLDER, LOCK
from tailtune.run.manifest import DONE, check_file
from tailtune.settings import Resolved, Run
from tailtune.yaml_file import read_yaml

if TYPE_CHECKING:
    from tailtune.data.dataset import Dataset

R = TypeVar("R", bound=Run)
DATA = "data.json"
RESULT = "result.json"
FOLD = "fold.json"  # of a finished fold, in a folder of its own
FORMAT = 4  # of run.yaml; 1 named no format
_BASELINE, _ANSWERS, _DEPLOYED = "baseline_", "answers_", "deployed_"
_BESIDE = ("groups", "weights", "folds")  # of validation rows, as `HeldOut` has them
OF_DECISION = ("objective", "deploy_prior", "decision")
# what has no effect on what is trained, so that it may change; measures and decisions are computed from predictions
OF_PREDICTIONS = ("measures", "amounts", "slice", "budget", *OF_DECISION)
NO_EFFECT = ("checkpoint_minutes", "logger", "out", "data_root", "download", "storage", "track", *OF_PREDICTIONS)


def is_done(run: Run) -> bool:
    """Whether the folder ``run.out`` holds `run`, finished.

    Raises:
        TailtuneError: it holds a finished run of other settings.
    """
    folder = Path(run.out)
    if not (folder / DONE).exists():
        return False
    _refuse_other_settings(folder, run)
    return True


def check_folder(run: Run, resume: bool) -> Path:
    """Return the folder ``run.out`` if `run` may write there; nothing is created yet.

    Raises:
        TailtuneError: it holds a finished run, an unfinished one while `resume` is off, something else than a run, or
            a run of other settings.
    """
    folder = Path(run.out)
    if (folder / DONE).exists():
        raise TailtuneError(f"{folder} already holds a finished run; choose another --out or delete the folder")
    if folder.exists() and not folder.is_dir():
        raise TailtuneError(f"--out {folder} is a file; name a folder")
    started = is_begun(folder)
    if started and not resume:
        raise TailtuneError(f"{folder} holds an unfinished run; add --resume to go on with it, or choose another --out")
    if folder.exists() and not started and any(not _passing(entry) for entry in folder.iterdir()):
        raise TailtuneError(f"{folder} is not empty and holds no run of tailtune; choose another --out")
    if started:
        _refuse_other_settings(folder, run)
    return folder


def _refuse_other_settings(folder: Path, run: Run) -> None:
    """Refuse to go on with the run in `folder` by other settings.

    Raises:
        TailtuneError: naming the first setting that differs and has an effect on what is trained.
    """
    before, now = read_asked(folder), asdict(run)
    for name, value in asdict(before).items():
        if name not in NO_EFFECT and value != now[name]:
            option = name.replace("_", "-")
            raise TailtuneError(
                f"{folder} was started with {option} {value!r}, however: now {now[name]!r}; "
                "resume with the same settings, or choose another --out"
            )


def is_begun(folder: Path) -> bool:
    """Whether `folder` holds a run, finished or not."""
    return (folder / "run.yaml").exists()


def _passing(path: Path) -> bool:
    """Whether `path` is a lock, or what a killed process left of a file (see `write_whole`)."""
    return path.name in (LOCK, HOLDER) or (path.name.startswith(".") and path.name.endswith(".partial"))


@contextmanager
def begun(folder: Path, run: Run, dataset: Dataset) -> Iterator[None]:
    """Write run.yaml and data.json into `folder`, or see that they are those of this run and its data.

    If the body fails before a checkpoint is there, what was written is taken away. So a run that fails for its input
    leaves nothing in the way of the next attempt, and one that is stopped, or fails when there is something to go on
    from, can be resumed.

    Raises:
        TailtuneError: the folder cannot be created or written to.
        Interrupted: if the body does.
    """
    if is_begun(folder) and ((folder / DATA).exists() or _has_checkpoint(folder)):
        check_data(folder, dataset)
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        write_run(folder, run, run)
        write_whole(folder / DATA, json.dumps(asdict(fingerprint(dataset)), indent=1, ensure_ascii=False).encode())
        yield
    except Interrupted:
        raise
    except Exception:
        if not _has_checkpoint(folder):
            for entry in folder.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
                elif entry.name not in (LOCK, HOLDER):
                    entry.unlink()
        raise


def _has_checkpoint(folder: Path) -> bool:
    """Whether there is something to go on from: a checkpoint, a finished fold, or the figures of a first training."""
    return any(any(folder.rglob(name)) for name in ("*.ckpt", FOLD, RESULT))


def check_data(folder: Path, dataset: Dataset) -> None:
    """Refuse to go on with the run in `folder` on other data than it was begun with.

    Raises:
        TailtuneError: saying what changed; or its data.json is missing or broken.
    """
    import msgspec

    path = check_file(folder, DATA)
    try:
        before = msgspec.json.decode(path.read_bytes(), type=Fingerprint)
    except (OSError, msgspec.MsgspecError) as error:
        raise TailtuneError(f"{path} cannot be read ({error}); run the fit again") from error
    changed = what_changed(before, fingerprint(dataset))
    if changed:
        raise TailtuneError(
            f"{dataset.source} is not what {folder} was made of: {changed}; put the data back, or choose another --out"
        )


def write_run(folder: Path, asked: Run, resolved: Run) -> None:
    """Write run.yaml: what was asked for, and everything as it was resolved."""
    import yaml

    content = {"format": FORMAT, "asked": _plain(asked), "resolved": _plain(resolved)}
    write_whole(folder / "run.yaml", yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())


def _plain(run: Run) -> dict[str, Any]:
    first = {"data": run.data, "method": run.method}  # what a reader looks for
    return first | {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(run).items()}


def read_asked(folder: Path) -> Run:
    """Read what was asked of the run in `folder`; a run.yaml missing or of another version is a TailtuneError."""
    return _read_run(folder, "asked", Run)


def read_resolved(folder: Path) -> Resolved:
    """Read the resolved run of `folder`; a run.yaml that is missing or of another version is a TailtuneError."""
    return _read_run(folder, "resolved", Resolved)


def _read_run(folder: Path, which: str, kind: type[R]) -> R:
    """Read one of the two configurations.

    Raises:
        TailtuneError: there is no run in `folder`, or its run.yaml is of another version.
    """
    path = check_file(folder, "run.yaml")
    if not path.is_file():
        raise TailtuneError(f"{folder} holds no run (there is no run.yaml); name a folder that tailtune fit wrote")
    content = read_yaml(path)
    try:
        found = content.get("format", 1)
        check_format(path, found, FORMAT)
        values: dict[str, Any] = content[which]
        restored: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return kind(**restored)
    except (AttributeError, KeyError, TypeError) as error:
        raise TailtuneError(f"{path} cannot be read ({error}); was it written by another version?") from error


def finished(folder: Path) -> Path:
    """Return `folder` if it holds a finished run.

    Raises:
        TailtuneError: it does not.
    """
    if not folder.is_dir():
        raise TailtuneError(f"there is no run folder {folder}; check the path")
    if not (folder / DONE).exists():
        raise TailtuneError(
            f"{folder} holds no finished run (there is no {DONE}); finish it with tailtune fit --resume"
        )
    return folder


@dataclass(frozen=True, eq=False)
class Answered:
    """What a system makes of the test rows: probabilities [N, K], and the class [N] that it answers."""

    probabilities: NDArray[np.float64]
    answers: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Basis:
    """What decisions rest on: the class balance [K] that a model's scores belong to, and those of validation rows."""

    implied: NDArray[np.float64]
    held_out: HeldOut | None


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for the test rows, and the scores from which another decision can be fitted without training.

    Attributes:
        ids: identity of each row [N].
        targets: class indices [N].
        model: what the model makes of them.
        scores: probabilities of the model before its decision [N, K].
        implied: class balance [K] that these belong to.
        held_out: the same of the validation rows, or None.
        baselines: what each baseline makes of them, by its name.
        amounts: of the rows, where costs depend on them.
        groups: what each row belongs to [N], where rows are not on their own.
        weights: of the rows [N] in measures, where they do not count alike.
        folds: which of the models of ``--folds`` scored each row [N]; None where one scored all.
        deployed: of the model for use, where it is another than the one that made these predictions.
    """

    ids: NDArray[np.str_]
    targets: NDArray[np.int64]
    model: Answered
    scores: NDArray[np.float64]
    implied: NDArray[np.float64]
    held_out: HeldOut | None = None
    baselines: Mapping[str, Answered] = field(default_factory=dict)
    amounts: Amounts | None = None
    groups: NDArray[np.str_] | None = None
    weights: NDArray[np.float64] | None = None
    folds: NDArray[np.int64] | None = None
    deployed: Basis | None = None

    @property
    def basis(self) -> Basis:
        """What decisions of the model that made these predictions rest on."""
        return Basis(self.implied, self.held_out)

    @property
    def basis_in_use(self) -> Basis:
        """What decisions of the model for use rest on."""
        return self.basis if self.deployed is None else self.deployed


def write_predictions(folder: Path, made: Predictions) -> None:
    """Write predictions.npz.

    It holds ids [N], targets [N], probabilities [N, K], answers [N], scores [N, K] and implied [K]; of validation rows
    validation_scores [M, K] and validation_targets [M]; of each baseline baseline_NAME [N, K] and answers_NAME [N]; and
    where costs depend on columns amounts [N, A], validation_amounts [M, A] and their amount_names [A]; where they are
    known groups [N], weights [N], validation_groups [M] and validation_weights [M], and validation_folds [M] where
    models of several folds scored them; of folds, which one scored each row [N]; and of a model for use that is another
    one, what of it corresponds to implied and to validation_*, with deployed_ before the name.
    """
    import io

    arrays: dict[str, NDArray[Any]] = {
        "ids": made.ids,
        "targets": made.targets,
        "probabilities": made.model.probabilities,
        "answers": made.model.answers,
        "scores": made.scores,
        **_of_basis(made.basis, ""),
    }
    if made.deployed is not None:
        arrays |= _of_basis(made.deployed, _DEPLOYED)
    for name, system in made.baselines.items():
        arrays |= {f"{_BASELINE}{name}": system.probabilities, f"{_ANSWERS}{name}": system.answers}
    if made.amounts is not None:
        arrays |= {"amount_names": np.array(made.amounts.names), "amounts": made.amounts.values}
    known = {"groups": made.groups, "weights": made.weights, "folds": made.folds}
    arrays |= {name: array for name, array in known.items() if array is not None}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_whole(folder / "predictions.npz", buffer.getvalue())


def _of_basis(basis: Basis, prefix: str) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {f"{prefix}implied": basis.implied}
    if basis.held_out is not None:
        arrays[f"{prefix}validation_scores"] = basis.held_out.probabilities
        arrays[f"{prefix}validation_targets"] = basis.held_out.targets
        if basis.held_out.amounts is not None:
            arrays[f"{prefix}validation_amounts"] = basis.held_out.amounts.values
        known = {name: getattr(basis.held_out, name) for name in _BESIDE}
        arrays |= {f"{prefix}validation_{name}": array for name, array in known.items() if array is not None}
    return arrays


def _basis(found: Mapping[str, NDArray[Any]], prefix: str) -> Basis:
    held_out = None
    if f"{prefix}validation_scores" in found:
        known = _amounts(found, f"{prefix}validation_amounts")
        beside = (found.get(f"{prefix}validation_{name}") for name in _BESIDE)
        held_out = HeldOut(found[f"{prefix}validation_scores"], found[f"{prefix}validation_targets"], known, *beside)
    return Basis(found[f"{prefix}implied"], held_out)


def read_predictions(folder: Path) -> Predictions:
    """Read predictions.npz.

    Raises:
        TailtuneError: it is missing or broken, or lacks an array.
    """
    path = check_file(folder, "predictions.npz")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        names = [key.removeprefix(_BASELINE) for key in found if key.startswith(_BASELINE)]
        model, basis = Answered(found["probabilities"], found["answers"]), _basis(found, "")
        return Predictions(
            ids=found["ids"],
            targets=found["targets"],
            model=model,
            scores=found["scores"],
            implied=basis.implied,
            held_out=basis.held_out,
            baselines={name: Answered(found[_BASELINE + name], found[_ANSWERS + name]) for name in names},
            amounts=_amounts(found, "amounts"),
            groups=found.get("groups"),
            weights=found.get("weights"),
            folds=found.get("folds"),
            deployed=_basis(found, _DEPLOYED) if f"{_DEPLOYED}implied" in found else None,
        )
    except KeyError as error:
        raise TailtuneError(f"{path} lacks {error}; run tailtune fit again to write it") from error
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise TailtuneError(f"{path} cannot be read ({error}); run tailtune fit again to write it") from error


def _amounts(found: Mapping[str, NDArray[Any]], name: str) -> Amounts | None:
    return Amounts(tuple(found["amount_names"].tolist()), found[name]) if name in found else None
