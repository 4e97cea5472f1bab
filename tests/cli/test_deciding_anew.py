"""Objectives and balances in use: refused before training, and decided anew for a finished run without training."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import CLASSES, SMALL, TABLE, Cli, Fitted, Refused, fitted_on, made_table

from tailtune.decision.abstention import fit_abstention
from tailtune.decision.conformal import fit_conformal
from tailtune.decision.deployment_balance import calibrated_expectation_maximisation
from tailtune.decision.objective import read_objective
from tailtune.decision.use import Asked, fit_use
from tailtune.profile import ClassProfile
from tailtune.run.finished import Finished
from tailtune.run.redecide import decided_anew, redecided

COLUMNS = [f"probability_{name}" for name in CLASSES]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A run with enough validation rows to fit something on."""
    return fitted_on(400, tmp_path_factory.mktemp("decided"))


def sentence(run: Finished, words: str) -> str:
    assert run.predictions.held_out is not None
    return f"Decided anew for {words}, on {len(run.predictions.held_out.targets)} validation rows."


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--objective", "nonsense", "there is no objective 'nonsense'"),
        ("--objective", "recall@precision=2", "the precision must lie between 0 and 1, such as recall@precision=0.9"),
        ("--objective", "precision@budget=inf", "the budget must be a number of rows"),
        ("--objective", "cost=missing.csv", "the costs in missing.csv cannot be read"),
        ("--objective", "nowhere.py:own", "there is no file nowhere.py"),
        ("--deploy-prior", "common=0.1", "names no share of middling, rare"),
        ("--deploy-prior", "nonsense", "must be uniform, train, shares such as"),
    ],
)
def test_what_means_nothing_is_refused_before_training(
    option: str, value: str, words: str, table: Callable[..., Path], refused: Refused
) -> None:
    assert words in refused(table(), *TABLE, *SMALL, option, value)


def test_a_measure_of_ones_own_that_fails_does_so_before_training(
    table: Callable[..., Path], refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text("def broken(targets, probabilities, profile):\n    return targets.nothing\n")
    assert "nothing" in refused(table(), *TABLE, *SMALL, "--objective", f"{tmp_path / 'own.py'}:broken")


def predicted(cli: Cli, fitted: Fitted, out: Path, *options: str) -> tuple[pl.DataFrame, str]:
    got = cli("predict", fitted.folder, fitted.test, "--out", out, *options)
    assert got.code == 0, got.err
    return pl.read_parquet(out), got.err


def test_another_balance_is_fitted_on_the_rows_that_the_run_kept(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    frame, said = predicted(
        cli, fitted, tmp_path / "p.parquet", "--objective", "balanced_accuracy", "--deploy-prior", "uniform"
    )
    run = Finished(fitted.folder)
    assert said.splitlines() == [sentence(run, "balanced accuracy")]
    made, profile = run.predictions, ClassProfile(run.result.data.counts.train, CLASSES)
    asked = Asked(read_objective("balanced_accuracy"), np.full(3, 1 / 3))
    use = fit_use(asked, made.implied, profile, made.held_out)
    expected = use.recalibration(made.scores)
    np.testing.assert_allclose(frame.select(COLUMNS).to_numpy(), expected, rtol=1e-12)
    assert frame["predicted"].to_list() == [CLASSES[k] for k in use.answer(expected)]


def test_what_the_run_asked_for_gives_its_own_answers(fitted: Fitted) -> None:
    run, said = Finished(fitted.folder), list[str]()
    predictor = redecided(run, objective="macro_f1", say=said.append)
    probabilities = predictor.in_use(run.predictions.scores)
    np.testing.assert_array_equal(probabilities, run.predictions.model.probabilities)
    np.testing.assert_array_equal(predictor.answers(probabilities), run.predictions.model.answers)
    assert said == [sentence(run, "macro F1")]


def test_evaluate_scores_the_answers_that_were_decided_anew(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    costs = tmp_path / "costs.csv"  # whatever is answered but middling costs dearly
    costs.write_text(f",{','.join(CLASSES)}\n" + "".join(f"{name},9,0,9\n" for name in CLASSES))
    got = cli("evaluate", fitted.folder, fitted.test, "--objective", f"cost={costs}", "--json")
    assert got.code == 0, got.err
    confusion = np.array(json.loads(got.out)["confusion"])
    assert confusion[:, [0, 2]].sum() == 0
    assert confusion.sum() == 90


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--objective", "nonsense"), "there is no objective 'nonsense'"),
        (("--deploy-prior", "common=1"), "names no share of middling, rare"),
    ],
)
def test_bad_words_are_refused_for_a_finished_run(
    options: tuple[str, str], words: str, fitted: Fitted, cli: Cli, tmp_path: Path
) -> None:
    for command in (("predict", "--out", tmp_path / "p.csv"), ("evaluate",)):
        got = cli(command[0], fitted.folder, fitted.test, *command[1:], *options)
        assert (got.code, got.out, len(got.err.splitlines())) == (2, "", 1), got
        assert words in got.err


def test_sets_hold_the_classes_within_the_thresholds_of_the_validation_rows(
    fitted: Fitted, cli: Cli, tmp_path: Path
) -> None:
    frame, said = predicted(cli, fitted, tmp_path / "sets.parquet", "--sets", "0.8")
    made = Finished(fitted.folder).predictions
    assert made.held_out is not None
    conformal = fit_conformal(made.held_out.probabilities, made.held_out.targets, 0.8, names=CLASSES)
    expected = ["|".join(np.array(CLASSES)[row]) for row in conformal(made.scores)]
    assert frame["set"].to_list() == expected
    assert said.strip() == conformal.note


def test_rows_are_left_without_an_answer_to_keep_the_error(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    frame, said = predicted(cli, fitted, tmp_path / "answered.parquet", "--abstain-error", "0.4")
    run = Finished(fitted.folder)
    made, predictor = run.predictions, run.predictor()
    assert made.held_out is not None
    known = predictor.in_use(made.held_out.probabilities)
    abstention = fit_abstention(known, made.held_out.targets, 0.4, answers=predictor.answers(known))
    expected = abstention(made.model.probabilities, made.model.answers)
    np.testing.assert_array_equal(frame["answered"].to_numpy(), expected)
    assert (abstention.note or f"as far as they are like the {abstention.rows} validation rows") in said


def test_the_balance_of_the_rows_is_estimated(fitted: Fitted, cli: Cli, tmp_path: Path) -> None:
    frame, said = predicted(cli, fitted, tmp_path / "estimate.parquet", "--deploy-prior", "estimate")
    made = Finished(fitted.folder).predictions
    assert made.held_out is not None
    balance = calibrated_expectation_maximisation(
        made.held_out.probabilities, made.held_out.targets, made.scores, names=CLASSES, resamples=0
    )
    assert said.startswith("Estimated balance of these 90 rows, with 95 % intervals: common ")
    run = replace(Finished(fitted.folder).run, objective="macro_f1", deploy_prior=None)
    use, _ = decided_anew(Finished(fitted.folder), run, np.maximum(balance.frequencies, 1e-6))
    np.testing.assert_allclose(frame.select(COLUMNS).to_numpy(), use.recalibration(made.scores), rtol=1e-6)


def test_without_validation_rows_there_is_nothing_to_fit_on(cli: Cli, tmp_path: Path) -> None:
    made_table(120).write_csv(tmp_path / "rows.csv")
    got = cli("fit", tmp_path / "rows.csv", *TABLE, *SMALL, "--selection", "last", "--out", tmp_path / "last")
    assert got.code == 0, got.err
    for option, value in (("--sets", "0.9"), ("--abstain-error", "0.1"), ("--deploy-prior", "estimate")):
        got = cli("predict", tmp_path / "last", tmp_path / "rows.csv", "--out", tmp_path / "p.csv", option, value)
        assert got.code == 2
        assert "had none; fit again with --selection validation" in got.err
