"""Costs that depend on a column of the table, from the training to new rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import SMALL, Answer, Cli, answer

from tailtune import TabularClassifier
from tailtune.errors import TailtuneError
from tailtune.run.finished import Finished

COSTS = ",no,yes\nno,0,3\nyes,amount,0\n"


def payments(rows: int, seed: int) -> pl.DataFrame:
    """A tenth are frauds, which x tells from the others; the amounts tell nothing."""
    rng = np.random.default_rng(seed)
    y = rng.random(rows) < 0.1
    x, amount = rng.normal(1.5 * y), rng.lognormal(3, 1.5, rows).round(2)
    return pl.DataFrame({"x": x, "amount": amount, "fraud": np.where(y, "yes", "no")})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was fitted for costs, the tables, and the costs."""
    home = tmp_path_factory.mktemp("amounts")
    (home / "costs.csv").write_text(COSTS)
    payments(600, 0).write_csv(home / "train.csv")
    payments(200, 1).write_csv(home / "new.csv")
    got = fitted(home, "--objective", f"cost={home / 'costs.csv'}", "--ignore", "amount", "--out", home / "run")
    assert got.code == 0, got.err
    return home


def fitted(home: Path, *options: str | Path) -> Answer:
    return answer("fit", home / "train.csv", "--target", "fraud", "--model", "mlp", *SMALL, *options)


def of_least_cost(probabilities: np.ndarray, amount: np.ndarray) -> np.ndarray:
    return probabilities[:, 1] * amount > 3 * probabilities[:, 0]


def test_answers_and_their_bill_follow_the_amount_of_each_row(home: Path) -> None:
    run = Finished(home / "run")
    made, bill = run.predictions, run.result.bill
    assert run.run.amounts == ("amount",)
    assert made.amounts is not None
    amount = made.amounts.values[:, 0]
    table = pl.read_csv(home / "train.csv")["amount"].to_numpy()
    np.testing.assert_array_equal(amount, table[made.ids.astype(int) - 1])
    answers = made.model.answers
    np.testing.assert_array_equal(answers, of_least_cost(made.model.probabilities, amount))
    paid = np.where(answers == 1, 3.0 * (made.targets == 0), amount * (made.targets == 1))
    missed, never = amount * (made.targets == 1), 3.0 * (made.targets == 0)
    assert bill is not None
    assert bill.total == pytest.approx(paid.sum())
    assert bill.always == pytest.approx(min(missed.mean(), never.mean()))
    [chosen] = [point for point in run.result.points if point.chosen]
    assert chosen.cost == bill.mean == pytest.approx(paid.mean())
    page = (home / "run" / "report.html").read_text()
    assert "Mean cost of an answer as one threshold for all rows moves" in page
    assert run.result.decision.costs == ((0.0, 3.0), ("amount", 0.0))


def test_new_rows_are_answered_and_billed_by_theirs(home: Path, cli: Cli, tmp_path: Path) -> None:
    got = cli("predict", home / "run", home / "new.csv", "--out", tmp_path / "p.parquet", "--abstain-error", "0.3")
    assert got.code == 0, got.err
    frame, new = pl.read_parquet(tmp_path / "p.parquet"), pl.read_csv(home / "new.csv")
    amount, yes = new["amount"].to_numpy(), frame["probability_yes"].to_numpy()
    answers = of_least_cost(np.stack([1 - yes, yes], axis=1), amount)
    assert (frame["predicted"] == "yes").to_list() == answers.tolist()
    got = cli("evaluate", home / "run", home / "new.csv", "--json")
    truth = (new["fraud"] == "yes").to_numpy()
    paid = np.where(answers, 3.0 * ~truth, amount * truth)
    assert json.loads(got.out)["bill"]["total"] == pytest.approx(paid.sum())
    assert "The answers to 200 rows cost" in cli("evaluate", home / "run", home / "new.csv").out


def test_a_run_that_was_fitted_for_something_else_can_be_billed(home: Path, cli: Cli, tmp_path: Path) -> None:
    assert fitted(home, "--out", tmp_path / "run").code == 0
    got = cli("evaluate", tmp_path / "run", home / "new.csv", "--objective", f"cost={home / 'costs.csv'}", "--json")
    assert got.code == 0, got.err
    assert json.loads(got.out)["bill"]["total"] > 0
    assert json.loads(cli("evaluate", tmp_path / "run", home / "new.csv", "--json").out)["bill"] is None


def test_rows_without_usable_amounts_are_refused_in_a_line(home: Path, cli: Cli, tmp_path: Path) -> None:
    new = pl.read_csv(home / "new.csv")
    new.drop("amount").write_csv(tmp_path / "without.csv")
    new.with_columns(amount=-pl.col("amount")).write_csv(tmp_path / "negative.csv")
    for name, words in (("without", "has no column 'amount'"), ("negative", "which is negative in row 1")):
        got = cli("evaluate", home / "run", tmp_path / f"{name}.csv")
        assert (got.code, len(got.err.splitlines())) == (2, 1), got.err
        assert words in got.err
    (tmp_path / "costs.csv").write_text(COSTS.replace("amount", "amout"))
    got = fitted(home, "--objective", f"cost={tmp_path / 'costs.csv'}", "--out", tmp_path / "run")
    assert (got.code, len(got.err.splitlines())) == (2, 1), got.err
    assert "has no column 'amout', which costs depend on; add it, or mend its name. Did you mean 'amount'?" in got.err


def test_the_estimator_reads_the_column_of_its_rows(home: Path) -> None:
    train, new = payments(600, 0), payments(200, 1)
    model = TabularClassifier(
        objective=f"cost={home / 'costs.csv'}", method="erm", model="mlp", epochs=2, accelerator="cpu"
    ).fit(train.drop("fraud"), train["fraud"].to_numpy())
    answers = model.predict(new.drop("fraud")) == "yes"
    wanted = of_least_cost(model.predict_proba(new.drop("fraud")), new["amount"].to_numpy())
    np.testing.assert_array_equal(answers, wanted)
    with pytest.raises(TailtuneError, match="X has no column 'amount'"):
        model.fit(train.select("x"), train["fraud"].to_numpy())
