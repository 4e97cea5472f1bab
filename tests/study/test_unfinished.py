"""A report on a study that is not finished: what is there, and what is missing; and the files beside it."""

from __future__ import annotations

import random
import shutil
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from command_line import answer

from tailtune import TailtuneError, read_study
from tailtune.compare import conduct_with_page
from tailtune.jobs.progress import Lines
from tailtune.run.finished import Finished
from tailtune.study import Study, axis
from tailtune.study.results import RESULTS
from tailtune.study.study import STUDY, check_study_folder
from tailtune.study.tidy_table import CLASS_CSV, CLASS_PARQUET, collect

SMALL = Study(arms=axis("method", ["erm", "drw"]), data=["digits"], ratios=[0.05], seeds=2, epochs=1, jobs=1)


def quiet(sentence: str) -> None:
    """Say nothing."""


def lines(what: str) -> AbstractContextManager[Lines]:
    """Show nothing."""
    return nullcontext(Lines(quiet, what))


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of four trainings, of which the two of seed 0 and 1 of the first arm are finished."""
    folder = tmp_path_factory.mktemp("studies") / "half"
    conduct_with_page(replace(SMALL, out=str(folder), shard="1/2"), show=lines, say=quiet)
    return folder


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "study"))


def test_a_report_says_what_is_missing(half: Path, tmp_path: Path) -> None:
    folder = copied(half, tmp_path)  # moved, and without the data having to be there
    got = answer("report", folder)
    assert got.code == 0
    told = [
        "2 of 4 trainings are finished.",
        "Missing on digits at ratio 0.05: method=drw seeds 0, 1.",
    ]
    assert [line for line in got.err.splitlines() if line] == told
    page = (folder / "report.html").read_text()
    assert all(line in page for line in told)


def test_a_report_takes_up_what_has_been_finished_since(half: Path, tmp_path: Path) -> None:
    folder = copied(half, tmp_path)
    (folder / RESULTS).unlink()  # as while the first trainings run
    newest = max(folder.glob("runs/*"))
    done = (newest / "DONE").read_bytes()
    (newest / "DONE").unlink()
    assert len(collect(folder).rows) == 1
    (newest / "DONE").write_bytes(done)
    result = collect(folder)
    assert (len(result.rows), result.planned) == (2, 4)
    assert read_study(folder)["arm"].to_list() == ["method=erm"] * 2
    shutil.rmtree(folder / "runs")
    assert collect(folder).rows == result.rows  # what was taken away has been read before


def test_a_study_that_has_just_begun_has_a_report(half: Path, tmp_path: Path) -> None:
    folder = copied(half, tmp_path)
    (folder / RESULTS).unlink()
    shutil.rmtree(folder / "runs")
    got = answer("report", folder)
    assert got.code == 0, got.err
    assert "0 of 4 trainings are finished." in got.err
    (folder / "plan.json").unlink()
    (folder / RESULTS).unlink()
    got = answer("report", folder)
    assert got.code == 2
    assert "has no list of its trainings yet (plan.json); run the same command again" in got.err


def test_every_class_of_every_training_has_a_row(half: Path) -> None:
    table = pl.read_parquet(half / CLASS_PARQUET)
    assert table.columns == [
        "dataset", "ratio", "arm", "seed", "class", "training_rows", "test_rows",
        "recall", "precision", "f1", "average_precision",
    ]  # fmt: skip
    assert pl.read_csv(half / CLASS_CSV, schema_overrides={"class": pl.String}).equals(table)
    row = read_study(half).row(1, named=True)
    stated = Finished(half / row["folder"]).result.model.per_class
    mine = table.filter(pl.col("seed") == row["seed"])
    assert mine["class"].to_list() == [each.name for each in stated]
    assert mine["training_rows"].to_list() == [each.train_count for each in stated]
    assert mine["f1"].to_list() == [each.f1 for each in stated]
    assert mine["recall"].mean() == pytest.approx(row["balanced_accuracy"])
    assert mine["average_precision"].to_list() == [each.auprc for each in stated]


@pytest.mark.parametrize("name", ["plan.json", STUDY, RESULTS])
def test_damaged_files_are_refused_in_one_line_or_read(name: str, half: Path, tmp_path: Path) -> None:
    folder = copied(half, tmp_path)
    whole, choose = (folder / name).read_bytes(), random.Random(0)
    damaged = [whole[: len(whole) // 2], b"", b"[]", b"{}", b"3", b"\xff\xfe\x00", b"[" * 5000]
    for _ in range(12):
        content = bytearray(whole)
        content[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
        damaged.append(bytes(content))
    refused: list[str] = []
    for content in damaged:
        (folder / name).write_bytes(content)
        try:
            collect(folder)
        except TailtuneError as error:
            refused.append(str(error))
    assert len(refused) >= 7
    assert all(str(folder / name) in line and "\n" not in line for line in refused)


def test_files_of_another_version_or_of_another_program_are_refused(half: Path, tmp_path: Path) -> None:
    folder = copied(half, tmp_path)
    for name, before, after, words in (
        ("plan.json", '"schema": 1', '"schema": 7', "is of format 7"),
        (RESULTS, '"schema": 2', '"schema": 7', "is of format 7"),
        (RESULTS, '"seed": 0', '"seed": "0"', "Expected `int`, got `str`"),
        (RESULTS, '"planned": 4', '"planned": [4]', "Expected `int`, got `array`"),
        (STUDY, "format: 1", "format: 7", "is of format 7"),
        (STUDY, "arms:", "limbs:", "is not of tailtune"),
    ):
        text = (folder / name).read_text()
        assert before in text
        (folder / name).write_text(text.replace(before, after, 1))
        got = answer("report", folder)
        assert (got.code, len(got.err.splitlines())) == (2, 1)
        assert words in got.err
        (folder / name).write_text(text)
    (folder / STUDY).write_text("name: my-website\n")
    with pytest.raises(TailtuneError, match=r"is not of tailtune: it lacks data, arms and seeds"):
        check_study_folder(folder)
