"""Figures of analyses as columns of a study: which names are taken, and what stands in the table."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tailtune import TailtuneError, read_study
from tailtune.analysis.study_columns import quantities
from tailtune.compare import conduct_with_page
from tailtune.jobs.progress import Lines
from tailtune.run.manifest import damages
from tailtune.study import Arm, Study, axis
from tailtune.study.plan import problems
from tailtune.study.results import read_results
from tailtune.study.study import check_study

COLUMNS = ("collapse.table4.cdnv", "overfitting.train.fitted.0", "collapse.train.cdnv.minority")


def made(folder: Path) -> Study:
    """A study of two arms on a small table of three classes."""
    rows = [(float(i % 17), float(i * i % 23), "abc"[(i % 17 > 11) + (i % 17 > 13)]) for i in range(160)]
    pl.DataFrame(rows, schema=["x", "z", "y"], orient="row").write_csv(folder / "rows.csv")
    return Study(
        arms=axis("batch_size", [16, 64]),
        data=[str(folder / "rows.csv")],
        target="y",
        model="mlp",
        seeds=2,
        epochs=2,
        jobs=1,
        collect=COLUMNS,
        out=str(folder / "study"),
    )


def conducted(study: Study) -> pl.DataFrame:
    """The table of a study that has been carried out."""
    found = conduct_with_page(study, show=lambda what: nullcontext(Lines(str, what)), say=str)
    assert not found.failures
    return read_study(study.out)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("colapse.nc1", "there is no analysis 'colapse'. Did you mean 'collapse'"),
        ("collapse", "name a figure of it behind a dot"),
        ("collapse.", "name a figure of it behind a dot"),
    ],
)
def test_a_name_that_begins_with_no_analysis_is_refused(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(TailtuneError, match=words):
        check_study(replace(made(tmp_path), collect=(name,)))


def test_names_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    study = made(tmp_path)

    def refused(*names: str) -> str:
        with pytest.raises(TailtuneError) as caught:
            problems(replace(study, collect=names), str)
        return str(caught.value)

    assert "collapse.train has no 'cdvn'. Did you mean 'cdnv'? It has cdnv," in refused("collapse.train.cdvn")
    assert "is not one number; add one of minority, majority, mixed" in refused("collapse.train.cdnv")
    assert "is not one number; add one of 0, 1 and 2 behind a dot" in refused("overfitting.gap")
    assert "collapse.layer is no number" in refused("collapse.layer")
    assert "overfitting.gap has no '3'" in refused("overfitting.gap.3")
    assert "landscape has no 'sharpnes'. Did you mean 'sharpness'?" in refused("landscape.sharpnes.all")
    with pytest.raises(TailtuneError, match="given twice"):
        quantities(["collapse.nc3", "collapse.nc3"])
    trees = Arm("trees", {"model": "xgboost", "method": "erm"})
    with pytest.raises(TailtuneError, match="looks into networks, and arm 'trees' trains xgboost"):
        problems(replace(study, arms=(*study.arms, trees), epochs=None), str)
    with pytest.raises(TailtuneError, match="arm 'folds' trains on them, too"):
        check_study(replace(study, arms=(Arm("folds", {"folds": 3}),)))


def test_columns_stand_in_the_table_the_statistics_and_the_page(tmp_path: Path) -> None:
    study = made(tmp_path)
    table = conducted(study)
    for row in table.iter_rows(named=True):
        folder = tmp_path / "study" / row["folder"]
        assert not (folder / "model.safetensors").exists()
        assert not damages(folder)
        found = json.loads((folder / "analysis.json").read_text())
        assert row["collapse.table4.cdnv"] == found["collapse"]["table4"]["cdnv"]
        assert row["overfitting.train.fitted.0"] == found["overfitting"]["train"]["fitted"][0] > 0
        assert row["collapse.train.cdnv.minority"] is None  # one rarest class has no pair
    assert pl.read_csv(tmp_path / "study" / "results.csv")["overfitting.train.fitted.0"].null_count() == 0
    result = read_results(tmp_path / "study")
    (group,) = result.statistics.groups
    figure = group.results["batch_size=64"]["overfitting.train.fitted.0"]
    of_arm = table.filter(pl.col("arm") == "batch_size=64")["overfitting.train.fitted.0"]
    assert figure.mean == pytest.approx(of_arm.mean())
    assert "overfitting train fitted 0" in (tmp_path / "study" / "report.html").read_text()


def test_columns_may_be_asked_for_later_where_models_were_kept(tmp_path: Path) -> None:
    kept = replace(made(tmp_path), keep="model", collect=(), seeds=1)
    plain = conducted(kept)
    assert "collapse.nc1" not in plain.columns
    table = conducted(replace(kept, collect=("collapse.train.nc1",)))
    assert table["collapse.train.nc1"].null_count() == 0
    assert plain["log_loss"].to_list() == table["log_loss"].to_list()
    assert not damages(tmp_path / "study" / table["folder"][0])
    both = conducted(replace(kept, collect=("collapse.train.nc1", "overfitting.train.margin_median.0")))
    assert both["collapse.train.nc1"].to_list() == table["collapse.train.nc1"].to_list()
    assert both["overfitting.train.margin_median.0"].null_count() == 0


def test_a_model_that_was_not_kept_is_told_of(tmp_path: Path) -> None:
    study = replace(made(tmp_path), seeds=1)
    conducted(replace(study, collect=()))
    with pytest.raises(TailtuneError, match=r"its model was not kept: delete the folder to train it again"):
        conduct_with_page(study, show=lambda what: nullcontext(Lines(str, what)), say=str)
    shutil.rmtree(tmp_path / "study" / "runs")
    assert conducted(study)["overfitting.train.fitted.0"].null_count() == 0
