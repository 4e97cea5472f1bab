"""`--init-from`: training that goes on from the network of a finished run, on new rows of the same classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from tailtune.data.amounts import read_amounts
from tailtune.data.dataset import Dataset, Part
from tailtune.data.resplit import all_rows
from tailtune.data.splits import split_hash
from tailtune.errors import TailtuneError
from tailtune.evaluation.bootstrap import paired_difference
from tailtune.evaluation.measures import MEASURES
from tailtune.evaluation.metrics import summarise
from tailtune.run.finished import Finished
from tailtune.run.folder import finished
from tailtune.run.predictor import Predictor
from tailtune.run.result import Earlier
from tailtune.run.trained_rows import trained_on
from tailtune.settings import Run
from tailtune.words import quoted

if TYPE_CHECKING:
    import torch

    from tailtune.data.image_preprocessor import ImagePreprocessor
    from tailtune.data.stored_pictures import StoredPictures
    from tailtune.data.table_preprocessor import TablePreprocessor
    from tailtune.models.network import Network

COMPARED = ("balanced_accuracy", "macro_f1", "log_loss", "accuracy")


def start_of(run: Run) -> Predictor:
    """Return the model that training goes on from.

    Raises:
        TailtuneError: there is no finished run, its model is no network, or the run asks for another model or for other
            weights.
    """
    import torch

    folder = finished(Path(str(run.init_from)))
    if folder.resolve() == Path(run.out).resolve():
        raise TailtuneError(f"--init-from {run.init_from} is the folder to write; choose another --out")
    predictor = Predictor.load(folder)
    name = predictor.model_name
    if not isinstance(predictor.model, torch.nn.Module):
        model = "mlp-plr" if predictor.kind == "table" else "resnet20"
        raise TailtuneError(
            f"--init-from {run.init_from}: {name} cannot go on training, a network can; fit the first run with a "
            f"network, such as --model {model}"
        )
    if run.model not in (None, name):
        raise TailtuneError(
            f"--init-from {run.init_from} holds the network {name}, and --model asks for {run.model}; leave --model out"
        )
    for option, given in (("--weights", run.weights is not None), ("--pretrained", run.pretrained)):
        if given:
            raise TailtuneError(
                f"--init-from and {option} both say what the weights are at first; leave one of them out"
            )
    return predictor


def with_start(run: Run) -> Run:
    """Return `run` with the model, the target and the picture size of the run that it goes on from.

    Raises:
        TailtuneError: see `start_of`.
    """
    if run.init_from is None:
        return run
    predictor = start_of(run)
    run = replace(run, model=predictor.model_name)
    if predictor.kind == "table":
        fitted = cast("TablePreprocessor", predictor.preprocessor)
        return run if run.data.endswith(".npz") else replace(run, target=run.target or fitted.target)
    shape = predictor.preprocessor.shape()
    size = shape["height"] if shape["height"] == shape["width"] else None
    resize = cast("ImagePreprocessor", predictor.preprocessor).rendering.resize
    return replace(run, image_size=run.image_size or cast("int | None", size), resize=run.resize or resize)


def continued(run: Run, dataset: Dataset) -> Dataset:
    """Return the opened `dataset` as the earlier run's network takes it: by its preprocessing, whose sense stays.

    Rows that the earlier run was trained on judge nothing: where the split was made here they are trained on again,
    where the data bring a test part they are left out of it.

    Raises:
        TailtuneError: another kind of data, other classes, columns that are missing or pictures of another size, or no
            test rows that the earlier run was not trained on.
    """
    if run.init_from is None:
        return dataset
    where, folder = f"--init-from {run.init_from}", Path(run.init_from)
    predictor = start_of(run)
    _check(where, dataset, predictor)
    train, val, test = (
        None if part is None else replace(part, inputs=_inputs(where, part, predictor))
        for part in (dataset.train, dataset.val, dataset.test)
    )
    assert train is not None
    assert test is not None
    left = []
    for part in (val, test):
        seen = np.zeros(0, dtype=bool) if part is None else trained_on(folder, part.inputs)
        left.append(None if part is None else part.take(np.flatnonzero(~seen)))
        if part is not None and seen.any() and dataset.split == "stratified":
            train = train.joined(part.take(np.flatnonzero(seen)))
    val, judged = left
    assert judged is not None
    if not len(judged):
        raise TailtuneError(f"{where} was trained on all {len(test)} test rows of {dataset.source}; bring new rows")
    warnings = dataset.warnings
    if gone := len(test) - len(judged):
        use = "trained on again" if dataset.split == "stratified" else "left out"
        warnings += (f"{gone} of {len(test)} test rows were trained on by {run.init_from}, so they are {use}.",)
    val = val if val is not None and len(val) else None
    return replace(
        dataset,
        train=train,
        val=val,
        test=judged,
        preprocessor=predictor.preprocessor,
        split_hash=split_hash(train.ids, None if val is None else val.ids, judged.ids),
        warnings=warnings,
        as_new=None,
    )


def start(run: Run, model: Network) -> None:
    """Give `model` the weights that training goes on from.

    Raises:
        TailtuneError: the method builds another network than the earlier run's.
    """
    earlier = cast("torch.nn.Module", start_of(run).model)
    try:
        model.load_state_dict(earlier.state_dict())
    except RuntimeError as error:
        raise TailtuneError(
            f"--init-from {run.init_from}: method {run.method} builds another network than that run's method did; "
            "take the same --method"
        ) from error


def earlier_test_rows(
    run: Run, folder: Path, predictor: Predictor, resamples: int, say: Callable[[str], object]
) -> Earlier | None:
    """Score the test rows of the earlier run once more, as far as neither run was trained on them.

    Args:
        run: that went on from it.
        folder: of the run, with a record of its trained rows.
        predictor: of the run.
        resamples: of the intervals.
        say: is told why rows cannot be scored.
    """
    if run.init_from is None:
        return None
    before = Finished(run.init_from)
    try:
        rows = all_rows(before.dataset())
        place = {name: row for row, name in enumerate(rows.ids)}
        part = rows.take(np.array([place[name] for name in before.predictions.ids], dtype=np.int64))
        inputs = _inputs(str(run.init_from), part, predictor)
    except TailtuneError as error:
        say(f"The test rows of {run.init_from} are not scored again: {error}")
        return Earlier(run.init_from, 0, 0, {}, {}, {}, str(error))
    known = trained_on(before.folder, inputs)
    now = trained_on(folder, inputs) & ~known
    kept = np.flatnonzero(~known & ~now)
    if not len(kept):
        why = "it was trained on them" if known.all() else "this run is trained on them"
        say(f"The test rows of {run.init_from} are not scored again: {why}.")
        return Earlier(run.init_from, 0, int(now.sum()), {}, {}, {}, why)
    part, first = part.take(kept), before.predictions.model
    names = predictor.amounts
    amounts = read_amounts(part.frame, names, part.ids) if names and part.frame is not None else None
    probabilities = predictor.probabilities(_inputs(str(run.init_from), part, predictor))
    answers, targets = predictor.answers(probabilities, amounts), part.targets.numpy()
    profile = before.result.data.profile
    measures = [measure for measure in MEASURES if measure.key in COMPARED]
    pair = (probabilities, first.probabilities[kept])
    chosen = (answers, first.answers[kept])
    figures = [summarise(targets, p, profile, measures, a).metrics for p, a in zip(pair, chosen, strict=True)]
    difference = paired_difference(targets, *pair, profile, measures, resamples, answers=chosen) if resamples else {}
    return Earlier(run.init_from, len(kept), int(now.sum()), figures[1], figures[0], difference)


def _check(where: str, dataset: Dataset, predictor: Predictor) -> None:
    """Refuse data that the earlier run's network cannot go on with.

    Raises:
        TailtuneError: naming what differs.
    """
    if dataset.kind != predictor.kind:
        raise TailtuneError(
            f"{where} was trained on data of kind {predictor.kind}, and {dataset.source} is {dataset.kind}"
        )
    new = [quoted(name) for name in dataset.names if name not in predictor.names]
    gone = [quoted(name) for name in predictor.names if name not in dataset.names]
    if new or gone:
        has = " and ".join(
            f"{words} {', '.join(names[:5])}" for words, names in (("has the new", new), ("lacks the", gone)) if names
        )
        raise TailtuneError(
            f"{where} goes on with the same classes, and {dataset.source} {has}; train a run of its own"
        )
    if dataset.names != predictor.names:
        raise TailtuneError(
            f"{where} has the classes in the order {', '.join(predictor.names)}, and {dataset.source} in the order "
            f"{', '.join(dataset.names)}; give them the same order"
        )
    if dataset.kind == "image" and dataset.preprocessor.shape() != predictor.preprocessor.shape():
        size, wanted = (
            " x ".join(str(each.preprocessor.shape()[name]) for name in ("channels", "height", "width"))
            for each in (dataset, predictor)
        )
        raise TailtuneError(f"{where} takes pictures of {wanted} (channels, height, width), not {size}")


def _inputs(where: str, part: Part, predictor: Predictor) -> tuple[torch.Tensor | StoredPictures, ...]:
    """The inputs of rows by the preprocessing of the earlier run; of pictures nothing changes but their statistics.

    Raises:
        TailtuneError: columns that are missing, or rows that were not kept as they were read.
    """
    if predictor.kind == "image":
        return part.inputs
    if part.frame is None:
        raise TailtuneError(f"{where}: these data keep no rows as they were read, so they cannot be encoded as it did")
    try:
        return cast("TablePreprocessor", predictor.preprocessor).encode(part.frame, part.ids)
    except TailtuneError as error:
        raise TailtuneError(f"{where}: {error}") from error
