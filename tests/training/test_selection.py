"""Which epoch is kept: never the first of a plateau, and the later of equals."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from training_data import table
from training_runs import RUN

from tailtune.profile import ClassProfile
from tailtune.run.learners import with_monitor
from tailtune.settings import Run
from tailtune.training.inputs import Inputs
from tailtune.training.selection import Selection, select, standard_error
from tailtune.training.validate import Scores, validate


def scores(balanced: float, loss: float, balanced_loss: float | None = None) -> Scores:
    """Validation scores; accuracy and tail accuracy decide nothing here."""
    return Scores(loss, loss if balanced_loss is None else balanced_loss, 0.9, balanced, None)


def seen(selection: Selection, *epochs: Scores) -> Selection:
    """The selection after these epochs, by an empty network."""
    for epoch, found in enumerate(epochs, 1):
        selection.see(epoch, found, torch.nn.Identity())
    return selection


def by(monitor: str, patience: int = 2) -> Selection:
    return Selection(table().val, monitor, patience, choose=True)


PLATEAU = [scores(0.5, loss) for loss in (0.7, 0.5, 0.3, 0.4, 0.45, 0.5)]


def test_on_a_plateau_the_log_loss_decides_and_patience_does_not_count() -> None:
    selection = seen(by("balanced_accuracy"), *PLATEAU)
    assert selection.best_epoch == 3
    assert not selection.exhausted
    selection = seen(by("balanced_accuracy"), *PLATEAU, scores(0.8, 0.6), scores(0.7, 0.1), scores(0.7, 0.1))
    assert selection.best_epoch == 7
    assert selection.exhausted


def test_equals_keep_the_later_epoch() -> None:
    assert seen(by("accuracy"), scores(0.5, 0.3), scores(0.6, 0.3), scores(0.7, 0.4)).best_epoch == 2


def test_losses_fall_and_stop_the_training() -> None:
    selection = seen(by("log_loss"), *PLATEAU)
    assert (selection.best_epoch, selection.exhausted) == (3, True)


def of_rows(*losses: float) -> Scores:
    """Validation scores of rows with these losses; the rows of `table` fall into classes, which decide nothing here."""
    rows = torch.tensor(losses, dtype=torch.float64)
    return replace(scores(0.5, float(rows.mean())), losses=rows)


def test_the_last_epoch_is_kept_that_the_rows_cannot_tell_from_the_best() -> None:
    best = of_rows(0.5, 0.5, 0.5, 0.5)
    near, far = of_rows(0.65, 0.45, 0.65, 0.45), of_rows(0.7, 0.6, 0.7, 0.6)
    assert seen(by("log_loss"), best, near).best_epoch == 1  # 0.05 worse, and 0.0289 may be
    near = of_rows(0.62, 0.40, 0.62, 0.40)
    assert seen(by("log_loss"), best, near).best_epoch == 2  # 0.01 worse, and 0.0318 may be
    assert seen(by("log_loss"), best, near, far).best_epoch == 2
    assert seen(by("log_loss"), best, near, of_rows(0.49, 0.49, 0.49, 0.49)).best_epoch == 3
    assert seen(by("balanced_accuracy"), best, replace(near, balanced_accuracy=0.4)).best_epoch == 1


def test_waiting_counts_from_the_lowest_loss() -> None:
    selection = seen(by("log_loss"), of_rows(0.6, 0.6), of_rows(0.5, 0.5), of_rows(0.4, 0.61), of_rows(0.4, 0.61))
    assert (selection.best_epoch, selection.waited, selection.exhausted) == (4, 2, True)


def test_where_classes_weigh_alike_so_do_they_in_the_standard_error() -> None:
    rng, groups = np.random.default_rng(0), np.repeat([0, 1, 3], [60, 30, 5])
    values = rng.normal(size=95)
    expected = np.sqrt(sum(values[groups == k].var(ddof=1) / (groups == k).sum() for k in (0, 1, 3))) / 3
    assert standard_error(torch.tensor(values), torch.tensor(groups)) == pytest.approx(expected)
    assert standard_error(torch.tensor(values), torch.zeros(95).long()) == pytest.approx(values.std(ddof=1) / 95**0.5)


def test_what_a_method_makes_up_for_decides_which_log_loss_judges_it() -> None:
    data = table()
    run = replace(RUN, selection="validation", monitor=None)
    plain, balanced = select(run, data)[0], select(run, data, balances=True)[0]
    assert (plain.monitor, balanced.monitor) == ("log_loss", "balanced_log_loss")
    epochs = scores(0.5, 0.2, 0.9), scores(0.6, 0.3, 0.7), scores(0.6, 0.4, 0.8)
    assert (seen(plain, *epochs).best_epoch, seen(balanced, *epochs).best_epoch) == (1, 2)
    asked, note = select(replace(run, monitor="balanced_accuracy"), data, balances=True)
    assert (asked.proper, "as --monitor or --objective says" in note) == ("balanced_log_loss", True)


def test_a_restored_selection_goes_on_as_if_nothing_had_happened() -> None:
    whole, first = by("balanced_accuracy"), by("balanced_accuracy")
    seen(first, *PLATEAU)
    restored = by("balanced_accuracy")
    restored.load_state_dict(first.state_dict())
    for selection in (seen(whole, *PLATEAU), restored):
        for epoch, found in enumerate((scores(0.8, 0.6), scores(0.7, 0.1)), 7):
            selection.see(epoch, found, torch.nn.Identity())
    assert restored.state_dict() == whole.state_dict()


def test_an_objective_names_the_score_that_chooses_the_epoch() -> None:
    objectives = {"auprc": "average_precision", "accuracy": "accuracy", "macro_f1": None, "balanced_accuracy": None}
    for objective, monitor in objectives.items():
        assert with_monitor(Run("digits", objective=objective)).monitor == monitor
    assert with_monitor(Run("digits", objective="auprc", monitor="accuracy")).monitor == "accuracy"


def test_average_precision_chooses_where_it_is_monitored() -> None:
    follower = by("average_precision")
    model = torch.nn.Linear(1, 1)
    for epoch, value in enumerate((None, 0.2, 0.6, 0.4), start=1):
        follower.see(epoch, Scores(1.0, 1.0, 0.9, 0.5, None, value), model)
    assert follower.best_epoch == 3


def test_validation_ranks_the_rows_of_the_rarest_classes_as_scikit_learn_does() -> None:
    part = table().val
    assert part is not None
    inputs = Inputs.of(part, 3, None, torch.device("cpu"))
    torch.manual_seed(0)
    model = Scorer(part.inputs[0].shape[1])
    profile = ClassProfile((90, 50, 10))
    found = validate(model, inputs, profile, nullcontext, rank=True)
    logits = model(*part.inputs).detach().double().numpy()
    likely = np.exp(logits[:, 2]) / np.exp(logits).sum(axis=1)
    expected = average_precision_score(part.targets.numpy() == 2, likely)
    assert found.average_precision == pytest.approx(expected)
    assert validate(model, inputs, profile, nullcontext).average_precision is None


class Scorer(torch.nn.Module):
    """A linear model of the numbers of a table."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(width, 3)

    def forward(self, numbers: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.layer(numbers)
        return scores
