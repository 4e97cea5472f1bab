from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import answer as run

from tailtune.errors import TailtuneError
from tailtune.paper import table6
from tailtune.paper.page import SCALES, Asked, Row
from tailtune.paper.rows import gathered, read_rows
from tailtune.paper.tabular_facts import PUBLISHED
from tailtune.paper.writing import write_subject
from tailtune.run.finished import Finished
from tailtune.study.study import check_study

ASKED = Asked("nowhere")
EFFECTS = {table6.XGBOOST: 0.0, table6.MLP: -0.01, table6.RESNET: -0.02, table6.TRANSFORMER: -0.02}


def made(ours: float, alone: float, seeds: int = 5, scale: str = "small", name: str = "adult") -> list[Row]:
    """Rows of trainings that never were, with XGBoost at .87 and all others above or below it."""
    rng, rows = np.random.default_rng(0), []
    for arm, effect in {**EFFECTS, table6.OURS: ours, table6.ALONE: alone}.items():
        for seed in range(seeds):
            accuracy = 0.87 + effect + rng.normal(0, 0.0005)
            rows.append({"members": 1, "seed": seed, "accuracy": accuracy})
        rows.append({"members": 5, "seed": 0, "accuracy": 0.88 + effect})
        rows[-seeds - 1 :] = [{"study": name, "scale": scale, "arm": arm, **row} for row in rows[-seeds - 1 :]]
    return rows


def test_what_is_ahead_of_all_rivals_held() -> None:
    ahead, owed = table6.claims(made(ours=0.003, alone=0.0))
    assert (ahead.verdict, owed.verdict) == ("held", "held")
    assert ahead.number == "+0.1 points over the best rival"
    assert ahead.ours.startswith("+0.3")
    assert "over XGBoost; +1.3" in ahead.ours


def test_what_is_behind_one_rival_failed_and_what_is_level_cannot_be_told() -> None:
    ahead, owed = table6.claims(made(ours=-0.003, alone=-0.003))
    assert (ahead.verdict, owed.verdict) == ("failed", "cannot be told at this scale")
    one_seed = table6.claims(made(ours=0.01, alone=0.0, seeds=1))
    smoke = table6.claims(made(ours=0.01, alone=0.0, scale="smoke"))
    assert {claim.verdict for claim in (*one_seed, *smoke)} == {"cannot be told at this scale"}


def test_the_tables_stand_beside_the_papers() -> None:
    whole, otto, adult = table6.tables([*made(0.003, 0.0), *made(0.003, 0.0, name="otto")])
    assert whole.columns == ("Method", "Otto", "Adult")
    cells = {row[0]: row[1:] for row in whole.rows}
    assert cells[table6.XGBOOST] == ("88.00 (82.7)", "88.00 (87.5)")
    assert cells[table6.ALONE] == ("88.00", "88.00")  # not in the paper
    assert cells[table6.PLAIN] == ("–", "–")  # not trained
    assert "seeds: Otto 5, Adult 5" in whole.caption
    assert otto.columns == ("Otto", "single", "published", "ensemble of 5", "Table 6")
    ours = [row["accuracy"] for row in made(0.003, 0.0) if row["arm"] == table6.OURS and row["members"] == 1]
    single = f"{100 * np.mean(ours):.2f} ± {100 * np.std(ours, ddof=1) / 5**0.5:.2f}"
    assert (table6.OURS, single, "–", "88.30", "87.6") in adult.rows
    assert next(row for row in otto.rows if row[0] == table6.XGBOOST)[2:] == ("82.53", "88.00", "82.7")
    assert table6.PLAIN not in [row[0] for row in otto.rows]


def test_the_papers_baselines_are_the_published_ensembles() -> None:
    for name, printed in table6.PAPER.items():
        for arm in (table6.XGBOOST, table6.MLP, table6.RESNET, table6.TRANSFORMER):
            ensembles = PUBLISHED[name][table6.MODELS[arm]].ensembles
            assert round(100 * float(np.mean(ensembles)), 1) == printed[arm]


@pytest.mark.parametrize("scale", SCALES)
def test_every_study_makes_sense(scale: Any) -> None:
    studies = table6.design(scale, ASKED)
    assert list(studies) == ["otto", "adult", "covertype"]
    for name, planned in studies.items():
        check_study(planned.study)
        seeds = {"smoke": 2, "small": 3 if name == "covertype" else 5, "full": 15}[scale]
        assert (planned.study.seeds, planned.members) == (seeds, min(seeds, 5))
        assert all(0 < share <= 1 for share in planned.used.values())
        assert planned.study.tune_trials == (100 if scale == "full" else 0)
        assert planned.study.out == f"nowhere/{name}"
    assert list(table6.design(scale, replace(ASKED, data=("adult",), seeds=3))) == ["adult"]


def test_settings_as_published_are_the_first_trial_and_lie_in_the_published_space() -> None:
    for name, planned in table6.design("full", ASKED).items():
        for arm in planned.study.arms:
            model = table6.MODELS[arm.name]
            if arm.name in (table6.OURS, table6.ALONE):
                continue
            for setting, value in PUBLISHED[name][model].model.items():
                range_: Any = arm.search[f"model.{setting}"]
                inside = getattr(range_, "range", range_)
                may_be_zero = inside is not range_ and value == 0
                assert may_be_zero or inside.low <= value <= inside.high, (name, arm.name, setting)
                assert f"{setting}={value!r}" in arm.changes["model"]


def test_a_data_set_that_is_not_in_the_table() -> None:
    with pytest.raises(TailtuneError, match=r"no data set 'adlut'\. Did you mean 'adult'"):
        table6.design("small", replace(ASKED, data=("adlut",)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)

    def lines(rows: int, end: str) -> str:
        text = ""
        for age, job, hours in zip(
            rng.integers(18, 80, rows), rng.integers(0, 3, rows), rng.integers(1, 9, rows), strict=True
        ):
            rich = ">50K" if age + 10 * hours > 100 else "<=50K"
            text += (
                f"{age}, Private, {rng.integers(999)}, 11th, 7, Divorced, job-{job}, Own-child, Black, Male, 0, 0, "
                f"{10 * hours}, Cuba, {rich}{end}\n"
            )
        return text

    (tmp_path / "adult.data").write_text(lines(300, ""))
    (tmp_path / "adult.test").write_text("|1x3 Cross validator\n" + lines(80, "."))
    return tmp_path


def test_smoke_runs_resumes_and_is_redrawn_from_its_rows_alone(tmp_path: Path, root: Path) -> None:
    out = tmp_path / "paper"
    command = ["paper", "table6", "--scale", "smoke", "--data", "adult", "--data-root", str(root), "--jobs", "1"]
    first = run(*command, "--out", str(out))
    assert first.code == 0, first.err
    assert "cannot be told at this scale" in first.out
    again = run(*command, "--out", str(out), "--json")
    assert "14 are finished" in again.err
    assert [claim["verdict"] for claim in json.loads(again.out)["claims"]] == ["cannot be told at this scale"] * 2

    rows = read_rows(out / "rows.csv")
    assert len([row for row in rows if row["members"] == 1]) == 14
    pairs = [row for row in rows if row["members"] == 2]
    assert len(pairs) == 7
    runs = [
        Finished(out / "adult" / row["folder"]) for row in rows if row["members"] == 1 and row["arm"] == table6.RESNET
    ]
    mean = sum(one.predictions.model.probabilities for one in runs) / 2
    right = (mean.argmax(axis=1) == runs[0].predictions.targets).mean()
    assert [row["accuracy"] for row in pairs if row["arm"] == table6.RESNET] == [pytest.approx(right)]

    redrawn = tmp_path / "redrawn"
    redrawn.mkdir()
    write_subject(redrawn, "table6", table6, rows)
    for file in ("page.md", "table6.tex", "table6.csv", "table6-2.csv", "table6-adult.svg", "claims.json"):
        assert (redrawn / file).read_bytes() == (out / file).read_bytes()
    planned = table6.design("smoke", Asked(str(out), data=("adult",), data_root=str(root)))
    assert len(gathered(planned, "smoke")) == 21
