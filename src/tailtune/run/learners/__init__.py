"""What can be trained: networks, classical models, and portfolios of both. A further learner is a file here and a line
below.
"""

from __future__ import annotations

from dataclasses import replace

from tailtune.data.dataset import Dataset
from tailtune.decision.objective import read_objective
from tailtune.decision.use import Asked
from tailtune.methods.resolve import build
from tailtune.models.build import default_name, names_its_model
from tailtune.models.classical import LIBRARIES
from tailtune.named_settings import home
from tailtune.run.decide import Rows, asked_of, decide, in_use, rows_of
from tailtune.run.learner import Fitted, Job, Learner
from tailtune.run.learners import classical, networks, portfolio
from tailtune.run.learners.picture_default import with_picture_model
from tailtune.settings import Run, check
from tailtune.training.device import processor_threads
from tailtune.training.fine_tuning import own_pictures
from tailtune.training.recipe import paper_model

CLASSICAL = {name: classical.learner(library) for name, library in LIBRARIES.items()}


OF_NETWORKS = (*classical.LACKS, "method", "logger")  # settings


def learner_of(model: str | None) -> Learner:
    """Return the learner of a model by its name; networks where no model is named."""
    name = home(model or "")
    return PORTFOLIO if name == portfolio.NAME else CLASSICAL.get(name, networks.LEARNER)


PORTFOLIO = portfolio.learner(learner_of)


def with_monitor(run: Run) -> Run:
    """Return `run` with the validation score that its objective asks for where none was named.

    Raises:
        TailtuneError: an objective that cannot be read.
    """
    if run.monitor is not None or run.objective is None:
        return run
    return replace(run, monitor=read_objective(run.objective).monitor)


def with_model(run: Run, dataset: Dataset, alone: bool = True) -> Run:
    """Return `run` with the model that suits the data where none was asked for.

    A table gets a portfolio, but for two cases, in which it gets the network that suits it: a setting of networks was
    asked for, such as a method, or runs are to be compared (`alone` is off). A person's own pictures of 64 pixels or
    more get published weights, unless runs are to be compared. The method `paper` has the paper's network.
    """
    if run.model is not None:
        return run
    if dataset.kind == "image" and not (run.weights or run.pretrained) and _recipe(run, dataset) == "paper":
        return replace(run, model=paper_model(dataset.preprocessor.shape()))
    if alone and own_pictures(run, dataset) and not names_its_model(run.weights):
        return with_picture_model(run, dataset)
    if dataset.kind == "table" and alone and run.devices == 1 and not _asks_for_a_network(run):
        return replace(run, model=portfolio.NAME)
    shape, rows = dataset.preprocessor.shape(), len(dataset.train)
    return replace(run, model=default_name(dataset.kind, shape, rows, run.weights))


def _recipe(run: Run, dataset: Dataset) -> str:
    """The routine that the method of a run is meant for."""
    return "plain" if run.method is None else build(run.method, dataset.profile).recipe


def _asks_for_a_network(run: Run) -> bool:
    plain = Run(run.data)
    return any(getattr(run, name) != getattr(plain, name) for name in OF_NETWORKS)


def with_threads(run: Run, dataset: Dataset) -> Run:
    """Return `run`, which names a model, with the processor threads that suit it where none were asked for."""
    if run.threads is not None:
        return run
    return replace(run, threads=learner_of(run.model).threads(dataset))


def fit_model(run: Run, dataset: Dataset, job: Job | None = None) -> Fitted | None:
    """Train the model of `run` on `dataset`, and fit what is made of its scores.

    Args:
        run: what to do; its fields about reading data are not looked at.
        dataset: the data.
        job: where to keep what, and who watches; by default nothing is written.

    Returns:
        The fitted model, or None in the processes of a data-parallel run that are not the first.

    Raises:
        TailtuneError: unknown names, or settings that do not fit together.
    """
    check(run)
    asked = asked_of(run, dataset.profile, dataset.deployment)
    if asked.costs is not None:
        asked.costs.check(dataset.train.amounts)
    chosen = with_threads(with_model(with_monitor(run), dataset), dataset)
    with processor_threads(chosen.threads):
        fitted = learner_of(chosen.model).fit(chosen, dataset, replace(job or Job(), asked=run))
        return None if fitted is None else _decided(fitted, asked, rows_of(chosen, dataset), dataset.labels)


def _decided(fitted: Fitted, asked: Asked, rows: Rows, labels: tuple[str, ...] | None) -> Fitted:
    """Fit what is made of the scores, and put it into the predictor."""
    use, decided = decide(asked, rows, fitted.implied, fitted.held_out)
    predictor = replace(in_use(fitted.predictor, use), labels=labels)
    return replace(fitted, predictor=predictor, asked=asked, decided=decided)
