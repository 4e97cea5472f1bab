"""A portfolio as a learner: several models of one table, averaged with weights that held-out rows decide."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tailtune.data.dataset import Dataset
from tailtune.decision.blend import Blend, blend
from tailtune.decision.deployment import train_balance
from tailtune.decision.use import HeldOut
from tailtune.errors import TailtuneError
from tailtune.evaluation.measures.auprc import auprc
from tailtune.evaluation.measures.log_loss import log_loss
from tailtune.evaluation.measures.tail_auprc import tail_auprc
from tailtune.evaluation.scored import scored
from tailtune.methods.search import Space
from tailtune.models.classical import LIBRARIES, tabicl
from tailtune.models.listed import TABLE_MODELS
from tailtune.named_settings import home, parse, settled, with_settings
from tailtune.profile import ClassProfile, Floats
from tailtune.run.environment import peak_memory_mb
from tailtune.run.folder import write_run
from tailtune.run.learner import Fitted, Job, Learner, Price
from tailtune.run.learners.calibrated_members import calibrated_members
from tailtune.run.learners.judged_rows import JudgedRows, judged_rows
from tailtune.run.learners.member_training import MemberTraining
from tailtune.run.portfolio import Member, Portfolio
from tailtune.run.predictor import Predictor
from tailtune.run.result import MemberRecord, TrainingRecord
from tailtune.settings import Resolved, Run
from tailtune.words import NBSP, OUT_OF_TIME, duration

NAME = "portfolio"
METHOD = "tuned"  # of its networks
NETWORK, IN_CONTEXT = "mlp-plr", "tabicl"
# The quick ones first, should time be short. What the linear model adds: benchmarks/portfolio_members.json.
MEMBERS = ("logistic-regression", "xgboost", "lightgbm", "catboost", "extra-trees", NETWORK)
LARGE = 1_000_000  # cells of a table of two classes from which on time is limited; of more classes they are fewer
FEW_ROWS = 1000  # as many as fewer are counted for, because a tree of hundreds of columns takes as long on fewer
MINUTES = 8.0  # to which it is limited
LEAST = 1.0  # seconds that a member's training has to have, or it is left out
NETWORK_SHARE = 4.0  # of the time, to one of a classical member
FOLDER = "members"
PROCESS, COPIES = (
    1.2e9,
    8,
)  # bytes of a process that trains a member: libraries and a model, and the rows some times over


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


def members_for(dataset: Dataset) -> tuple[str, ...]:
    """Return the members of a portfolio that names none: `MEMBERS`, and TabICL where it can be had for such a table."""
    rows, columns = len(dataset.train), sum(int(x.shape[1]) for x in dataset.train.tensors(NAME))
    return (*MEMBERS, IN_CONTEXT) if tabicl.joins(rows, columns, len(dataset.names)) else MEMBERS


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
        lacks=("policy", "test_curve", "compile", "track"),
    )


def _minutes(dataset: Dataset) -> float | None:
    cells = max(FEW_ROWS, len(dataset.train)) * sum(int(x.shape[1]) for x in dataset.train.inputs)
    return MINUTES if cells * len(dataset.names) / 2 >= LARGE else None  # boosting grows a tree for each class


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A member with its calibrated probabilities [N, K] of the held-out rows (None without them)."""

    name: str
    predictors: tuple[Predictor, ...]
    probabilities: Floats | None
    seconds: float
    steps: int


def _fit(of: Callable[[str], Learner], run: Run, dataset: Dataset, job: Job) -> Fitted:
    resolved, rows = _resolved(run, dataset), judged_rows(run, dataset)
    members = members_of(resolved.model)
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
    trainings = _trainings(of, resolved, members, rows, job)
    job = _at_once(trainings, members, job)
    for number, name in enumerate(members):
        until = _until(job.until, members[number:])
        late = until is not None and until - time.monotonic() < LEAST * len(rows.trainings)
        if candidates and late and not all(training.done() for training in trainings[number]):
            warnings.append(f"{name} was left out of the portfolio, to end in time.")
            continue
        try:
            candidate = _candidate(trainings[number], rows, replace(job, until=until))
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
        held_out = replace(HeldOut.of(np.sum(weighted, axis=0), rows.judged), folds=rows.folds)
    steps, seconds = sum(candidate.steps for candidate in candidates), time.perf_counter() - began
    training = TrainingRecord(
        epochs=len(candidates),
        planned_epochs=len(members),
        steps=steps,
        seconds=round(seconds, 3),
        seconds_per_step=seconds / max(1, steps),
        best_epoch=None,
        stopped=OUT_OF_TIME if len(candidates) < len(members) and job.until else "finished",
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
    listed = members_for(dataset)
    model = str(run.model)
    if listed != MEMBERS and "members" not in parse(model)[1]:  # so that the run says what it is made of
        model = with_settings(model, {"members": listed})
    return Resolved(**(vars(run) | {"method": run.method or METHOD, "model": model}))


def _trainings(
    of: Callable[[str], Learner], run: Resolved, members: tuple[str, ...], rows: JudgedRows, job: Job
) -> list[list[MemberTraining]]:
    """The trainings of each member, one or one a fold."""
    folder = None if job.folder is None else job.folder / FOLDER
    return [
        [
            MemberTraining(
                of,
                replace(run, model=name),
                replace(dataset, as_new=None),
                f"{name} {number + 1}" if len(rows.trainings) > 1 else name,
                None if folder is None else folder / f"{home(name)}-{place}-{number}",
                job.until,
            )
            for number, dataset in enumerate(rows.trainings)
        ]
        for place, name in enumerate(members)
    ]


def _at_once(trainings: list[list[MemberTraining]], members: tuple[str, ...], job: Job) -> Job:
    """Let other processes carry out as many trainings as they can; return the job that goes on from there."""
    together, every = job.together, [training for of_member in trainings for training in of_member]
    if together is None or job.folder is None:
        return job
    threads, shares = every[0].run.threads or 1, _shares(members)
    memory = PROCESS + COPIES * sum(x.nbytes for x in every[0].dataset.train.tensors("a portfolio"))
    at_a_time = together.room(threads, memory, len(every))
    if at_a_time < 2:
        return job
    each = [share / len(of_member) for share, of_member in zip(shares, trainings, strict=True) for _ in of_member]
    ahead = np.cumsum(each[::-1])[::-1]
    parts = [min(1.0, at_a_time * part / rest) for part, rest in zip(each, ahead.tolist(), strict=True)]
    together([replace(one, share=part) for one, part in zip(every, parts, strict=True)], at_a_time, threads)
    return replace(job, resume=True)


def _candidate(trainings: list[MemberTraining], rows: JudgedRows, job: Job) -> _Candidate:
    """Train a member, once or once a fold, and calibrate it on what it did not see."""
    fitted: list[Fitted] = []
    for number, training in enumerate(trainings):
        until = job.until
        if until is not None:
            until = time.monotonic() + max(0.0, until - time.monotonic()) / (len(trainings) - number)
        fitted.append(training.fitted(until, job))
    name = trainings[0].run.model
    seconds = sum(one.training.seconds for one in fitted)
    steps = sum(one.training.steps for one in fitted)
    predictors, probabilities = calibrated_members(fitted, rows)
    return _Candidate(name, predictors, probabilities, seconds, steps)


def _blend(candidates: list[_Candidate], rows: JudgedRows, run: Resolved, dataset: Dataset) -> Blend:
    if not len(rows.targets):
        return Blend(np.full(len(candidates), 1 / len(candidates)), chosen=0)
    assert rows.judged is not None
    held_out = HeldOut.of(np.zeros(0), rows.judged)
    return blend([_known(candidate) for candidate in candidates], rows.targets, held_out.weights, held_out.groups)


def _known(candidate: _Candidate) -> Floats:
    assert candidate.probabilities is not None
    return candidate.probabilities


def _record(candidate: _Candidate, weight: float, rows: JudgedRows, profile: ClassProfile) -> MemberRecord:
    found: tuple[float | None, float | None] = None, None
    if candidate.probabilities is not None:
        judged = scored(rows.targets, candidate.probabilities, profile)
        found = log_loss.value(judged), (auprc if profile.num_classes == 2 else tail_auprc).value(judged)
    return MemberRecord(candidate.name, weight, round(candidate.seconds, 3), len(candidate.predictors), *found)


def _told(candidate: _Candidate, rows: JudgedRows) -> str:
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
    shares, now = _shares(ahead), time.monotonic()
    return now + max(0.0, until - now) * shares[0] / sum(shares)


def _shares(members: tuple[str, ...]) -> list[float]:
    """Of the time, to each member."""
    return [1.0 if home(name) in LIBRARIES else NETWORK_SHARE for name in members]


def _price(of: Callable[[str], Learner], run: Run, dataset: Dataset) -> Price:
    """The members' prices together; networks by the length that they may have."""
    rows = judged_rows(run, dataset)
    prices = []
    for name in members_of(_resolved(run, dataset).model):
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
