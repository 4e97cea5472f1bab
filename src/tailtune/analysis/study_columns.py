"""Figures of analyses as columns of a study: read, computed beside the trained network, and found again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tailtune.analysis.analyses import ANALYSES, FILE, Asked, analyse, as_json, json_of
from tailtune.errors import TailtuneError, nearest
from tailtune.evaluation.measure import Quantity
from tailtune.files import write_whole
from tailtune.run.manifest import check_file
from tailtune.words import listed

if TYPE_CHECKING:
    from tailtune.analysis.subject import Subject
    from tailtune.data.dataset import Dataset, Part
    from tailtune.run.finished import Finished

QUICK = ("collapse", "overfitting", "landscape")  # and looking at nothing but a network and its rows
TRIED = 4  # rows of each class on which columns are tried before anything is trained
# of these less is better, wherever they stand in a name: scatter, overfitting, curvature, errors
LOWER = frozenset(
    (
        *("cdnv", "nc1", "nc2", "nc3", "deviation", "gap", "sharpness", "trace", "eigenvalues", "error", "log_loss"),
        *("ece", "seconds"),
    )
)
WORDS: Mapping[str, tuple[str, str, bool]] = {  # what it says, heading of a narrow column, whether a share
    "collapse.table4.cdnv": ("CDNV of training rows, rarest classes", "CDNV", False),
    "collapse.table4.ncc": ("Nearest class mean right, training rows of the rarest classes", "NCC", True),
    "collapse.table4.accuracy": ("Accuracy of the network on test rows", "Network", True),
}


def quantities(names: Sequence[str]) -> tuple[Quantity, ...]:
    """Return what the tables say of columns such as ``collapse.table4.cdnv``: an analysis, and the way to a figure.

    Raises:
        TailtuneError: a name given twice, or one that does not begin with an analysis.

    >>> [(found.words, found.higher_is_better) for found in quantities(["overfitting.gap.3", "collapse.table4.ncc"])]
    [('overfitting gap 3', False), ('Nearest class mean right, training rows of the rarest classes', True)]
    """
    for name in names:
        first, _, rest = name.partition(".")
        if first not in ANALYSES:
            hint = nearest(first, list(ANALYSES))
            raise TailtuneError(
                f"--collect {name}: there is no analysis {first!r}.{hint} It takes a figure of {listed(ANALYSES)}, "
                "such as collapse.table4.cdnv"
            )
        if not rest:
            raise TailtuneError(f"--collect {name}: name a figure of it behind a dot, such as collapse.table4.cdnv")
        if list(names).count(name) > 1:
            raise TailtuneError(f"--collect {name} is given twice; leave one of them out")
    return tuple(_quantity(name) for name in names)


def _quantity(name: str) -> Quantity:
    plain = name.replace(".", " ").replace("_", " ")
    words, short, percent = WORDS.get(name, (plain, plain, False))
    return Quantity(
        key=name,
        words=words,
        term=name,
        meaning=f"What tailtune analyse finds of the trained network as {name}.",
        short=short,
        percent=percent,
        higher_is_better=LOWER.isdisjoint(name.split(".")),
    )


def try_out(names: Sequence[str], dataset: Dataset) -> None:
    """Compute columns of the quick analyses once for an untrained network, so that a wrong name is heard of before the
    training. Those of others are heard of at the end of the first training.

    Args:
        names: as `quantities` takes them.
        dataset: of which `TRIED` rows of each class are taken.

    Raises:
        TailtuneError: a name that leads to no figure.
    """
    quick = [name for name in names if name.partition(".")[0] in QUICK]
    if quick:
        subject = _untrained(dataset)
        data = {name: ANALYSES[name](subject, Asked()).data for name in _analyses(quick)}
        for name in quick:
            _figure(data, name)


def _untrained(dataset: Dataset) -> Subject:
    import torch

    from tailtune.analysis.subject import Subject
    from tailtune.models.build import build
    from tailtune.training.augmentation import normalisation

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = "mlp" if dataset.kind == "table" else "resnet8"
        network = build(model, dataset.preprocessor.shape(), len(dataset.names)).eval()
    parts = {"train": _few(dataset.train), "test": _few(dataset.test)}
    nothing = cast("Finished", None)  # the quick analyses do not look at the run
    normalise = normalisation(dataset.preprocessor)
    return Subject(nothing, network, dataset.preprocessor, dataset.profile, parts, normalise)


def _few(part: Part) -> Part:
    targets = part.targets.numpy()
    rows = [np.flatnonzero(targets == k)[:TRIED] for k in np.unique(targets)]
    return part.take(np.sort(np.concatenate(rows)))


def compute(run: Finished, names: Sequence[str]) -> None:
    """Carry out the analyses that columns need and keep them beside those that analysis.json of the run holds.

    The file is not taken up in DONE.

    Raises:
        TailtuneError: the run has no network, its model was not kept, no space left, or a name that leads to no figure.
    """
    known = _kept(run.folder)
    wanted = [name for name in _analyses(names) if name not in known]
    if wanted:
        known |= as_json(analyse(run, wanted, accelerator=run.run.accelerator))
        write_whole(run.folder / FILE, json_of(known))
    for name in names:
        _figure(known, name)


def lacks(folder: Path, names: Sequence[str]) -> bool:
    """Whether an analysis that columns need is not in analysis.json of a finished run."""
    return bool(names) and not set(_analyses(names)) <= _kept(folder).keys()


def columns(folder: Path, names: Sequence[str]) -> dict[str, float | None]:
    """Return the figures of a finished run by their names; None where one is not defined.

    Raises:
        TailtuneError: analysis.json is damaged, or does not hold them.
    """
    kept = _kept(folder)
    return {name: _figure(kept, name) for name in names}


def _analyses(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in names))


def _kept(folder: Path) -> dict[str, Any]:
    path = check_file(folder, FILE)
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TailtuneError(f"{path} cannot be read ({error}); delete it to analyse the run again") from error
    return {name: found[name] for name in ANALYSES if name in found}


def _figure(data: Mapping[str, Any], name: str) -> float | None:
    """The figure that a name leads to, through entries by their names and lists by positions from 0.

    Raises:
        TailtuneError: there is none.
    """
    found: Any = data
    for i, step in enumerate(name.split(".")):
        known = _inside(found)
        if step not in known:
            where = ".".join(name.split(".")[:i])
            raise TailtuneError(
                f"--collect {name}: {where} has no {step!r}.{nearest(step, list(known))} It has "
                f"{listed(list(known)[:12]) or 'no parts'}"
            )
        found = known[step]
    if found is None or (isinstance(found, int | float) and not isinstance(found, bool)):
        return found
    inside = _inside(found)
    if not inside:
        raise TailtuneError(f"--collect {name} is no number; name another figure")
    raise TailtuneError(f"--collect {name} is not one number; add one of {listed(list(inside)[:12])} behind a dot")


def _inside(found: Any) -> dict[str, Any]:
    """The parts of an entry of the JSON by their names; none of a number or a text."""
    if isinstance(found, list | tuple):
        return {str(place): value for place, value in enumerate(found)}
    return dict(found) if isinstance(found, Mapping) else {}
