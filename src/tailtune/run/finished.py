"""`Finished`: the one handle to a finished run, from which every analysis, report and comparison starts."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tailtune.data.dataset import Dataset
from tailtune.run.evidence.record import FILE, Evidence, read_evidence
from tailtune.run.folder import RESULT, Predictions, check_data, finished, read_predictions, read_resolved
from tailtune.run.manifest import check_file
from tailtune.run.predictor import Predictor
from tailtune.run.result import Result, read_result
from tailtune.settings import Resolved
from tailtune.training.log import METRICS, read_metrics

if TYPE_CHECKING:
    import polars as pl


class Finished:
    """A finished run; its parts are read when they are asked for, and kept.

    Args:
        folder: what `tailtune fit` wrote.

    Raises:
        TailtuneError: the folder holds no finished run. Each part raises one too where its file is missing or broken.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = finished(Path(folder))

    @classmethod
    def made(cls, folder: Path, result: Result, predictions: Predictions) -> Finished:
        """Return the handle to a run that has just been made, with what need not be read again."""
        run = cls.__new__(cls)
        run.folder, run.result, run.predictions = folder, result, predictions
        return run

    @cached_property
    def run(self) -> Resolved:
        """The configuration, resolved."""
        return read_resolved(self.folder)

    @cached_property
    def result(self) -> Result:
        """What the run found."""
        return read_result(check_file(self.folder, RESULT))

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, one an epoch; none for trees."""
        return read_metrics(check_file(self.folder, METRICS).parent)

    @property
    def metrics(self) -> pl.DataFrame:
        """The same as a frame: a row an epoch, a column a figure."""
        import polars as pl

        return pl.DataFrame(self.history, infer_schema_length=None)

    @cached_property
    def predictions(self) -> Predictions:
        """Probabilities of the test rows, of the model and the baselines."""
        return read_predictions(self.folder)

    @cached_property
    def evidence(self) -> Evidence | None:
        """Examples, mistakes and the influence of columns; None of a run that did not look at them."""
        return read_evidence(check_file(self.folder, FILE))

    def predictor(self) -> Predictor:
        """Return the model, ready for new rows."""
        return Predictor.load(self.folder)

    def dataset(self) -> Dataset:
        """Return the data set that it was trained on, read again from where it was.

        Raises:
            TailtuneError: it cannot be read, or is no longer what it was.
        """
        from tailtune.data.opened import opened

        dataset = opened(self.run)
        check_data(self.folder, dataset)
        return dataset
