"""`tailtune analyse --only bayes`: averages beside the network alone, against NumPy on the run's own predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import SMALL, TABLE, Cli, Fitted, Refused, answer, made_table

from tailtune.analysis.analyses import analyse
from tailtune.analysis.bayesian_inference import ALONE
from tailtune.run.finished import Finished


@pytest.fixture(scope="module")
def runs(fitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Finished]:
    """A run that averages over what its training visited, and another seed's."""
    folder = tmp_path_factory.mktemp("runs")
    method = ("--method", "checkpoint_ensemble(members=3, cyclical=False)", "--epochs", "3", "--decision", "none")
    for seed in ("0", "1"):
        got = answer("fit", fitted.data, *TABLE, *SMALL, *method, "--seed", seed, "--out", folder / seed)
        assert got.code == 0, got.err
    return Finished(folder / "0"), Finished(folder / "1")


def test_every_average_is_measured_beside_the_network(runs: tuple[Finished, Finished]) -> None:
    run, other = runs
    (found,) = analyse(run, ["bayes"], ensemble=[other])
    systems, made = found.data["systems"], run.predictions
    assert not found.data["left_out"]
    name = "checkpoint_ensemble(members=3, cyclical=False), 3 networks"
    together = "ensemble of this and 1 other run"
    assert [*systems] == [
        *(ALONE, "Laplace, last layer", "Laplace, all weights, diagonal", name, "SWAG around 3 of its weights"),
        *(f"1 ({other.result.model.label})", together),
    ]
    rare = np.isin(made.targets, run.result.data.profile.tail)
    for key, probabilities in ((name, made.scores), (together, (made.scores + other.predictions.scores) / 2)):
        wrong = probabilities.argmax(1) != made.targets
        losses = -np.log(probabilities[np.arange(len(wrong)), made.targets])
        assert systems[key]["minority"]["error"] == pytest.approx(wrong[rare].mean())
        assert systems[key]["all"]["log_loss"] == pytest.approx(losses.mean(), rel=1e-6)
        assert systems[key]["by_class"]["error"] == pytest.approx(
            [wrong[made.targets == k].mean() for k in range(len(found.data["classes"]))]
        )
    network = run.predictor()
    assert systems[ALONE]["difference"] is None
    gap = systems[name]["difference"]["all"]["log_loss"]
    assert gap["mean"] == pytest.approx(systems[name]["all"]["log_loss"] - systems[ALONE]["all"]["log_loss"])
    assert gap["low"] < gap["mean"] < gap["high"]
    alone = network.posterior
    assert alone is not None
    assert len(alone.members) == 3


def test_the_command_writes_it_and_leaves_the_model_as_it_was(runs: tuple[Finished, Finished], cli: Cli) -> None:
    run, other = runs
    before = (run.folder / "model.safetensors").read_bytes()
    got = cli("analyse", run.folder, "--only", "bayes", "--ensemble", other.folder)
    assert got.code == 0, got.err
    assert got.out.startswith("Bayesian inference: In this run the network errs on")
    assert (run.folder / "model.safetensors").read_bytes() == before
    assert [*json.loads((run.folder / "analysis.json").read_text())] == ["format", "bayes"]
    page = (run.folder / "analysis.html").read_text()
    assert "Less the network alone, with 95 % intervals" in page
    assert cli("verify", run.folder).code == 0


def test_wrong_words_and_other_rows_are_refused(
    runs: tuple[Finished, Finished], tmp_path: Path, cli: Cli, refused: Refused
) -> None:
    run, other = runs
    told = refused(run.folder, "--only", "overfitting", "--ensemble", other.folder, command="analyse")
    assert "--ensemble is for bayes; add bayes to --only" in told
    made_table().write_csv(tmp_path / "rows.csv")
    apart = ("--split-seed", "7", "--out", tmp_path / "apart")
    assert cli("fit", tmp_path / "rows.csv", *TABLE, *SMALL, *apart).code == 0
    told = refused(run.folder, "--only", "bayes", "--ensemble", tmp_path / "apart", command="analyse")
    assert "was tested on other rows or classes than" in told
    assert "no run folder" in refused(
        run.folder, "--only", "bayes", "--ensemble", tmp_path / "nothing", command="analyse"
    )
