"""Which columns a model of a table ranks rare cases by: what it loses when they are shuffled among the test rows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from tailtune.evaluation.weighted import Statistic, Weights, average_precision
from tailtune.profile import ClassProfile, Floats, Indices
from tailtune.run.evidence.column_groups import column_groups, correlation_ratio
from tailtune.run.evidence.record import Influence, Influences

if TYPE_CHECKING:
    import torch

    from tailtune.data.table_preprocessor import TablePreprocessor

    Inputs = tuple[torch.Tensor, ...]
    Places = tuple[list[int], list[int]]  # among the numeric and the categorical inputs
    Probabilities = Callable[[Inputs], Floats]

ENOUGH = 10  # rows of the rarest classes, and of the others
MOST_ROWS, MOST_RARE, FEWEST_ROWS = 3000, 1000, 400
REPEATS, FEWEST_REPEATS = 5, 2
RESAMPLES = 100
LISTED = 15
MOST_COLUMNS = 500  # that are looked at
Z = 1.959964


def influences(
    probabilities: Probabilities,
    inputs: Inputs,
    targets: Indices,
    preprocessor: TablePreprocessor,
    profile: ClassProfile,
    seconds: float,
    seed: int = 0,
) -> Influences | None:
    """Shuffle each group of columns a few times and see what average precision of the rarest classes is lost.

    What a column becomes for the model is shuffled as one, which is the same as shuffling the column and encoding the
    rows again, because rows are encoded one by one. Rows of other classes are sampled and weighted, so that the
    average precision is that of all rows. Where time is short there are fewer rows, then fewer repeats, then only the
    groups that go most with the rarest classes.

    Args:
        probabilities: of the classes [N, K] for encoded rows.
        inputs: numeric [N, Dn] and categorical [N, Dc] of the test rows.
        targets: class indices [N].
        preprocessor: which encoded them.
        profile: class distribution of the training rows.
        seconds: that this may take, about.
        seed: of samples and shufflings.

    Returns:
        What is lost, the most first; None with too few rows of the rarest classes or of the others.

    Source: Breiman 2001, "Random forests"; of correlated columns, Strobl et al. 2008.
    """
    began = time.monotonic()
    rng = np.random.default_rng(seed)
    rare = np.isin(targets, profile.tail)
    if min(rare.sum(), (~rare).sum()) < ENOUGH:
        return None
    places = preprocessor.places()
    taken = _sampled(rare, MOST_ROWS, rng)
    names = _most_associated(places, _rows(inputs, taken), rare[taken])
    precision = _precision(targets, rare, taken, profile, rng)
    started = time.monotonic()
    precision(probabilities(_rows(inputs, taken)))
    a_row = (time.monotonic() - started) / len(taken)
    vectors = _vectors(preprocessor, names, _rows(inputs, taken))
    groups = [[names[i] for i in group] for group in column_groups(vectors)]
    left = max(0.0, seconds - (time.monotonic() - began))
    affordable = left / (a_row * len(groups) * REPEATS)
    if affordable < len(taken):
        taken = _sampled(rare, max(FEWEST_ROWS, int(affordable)), rng)
        precision = _precision(targets, rare, taken, profile, rng)
    repeats = int(np.clip(left / (a_row * len(taken) * len(groups)), FEWEST_REPEATS, REPEATS))
    most = max(1, int(left / (a_row * len(taken) * repeats)))
    chosen = _rows(inputs, taken)
    if len(groups) > most:
        groups.sort(key=lambda group: min(map(names.index, group)))
    before, found = precision(probabilities(chosen)), []
    for group in groups[:most]:
        shuffled = (_shuffled(chosen, [places[name] for name in group], rng) for _ in range(repeats))
        lost = [before - precision(probabilities(rows_of)) for rows_of in shuffled]
        found.append(_influence(group, np.array(lost)))
        if time.monotonic() - began > 1.5 * seconds:  # the machine slowed down
            break
    found.sort(key=lambda each: -each.lost)
    return Influences(
        before=float(before[0]),
        rows=len(taken),
        repeats=repeats,
        groups=len(groups) + len(places) - len(names),
        listed=tuple(found[:LISTED]),
        left=len(groups) - len(found) + len(places) - len(names),
    )


def _influence(group: list[str], lost: Floats) -> Influence:
    """Of losses [repeats, 1 + resamples], the first of each with the rows as they are."""
    mean = float(lost[:, 0].mean())
    spread = math.sqrt(lost[:, 1:].mean(axis=0).var(ddof=1) + lost[:, 0].var(ddof=1) / len(lost))
    return Influence(tuple(group), mean, (mean - Z * spread, mean + Z * spread))


def _sampled(rare: np.ndarray, most: int, rng: np.random.Generator) -> Indices:
    """Positions of rows of the rarest classes, and of others for the rest, as many as `most` in all, in order."""
    yes, no = np.flatnonzero(rare), np.flatnonzero(~rare)
    some = min(len(yes), MOST_RARE, max(ENOUGH, most // 2))
    others = min(len(no), max(ENOUGH, most - some))
    return np.sort(
        np.concatenate([rng.choice(yes, some, replace=False), rng.choice(no, others, replace=False)])
    ).astype(np.int64)


def _precision(
    targets: Indices, rare: np.ndarray, taken: Indices, profile: ClassProfile, rng: np.random.Generator
) -> Callable[[Floats], Floats]:
    """Return what gives the average precision of the rarest classes [1 + RESAMPLES] by probabilities of rows `taken`:
    first of these as they are, weighted to all rows, then of resamples.
    """
    rows, yes = targets[taken], rare[taken]
    classes = [int(k) for k in profile.tail if (rows == k).any()]
    others = float((~rare).sum() / (~yes).sum()) / float(rare.sum() / yes.sum())
    weights = _drawn(rows, rng) * np.where(yes, 1.0, others)[:, None].astype(np.float32)

    def precision(of: Floats) -> Floats:
        statistics: list[Statistic] = [average_precision(of[:, k], rows == k) for k in classes]
        return np.asarray(np.mean([statistic(weights) for statistic in statistics], axis=0))

    return precision


def _drawn(targets: Indices, rng: np.random.Generator) -> Weights:
    """How often each row is drawn [N, 1 + RESAMPLES] within its class: once each, then at random."""
    weights = np.ones((len(targets), 1 + RESAMPLES), dtype=np.float32)
    for k in np.unique(targets):
        rows = np.flatnonzero(targets == k)
        weights[rows, 1:] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), RESAMPLES).T
    return weights


def _rows(inputs: Inputs, rows: Indices) -> Inputs:
    import torch

    index = torch.as_tensor(rows)
    return tuple(x[index] for x in inputs)


def _shuffled(inputs: Inputs, group: list[Places], rng: np.random.Generator) -> Inputs:
    """The rows with the inputs at all of these places shuffled by one order."""
    import torch

    order = torch.from_numpy(rng.permutation(len(inputs[0])))
    changed = tuple(x.clone() for x in inputs)
    for places in group:
        for x, at in zip(changed, places, strict=True):
            x[:, at] = x[:, at][order]
    return changed


def _vectors(preprocessor: TablePreprocessor, names: list[str], inputs: Inputs) -> list[np.ndarray | None]:
    """One vector for each column: codes of a category, normal scores of a number or of the days of a date."""
    numeric, categorical = (x.numpy() for x in inputs)
    kinds = {column.name: column.kind for column in preprocessor.columns}
    places = preprocessor.places()
    found: list[np.ndarray | None] = []
    for name in names:
        numbers, codes = places[name]
        if codes:
            found.append(categorical[:, codes[0]])
        elif numbers and kinds[name] != "text":
            found.append(numeric[:, numbers[0]].astype(np.float64))
        else:
            found.append(None)
    return found


def _most_associated(places: Mapping[str, Places], inputs: Inputs, rare: np.ndarray) -> list[str]:
    """Columns by how much any of their inputs goes with being of the rarest classes, the most first; 500 at most."""
    numeric, categorical = (x.numpy() for x in inputs)
    yes = rare.astype(np.float64)[:, None]
    of_numbers = correlation_ratio(numeric.astype(np.float64), rare.astype(np.int64))
    of_codes = np.array([correlation_ratio(yes, codes)[0] for codes in categorical.T])
    strength = {
        name: max([*of_numbers[numbers], *(of_codes[code] for code in codes)], default=0.0)
        for name, (numbers, codes) in places.items()
    }
    return sorted(places, key=lambda name: -strength[name])[:MOST_COLUMNS]
