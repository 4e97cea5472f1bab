"""A portfolio as a learner: several models of one table, averaged with weights that held-out rows decide."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tailtune.data.dataset import Dataset, Part
from tailtune.data.splits import folds
from tailtune.decision.blend import Blend, blend
from tailtune.decision.deployment import train_balance
from tailtune.decision.objective import read_objective
from tailtune.decision.use import Asked, HeldOut, fit_use
from tailtune.errors import TailtuneError
from tailtune.evaluation.measures.auprc import auprc
from tailtune.evaluation.measures.log_loss import log_loss
from tailtune.evaluation.measures.tail_auprc import tail_auprc
from tailtune.evaluation.scored import scored
from tailtune.methods.search import Space
from tailtune.models.classical import LIBRARIES
from tailtune.models.listed import TABLE_MODELS
from tailtune.named_settings import home, settled
from tailtune.profile import ClassProfile, Floats, Indices
from tailtune.run.decide import in_use
from tailtune.run.environment import peak_memory_mb
from tailtune.run.folder import write_run
from tailtune.run.learner import Fitted, Job, Learner, Price
from tailtune.run.learners.kept import keep, kept
from tailtune.run.portfolio import Member, Portfolio
from tailtune.run.predictor import Predictor
from tailtune.run.result import MemberRecord, TrainingRecord
from tailtune.settings import Resolved, Run
from tailtune.words import NBSP, duration

NAME = "portfolio"
METHOD = "tuned"  # of its networks
NETWORK = "mlp-plr"
MEMBERS = ("xgboost", "lightgbm", "catboost", "extra-trees", NETWORK)  # the quick ones first, should time be short
FOLDS = 5
FEW = 100  # rows of the rarest class, under which each row is held out once rather than a share of them
FEW_ROWS = 10_000  # likewise of all classes together: training five times costs little
LARGE, MINUTES = 1_000_000, 8.0  # cells of a table from which on time is limited, and to how much
LEAST = 1.0  # seconds that a member's training has to have, or it is left out
NETWORK_SHARE = 4.0  # of the time, to one of a classical member
FOLDER = "members"


def members_of(model: str) -> tuple[str, ...]:
    """Return the members that ``portfolio(members=('xgboost(max_depth=4)', 'mlp'))`` names, in the order of training.

    Raises:
        TailtuneError: something else than names of one or several models of tables.
    """
    listed = settled(model, {"members": MEMBERS})["members"]
    named = (listed,) if isinstance(listed, str) else tuple(listed) if isinstance(listed, tuple | list) else ()
    for name in named:
        if not isinstance(name, str) or home(name) not in TABLE_MODELS or home(name) == NAME:
            raise TailtuneError(f"{name!r} is no model that a portfolio can hold; see tailtune list models")
    if not named:
        raise TailtuneError(f"{model} names no members; write portfolio(members=('xgboost', 'mlp-plr'))")
    return named


def learner(of: Callable[[str], Learner]) -> Learner:
    """Return the learner of portfolios, whose members' learners `of` finds by their models' names."""
    return Learner(
        label=NAME,
        method=METHOD,
        fit=lambda run, dataset, job: _fit(of, run, dataset, job),
        share=_resolved,
        threads=lambda dataset: max(of(name).threads(dataset) for name in MEMBERS),
        price=lambda run, dataset: _price(of, run, dataset),
        space=_space,
        summary=lambda run: f"portfolio of {', '.join(members_of(str(run.model)))}",
        title=lambda run: NAME if run.method == METHOD else f"{NAME}, networks by {run.method}",
        minutes=_minutes,
        lacks=("policy", "test_curve", "compile"),
    )


def _minutes(dataset: Dataset) -> float | None:
    cells = len(dataset.train) * sum(int(x.shape[1]) for x in dataset.train.inputs)
    return MINUTES if cells >= LARGE else None


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows to train on, and which of them are held out when.

    Attributes:
        trainings: for each training of a member, its data; `val` is what it does not see, or None.
        held_out: their positions among all held-out rows, training by training.
        targets: class of each held-out row [N]; none where there are none.
        judged: these rows; None where there are none.
        note: a sentence on it.
    """

    trainings: tuple[Dataset, ...]
    held_out: tuple[Indices, ...]
    targets: Indices
    judged: Part | None
    note: str


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A member with its calibrated probabilities [N, K] of the held-out rows (None without them)."""

    name: str
    predictors: tuple[Predictor, ...]
    probabilities: Floats | None
    seconds: float
    steps: int


def _fit(of: Callable[[str], Learner], run: Run, dataset: Dataset, job: Job) -> Fitted:
    resolved, rows, members = _resolved(run, dataset), _rows(run, dataset), members_of(str(run.model))
    minutes = run.minutes or _minutes(dataset)
    if job.until is None and minutes is not None:
        job = replace(job, until=time.monotonic() + 60 * minutes)
    if job.folder:
        write_run(job.folder, job.asked or run, resolved)
    if job.forecast is not None:
        job.forecast(f"Training a portfolio of {', '.join(members)}. {rows.note}{_within(run, job.until)}")
    began = time.perf_counter()
    warnings: list[str] = []
    candidates: list[_Candidate] = []
    for number, name in enumerate(members):
        until = _until(job.until, members[number:])
        if candidates and until is not None and until - time.monotonic() < LEAST * len(rows.trainings):
            warnings.append(f"{name} was left out of the portfolio, to end in time.")
            continue
        try:
            candidate = _candidate(of(name), replace(resolved, model=name), number, rows, replace(job, until=until))
        except TailtuneError as error:
            if name == members[-1] and not candidates:
                raise
            warnings.append(f"{name} was left out of the portfolio: {error}")
            continue
        candidates.append(candidate)
        if job.forecast is not None:
            job.forecast(_told(candidate, rows))
    found = _blend(candidates, rows, resolved, dataset)
    used = [pair for pair in zip(candidates, found.weights.tolist(), strict=True) if pair[1] > 0]
    model = Portfolio(tuple(Member(candidate.name, weight, candidate.predictors) for candidate, weight in used))
    held_out = None
    if rows.judged is not None:
        weighted = [weight * _known(candidate) for candidate, weight in used]
        held_out = HeldOut.of(np.sum(weighted, axis=0), rows.judged)
    steps, seconds = sum(candidate.steps for candidate in candidates), time.perf_counter() - began
    training = TrainingRecord(
        epochs=len(candidates),
        planned_epochs=len(members),
        steps=steps,
        seconds=round(seconds, 3),
        seconds_per_step=seconds / max(1, steps),
        best_epoch=None,
        stopped="the minutes were over" if len(candidates) < len(members) and job.until else "finished",
        selection=resolved.selection,
        selection_note=f"{rows.note} {_said(found)}",
        warnings=tuple(warnings),
        peak_memory_mb=peak_memory_mb(),
        parameters=None,
        members=sum(len(candidate.predictors) for candidate, _ in used),
        precision="32",
        device="cpu",
        portfolio=tuple(
            _record(candidate, weight, rows, dataset.profile)
            for candidate, weight in zip(candidates, found.weights.tolist(), strict=True)
        ),
    )
    predictor = Predictor("table", dataset.names, dataset.preprocessor, resolved.model, "32", model)
    leftovers = None if job.folder is None else job.folder / FOLDER
    return Fitted(predictor, resolved, training, train_balance(dataset.profile), held_out, leftovers=leftovers)


def _resolved(run: Run, dataset: Dataset) -> Resolved:
    """Decide the method, which networks take.

    Raises:
        TailtuneError: the data is no table, or rows of the test part are to select.
    """
    if dataset.kind != "table":
        raise TailtuneError(f"{NAME} takes tables, not images; leave out --model or choose an image model")
    if run.selection == "test-oracle":
        raise TailtuneError(f"--selection test-oracle chooses an epoch, and {NAME} has none; leave it out")
    members_of(str(run.model))
    return Resolved(**(vars(run) | {"method": run.method or METHOD}))


def _rows(run: Run, dataset: Dataset) -> _Rows:
    """Hold each row out once where there are few, else the validation part."""
    whole = dataset.train if dataset.val is None else dataset.train.joined(dataset.val)
    targets = whole.targets.numpy()
    counts = np.bincount(targets, minlength=1)
    few = len(targets) < FEW_ROWS or counts[counts > 0].min() < FEW
    apart = run.group is not None or run.time is not None  # rows that a fold drawn at random would tear apart
    if apart or (dataset.val is not None and not few):
        note = "Each was judged on the validation rows." if dataset.val is not None else "No rows were held out."
        held_out = targets[:0] if dataset.val is None else dataset.val.targets.numpy()
        return _Rows((dataset,), (np.arange(len(held_out)),), held_out, dataset.val, note)
    fold = folds(targets, FOLDS, run.split_seed)
    judged = np.flatnonzero(fold >= 0)
    trainings = tuple(
        replace(dataset, train=whole.take(np.flatnonzero(fold != i)), val=whole.take(np.flatnonzero(fold == i)))
        for i in range(FOLDS)
    )
    positions = tuple(np.flatnonzero(fold[judged] == i) for i in range(FOLDS))
    note = f"Each was trained {FOLDS} times, on all rows but a fifth, by which it was judged."
    return _Rows(trainings, positions, targets[judged], whole.take(judged), note)


def _candidate(learner: Learner, run: Resolved, place: int, rows: _Rows, job: Job) -> _Candidate:
    """Train a member, once or once a fold, and calibrate it on what it did not see."""
    if not learner.network:
        plain = Run(run.data)
        run = replace(run, method="erm", **{name: getattr(plain, name) for name in learner.lacks})
    fitted: list[Fitted] = []
    for number, dataset in enumerate(rows.trainings):
        until = job.until
        if until is not None:
            until = time.monotonic() + max(0.0, until - time.monotonic()) / (len(rows.trainings) - number)
            run = replace(run, minutes=run.minutes or (until - time.monotonic()) / 60)  # so that networks fit into it
        folder = None if job.folder is None else job.folder / FOLDER / f"{home(run.model)}-{place}-{number}"
        one = None if folder is None or not job.resume else kept(folder, run)
        if one is None:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            settled = run if dataset.val is not None or run.selection == "last" else replace(run, selection="last")
            one = learner.fit(settled, dataset, replace(job, folder=folder, until=until, forecast=None))
            assert one is not None  # a portfolio is trained by one process
            if folder is not None:
                keep(folder, one)
        fitted.append(one)
    seconds = sum(one.training.seconds for one in fitted)
    steps = sum(one.training.steps for one in fitted)
    predictors = tuple(one.predictor for one in fitted)
    if not len(rows.targets):
        return _Candidate(run.model, predictors, None, seconds, steps)
    profile = rows.trainings[0].profile
    scores = np.zeros((len(rows.targets), profile.num_classes))
    for one, positions in zip(fitted, rows.held_out, strict=True):
        assert one.held_out is not None
        scores[positions] = one.held_out.probabilities
    assert rows.judged is not None
    use = fit_use(Asked(read_objective("log_loss")), fitted[0].implied, profile, HeldOut.of(scores, rows.judged))
    calibrated = tuple(in_use(predictor, use) for predictor in predictors)
    return _Candidate(run.model, calibrated, use.recalibration(scores), seconds, steps)


def _blend(candidates: list[_Candidate], rows: _Rows, run: Resolved, dataset: Dataset) -> Blend:
    if not len(rows.targets):
        return Blend(np.full(len(candidates), 1 / len(candidates)), chosen=0)
    assert rows.judged is not None
    held_out = HeldOut.of(np.zeros(0), rows.judged)
    return blend([_known(candidate) for candidate in candidates], rows.targets, held_out.weights, held_out.groups)


def _known(candidate: _Candidate) -> Floats:
    assert candidate.probabilities is not None
    return candidate.probabilities


def _record(candidate: _Candidate, weight: float, rows: _Rows, profile: ClassProfile) -> MemberRecord:
    found: tuple[float | None, float | None] = None, None
    if candidate.probabilities is not None:
        judged = scored(rows.targets, candidate.probabilities, profile)
        found = log_loss.value(judged), (auprc if profile.num_classes == 2 else tail_auprc).value(judged)
    return MemberRecord(candidate.name, weight, round(candidate.seconds, 3), len(candidate.predictors), *found)


def _told(candidate: _Candidate, rows: _Rows) -> str:
    time_taken = duration(round(candidate.seconds, 1)).replace(NBSP, " ")
    if candidate.probabilities is None:
        return f"{candidate.name}: {time_taken}."
    of_target = candidate.probabilities[np.arange(len(rows.targets)), rows.targets]
    loss = float(-np.log(np.maximum(of_target, 1e-15)).mean())
    return f"{candidate.name}: {time_taken}, log loss {loss:.4f} on rows that it had not seen."


def _within(run: Run, until: float | None) -> str:
    if until is None:
        return ""
    left = duration(round(max(0.0, until - time.monotonic()))).replace(NBSP, " ")
    return f" They have {left} together" + (f" of --minutes {run.minutes:g}." if run.minutes else "; see --minutes.")


def _said(found: Blend) -> str:
    if found.gain is None or found.error is None:
        return "All count alike."
    if found.chosen == 1:
        return f"Weights were chosen by log loss: {found.gain:.4f} \u00b1 {found.error:.4f} better than equal ones."
    if found.chosen:
        return (
            f"Weights are half way from equal ones to those of the lowest log loss, better by {found.gain:.4f} "
            f"\u00b1 {found.error:.4f}, no more than noise may be."
        )
    return (
        f"All count alike: chosen weights would have changed the log loss by {-found.gain:+.4f} \u00b1 "
        f"{found.error:.4f}, which is no gain."
    )


def _until(until: float | None, ahead: tuple[str, ...]) -> float | None:
    """When the first of the members `ahead` should be done, by `time.monotonic`."""
    if until is None:
        return None
    shares = [1.0 if home(name) in LIBRARIES else NETWORK_SHARE for name in ahead]
    now = time.monotonic()
    return now + max(0.0, until - now) * shares[0] / sum(shares)


def _price(of: Callable[[str], Learner], run: Run, dataset: Dataset) -> Price:
    """The members' prices together; networks by the length that they may have."""
    rows = _rows(run, dataset)
    prices = []
    for name in members_of(str(run.model)):
        member = of(name)
        alone = replace(run, model=name, method=METHOD if member.network else "erm")
        prices.append(member.price(member.share(alone, dataset), dataset))
    times = len(rows.trainings)
    return Price(
        times * sum(price.seconds for price in prices),
        times * sum(price.model_bytes for price in prices),
        times * sum(price.checkpoint_bytes for price in prices),
    )


def _space(run: Run) -> Space:
    return {}
