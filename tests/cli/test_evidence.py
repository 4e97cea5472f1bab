"""`--slice`, `--budget`, mistakes and influences, from a table or pictures to files, page and terminal."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import SMALL, Cli, Refused, answer

from tailtune.run.finished import Finished

FIXED = ("--target", "ill", "--model", "extra-trees", "--baselines", "majority")


def visits(rows: int, seed: int) -> pl.DataFrame:
    """A fifth are ill, which x tells from the others, but at site b; the site is no input."""
    rng = np.random.default_rng(seed)
    ill = rng.random(rows) < 0.2
    site = rng.choice(["a", "b"], rows)
    x = rng.normal(np.where(ill & (site == "a"), 3.0, 0.0))
    columns = {"x": x, "copy": 2 * x, "noise": rng.normal(size=rows), "site": site, "=age": rng.integers(20, 90, rows)}
    return pl.DataFrame({**columns, "ill": np.where(ill, "=yes", "no")})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose test rows were sliced, and tables."""
    home = tmp_path_factory.mktemp("evidence")
    visits(1200, 0).write_csv(home / "train.csv")
    visits(600, 1).write_csv(home / "new.csv")
    sliced = ("--ignore", "site", "--slice", "site", "=age", "--budget", "30")
    got = answer("fit", home / "train.csv", *FIXED, *sliced, "--out", home / "run")
    assert got.code == 0, got.err
    (home / "out.txt").write_text(got.out)
    return home


def test_the_terminal_and_the_page_say_where_it_is_worse(home: Path) -> None:
    out, page = (home / "out.txt").read_text(), (home / "run" / "report.html").read_text()
    told = re.search(r"Where site is b, the answers find [\d.]+\s% of .{6}, and [\d.]+\s% elsewhere", out)
    assert told, out
    assert "=age" in out
    assert "Where site is b, the answers find" in page
    assert "a budget of 30 cases" in out
    assert "a budget of 30 cases" in page
    (by_site, by_age) = Finished(home / "run").result.slices
    assert {each.label for each in by_site.slices} == {"a", "b"}
    assert by_age.kind == "ranges"
    (point,) = [point for point in Finished(home / "run").result.points if point.rule == "precision@budget=30"]
    assert (point.alarms, point.chosen) == (30, False)


def test_the_columns_that_it_goes_by_and_the_rows_that_it_gets_wrong(home: Path) -> None:
    found = Finished(home / "run").evidence
    assert found is not None
    assert found.influences is not None
    first = found.influences.listed[0]
    assert set(first.columns) == {"x", "copy"}
    assert first.interval[0] > 0
    listed = pl.read_csv(home / "run" / "mistakes.csv", infer_schema=False)
    made = Finished(home / "run").predictions
    assert len(listed) == (made.targets != made.model.answers).sum()
    assert set(listed["class"]) <= {"'=yes", "no"}
    assert listed.columns[:5] == ["id", "class", "answer", "probability", "true_probability"]
    train = visits(1200, 0)
    for row in listed.iter_rows(named=True):
        assert float(row["column_x"]) == pytest.approx(train["x"][int(row["id"]) - 1])
        assert row["class"].lstrip("'") == train["ill"][int(row["id"]) - 1]


def test_the_report_is_made_again_without_the_data_and_files_are_sealed(home: Path, tmp_path: Path, cli: Cli) -> None:
    shutil.copytree(home / "run", tmp_path / "run")
    before = (tmp_path / "run" / "report.html").read_bytes()
    assert cli("report", tmp_path / "run").code == 0
    assert (tmp_path / "run" / "report.html").read_bytes() == before
    assert cli("verify", tmp_path / "run").code == 0
    with (tmp_path / "run" / "mistakes.csv").open("a") as file:
        file.write("x")
    assert "mistakes.csv is not as it was written" in cli("verify", tmp_path / "run").out
    (tmp_path / "run" / "evidence.json").write_text("{}")
    assert "evidence.json is not as it was written" in cli("report", tmp_path / "run").err


def test_evaluate_slices_other_rows(home: Path, cli: Cli) -> None:
    got = cli("evaluate", home / "run", home / "new.csv", "--slice", "site", "--json")
    assert got.code == 0, got.err
    (by_site,) = json.loads(got.out)["slices"]
    assert [each["label"] for each in by_site["contrasts"] if each["share"] == "recall"] == ["b"]
    assert sum(each["rows"] for each in by_site["slices"]) == 600
    got = cli("evaluate", home / "run", home / "new.csv", "--slice", "site")
    assert "Where site is b" in got.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--slice", "siet"), "has no column to slice by 'siet'. Did you mean 'site'?"),
        (("--budget", "0"), "--budget must be 1 or more, however: 0"),
        (("--budget", "-3"), "--budget must be 1 or more, however: -3"),
    ],
)
def test_bad_values_get_one_line(home: Path, options: tuple[str, ...], words: str, refused: Refused) -> None:
    assert words in refused(home / "train.csv", *FIXED, *options)


def test_evaluate_refuses_a_column_that_is_not_there(home: Path, refused: Refused) -> None:
    line = refused(home / "run", home / "new.csv", "--slice", "sites", command="evaluate")
    assert "has no column to slice by 'sites'. Did you mean 'site'?" in line


def test_a_budget_that_is_no_number_is_refused(home: Path, cli: Cli) -> None:
    got = cli("fit", home / "train.csv", "--target", "ill", "--budget", "many", "--out", home / "never")
    assert got.code == 2
    assert not (home / "never").exists()


def test_pictures_have_no_columns_to_slice_by(images: Path, refused: Refused) -> None:
    line = refused(images, "--model", "resnet8", *SMALL, "--slice", "site")
    assert "--slice site needs a column" in line
    assert "give a table, or a manifest of the pictures" in line


def test_pictures_stand_in_the_report_with_what_the_network_looks_at(images: Path, cli: Cli, tmp_path: Path) -> None:
    got = cli("fit", images, "--model", "resnet8", *SMALL, "--seed", "3", "--out", tmp_path / "run")
    assert got.code == 0, got.err
    run = Finished(tmp_path / "run")
    found = run.evidence
    assert found is not None
    assert {each.name for each in found.examples} == {"common", "middling", "rare"}
    assert all(len(each.pictures) == 2 for each in found.examples)
    trained = {str(path.relative_to(images)) for path in images.rglob("*.png")} - set(run.predictions.ids.tolist())
    assert {picture.id for each in found.examples for picture in each.pictures} <= trained
    wrong = pl.read_csv(tmp_path / "run" / "mistakes.csv")
    assert len(wrong) == (run.predictions.targets != run.predictions.model.answers).sum() > 0
    assert all((images / name).is_file() for name in wrong["id"])
    for each in found.mistakes:
        for mistake in each.shown:
            assert mistake.picture.startswith("data:image/")
            assert mistake.saliency.startswith("data:image/")
            assert mistake.saliency != mistake.picture
    page = (tmp_path / "run" / "report.html").read_text()
    assert "The most confident mistakes" in page
    assert found.mistakes[0].shown[0].saliency in page


def test_trainings_of_a_comparison_gather_no_evidence(home: Path, tmp_path: Path, cli: Cli) -> None:
    small = ("--model", "mlp", "--methods", "erm", "--seeds", "1", "--epochs", "1")
    got = cli("compare", home / "train.csv", "--target", "ill", *small, "--out", tmp_path / "study")
    assert got.code == 0, got.err
    assert list(tmp_path.rglob("result.json"))
    assert not [*tmp_path.rglob("evidence.json"), *tmp_path.rglob("mistakes.csv")]
