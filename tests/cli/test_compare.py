"""`tailtune compare` from end to end on small data."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from command_line import Answer, Cli, answer, made_table, start, write_images

import tailtune.study.tune
from tailtune import methods
from tailtune.settings import Settings

ROOT = Path(__file__).parents[2]
MINE = f"{ROOT / 'examples' / 'my_method.py'}:my_method"
ON_TABLE = ("--target", "label", "--model", "mlp", "--epochs", "2", "--batch-size", "32", "--accelerator", "cpu")
DIFFER = ("method", "out", "seed", "split_seed")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    made_table(200).write_csv(path)
    return path


def results(study: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((study / "results.json").read_text())
    return content


def compared(data: Path | str, study: Path, *options: str | Path, jobs: int = 1) -> Answer:
    """Compare on a table (or digits) in this process."""
    settings = ON_TABLE if isinstance(data, Path) else ("--epochs", "2", "--ratios", "0.05", "--accelerator", "cpu")
    got = answer("compare", data, *settings, "--jobs", str(jobs), "--out", study, *options)
    assert "Traceback" not in got.err
    return got


def predictions(study: Path) -> dict[tuple[str, int], np.ndarray]:
    found = {}
    for row in results(study)["rows"]:
        with np.load(study / row["folder"] / "predictions.npz") as arrays:
            found[row["arm"], row["seed"]] = arrays["probabilities"]
    return found


def test_a_researcher_compares_a_method_of_their_own(tmp_path: Path) -> None:
    assert len((ROOT / "examples" / "my_method.py").read_text().splitlines()) < 30
    study = tmp_path / "study"
    got = compared("digits", study, "--methods", f"erm,{MINE}", "--seeds", "2")
    assert got.code == 0, got.err
    assert "shared by all methods on digits at ratio 0.05: resnet8, 2 epochs, batches of 16, sgd at 0.1" in got.err
    assert str(study / "report.html") in got.out.replace("\n", "")
    content = results(study)
    assert [(row["arm"], row["seed"]) for row in content["rows"]] == [("erm", 0), (MINE, 0), ("erm", 1), (MINE, 1)]
    assert len({row["split_hash"] for row in content["rows"]}) == 1
    assert content["planned"] == 4
    assert content["failed"] == []
    assert content["statistics"]["baseline"] == "erm"
    assert content["shared"][0]["lr"] == 0.1
    assert (study / "report.html").stat().st_size > 1000
    table = list(csv.DictReader((study / "results.csv").read_text().splitlines()))
    assert [row["config_hash"] for row in table] == [row["config_hash"] for row in content["rows"]]
    resolved = []
    for row in content["rows"]:
        folder = study / row["folder"]
        assert sorted(path.name for path in folder.iterdir()) == [
            "DONE", "data.json", "metrics.jsonl", "predictions.npz", "result.json", "run.yaml",
        ]  # fmt: skip
        run = yaml.safe_load((folder / "run.yaml").read_text())["resolved"]
        resolved.append({name: value for name, value in run.items() if name not in DIFFER})
    assert all(run == resolved[0] for run in resolved)
    assert answer("report", study).code == 0


def test_what_is_finished_is_not_trained_again_and_a_study_grows(rows: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    assert compared(rows, study, "--methods", "label_smoothing", "--seeds", "1").code == 0
    assert {row["arm"] for row in results(study)["rows"]} == {"erm", "label_smoothing"}  # the baseline is added
    times = {path: path.stat().st_mtime_ns for path in study.glob("runs/*/DONE")}
    got = compared(rows, study, "--methods", "erm,label_smoothing,label_smoothing(smoothing=0.3)", "--seeds", "2")
    assert got.code == 0, got.err
    assert "6 trainings, of which 2 are finished" in got.err
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert len(results(study)["rows"]) == 6
    changed = compared(rows, study, "--methods", "erm,label_smoothing", "--seeds", "1", "--lr", "0.01")
    assert "2 trainings, of which 0 are finished" in changed.err
    file = tmp_path / "own.py"
    file.write_text(Path(MINE.rpartition(":")[0]).read_text())
    own = ("--methods", f"{file}:my_method", "--seeds", "1")
    assert "of which 1 are" in compared(rows, study, *own).err
    file.write_text(file.read_text().replace("power: float = 0.5", "power: float = 1.0"))
    assert "of which 1 are" in compared(rows, study, *own).err  # erm is there, the edited method is another one


def test_workers_come_to_the_same_bits(rows: Path, tmp_path: Path) -> None:
    options = ("--methods", "erm,sama", "--seeds", "2", "--threads", "1")
    assert compared(rows, tmp_path / "one", *options).code == 0
    assert compared(rows, tmp_path / "two", *options, jobs=2).code == 0
    one, two = predictions(tmp_path / "one"), predictions(tmp_path / "two")
    assert one.keys() == two.keys()
    for key, values in one.items():
        np.testing.assert_array_equal(values, two[key])


def test_a_method_that_fails_does_not_stop_the_others(rows: Path, tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text(
        "from tailtune.methods.method import Method, Stage\n"
        "def lost(logits, targets):\n    return logits.nowhere\n"
        "def broken(profile):\n    return Method('broken', (Stage(loss=lost),))\n"
    )
    study = tmp_path / "study"
    got = compared(rows, study, "--methods", f"{file}:broken,label_smoothing", "--seeds", "1")
    assert got.code == 2
    last = got.err.splitlines()[-1]
    assert last.startswith(f"tailtune: 1 failed: {file}:broken, seed 0, on {rows}: AttributeError: ")
    assert "broken.py, line 3" in last
    content = results(study)
    assert [row["arm"] for row in content["rows"]] == ["erm", "label_smoothing"]
    assert [(entry["arm"], entry["seed"]) for entry in content["failed"]] == [(f"{file}:broken", 0)]
    assert (study / "report.html").exists()
    file.write_text(file.read_text().replace("logits.nowhere", "-logits.log_softmax(1)[:, 0]"))
    again = compared(rows, study, "--methods", f"{file}:broken,label_smoothing", "--seeds", "1")
    assert again.code == 0
    assert len(results(study)["rows"]) == 3


@pytest.mark.parametrize(("vary", "splits", "seeds"), [("init", 1, 2), ("subset", 2, 1), ("both", 2, 2)])
def test_what_a_seed_changes(vary: str, splits: int, seeds: int, tmp_path: Path) -> None:
    study = tmp_path / "study"
    assert compared("digits", study, "--methods", "erm", "--seeds", "2", "--vary", vary, "--epochs", "1").code == 0
    rows = results(study)["rows"]
    assert len({row["split_hash"] for row in rows}) == splits
    runs = [yaml.safe_load((study / row["folder"] / "run.yaml").read_text())["resolved"] for row in rows]
    assert len({run["seed"] for run in runs}) == seeds
    assert len({run["split_seed"] for run in runs}) == splits


def test_every_method_tunes_with_the_same_budget_on_validation_alone(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    open_ = tailtune.study.tune.opened

    def without_test_rows(run: Any) -> Any:
        dataset = open_(run)
        seen.append(dataset.val is not None)
        object.__setattr__(blind := type(dataset)(**vars(dataset)), "test", None)
        return blind

    monkeypatch.setattr(tailtune.study.tune, "opened", without_test_rows)
    study, options = tmp_path / "study", ("--methods", f"erm,{MINE}", "--seeds", "1")
    assert compared(rows, study, *options, "--tune-trials", "2").code == 0
    assert seen == [True] * (2 + 4)  # to see that there are validation rows, of each method, then for each trial
    first = results(study)["searches"]
    assert compared(rows, study, *options, "--tune-trials", "3").code == 0
    assert len(seen) == 6 + 2 + 2  # the trials that were made are not made again
    content = results(study)
    for before, after in zip(first, content["searches"], strict=True):
        assert after["trials"][:2] == before["trials"]
        assert len(after["trials"]) == 3
        assert after["trials"][0]["settings"] == {}
        best = max(after["trials"], key=lambda trial: trial["score"])
        assert after["best"] == best["settings"]
        wanted = {"lr", "weight_decay"} | ({"power"} if after["arm"] == MINE else set())
        assert all(trial["settings"].keys() == wanted for trial in after["trials"][1:])
        row = next(row for row in content["rows"] if row["arm"] == after["arm"])
        run = yaml.safe_load((study / row["folder"] / "run.yaml").read_text())["resolved"]
        for name, value in best["settings"].items():
            assert run[name] == value if name != "power" else f"power={value!r}" in run["method"]


def test_all_takes_the_methods_that_the_data_allow(rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "__all__", ["cutmix", "erm", "label_smoothing"])
    got = compared(rows, tmp_path / "study", "--seeds", "1")
    assert got.code == 0, got.err
    assert got.err.count("without cutmix: method cutmix is for images") == 1
    assert [row["arm"] for row in results(tmp_path / "study")["rows"]] == ["erm", "label_smoothing"]
    named = compared(rows, tmp_path / "other", "--methods", "cutmix")
    assert named.code == 2
    assert f"method cutmix is for images, and {rows} is a table; leave it out" in named.err


def test_several_data_sets_have_ranks(tmp_path: Path) -> None:
    study = tmp_path / "study"
    options = ("--ratio", "0.1", "0.05", "--methods", "erm,sam", "--seeds", "1", "--epochs", "1")  # meant: --ratios
    got = compared("digits", study, *options)
    assert got.code == 0, got.err
    content = results(study)
    assert [(row["dataset"], row["ratio"]) for row in content["rows"]] == 2 * [("digits", 0.1)] + 2 * [("digits", 0.05)]
    assert len(content["statistics"]["groups"]) == 2
    assert content["statistics"]["ranks"] is not None


def test_a_dry_run_counts_and_times_and_writes_nothing(rows: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    assert compared(rows, study, "--methods", "erm", "--seeds", "1").code == 0
    before = sorted(study.rglob("*"))
    got = compared(rows, study, "--methods", "erm,sama", "--seeds", "3", "--tune-trials", "2", "--dry-run", "--json")
    assert got.code == 0, got.err
    cost = json.loads(got.out)
    assert (cost["runs"], cost["cached"], cost["trials"]) == (6, 1, 4)
    assert cost["hours"] > 0
    assert cost["megabytes"] > 0
    assert all(row["seconds"] > 0 for row in cost["rows"])
    assert sorted(study.rglob("*")) == before
    told = compared(rows, study, "--methods", "erm,sama", "--seeds", "3", "--dry-run")
    assert "5 trainings to do, 1 finished: about " in told.out


@pytest.mark.parametrize(
    ("keep", "names"), [("model", {"model.safetensors"}), ("all", {"model.safetensors", "last.ckpt"})]
)
def test_what_is_kept(keep: str, names: set[str], rows: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    assert compared(rows, study, "--methods", "erm", "--seeds", "1", "--keep", keep).code == 0
    (folder,) = (study / "runs").iterdir()
    kept = {path.name for path in folder.iterdir()}
    assert kept & {"model.safetensors", "last.ckpt"} == names
    assert answer("predict", folder, rows, "--out", tmp_path / "out.csv").code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--methods", "tunned"), "there is no method 'tunned'. Did you mean 'tuned'?"),
        (("--methods", "sama(ro=1)"), "method 'sama' takes no 'ro'. Did you mean 'rho'?"),
        (("--methods", "erm,erm"), "the method erm is given twice"),
        (("--methods", ","), "--methods names none"),
        (("--seeds", "0"), "--seeds must be 1 or more, however: 0"),
        (("--tune-trials", "-1"), "--tune-trials must be 0 or more"),
        (("--claim-minutes", "0"), "--claim-minutes must be more than 0"),
        (("--shard", "3/2"), "--shard must be I/N"),
        (("--selection", "test-oracle"), "not compared by a selection on test rows"),
        (("--test-curve", "--selection", "validation"), "--test-curve needs --selection last"),
        (("--ratios", "0.1"), "--ratios makes binary_cifar10, cifar10,"),
        (("--model", "resnet20"), "resnet20 is a model for images"),
        (("--policy", "flip"), "--policy flip augments images"),
        (("--target", "lable"), "lable"),
        (("--lr", "0"), "--lr must be more than 0"),
        (("--model", "xgboost", "--methods", "erm"), "--epochs is a setting of networks"),
        (("--methods", "erm", "--tune-trials", "2", "--val-fraction", "0"), "has no validation rows to tune on"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(
    options: tuple[str, ...], words: str, rows: Path, tmp_path: Path
) -> None:
    got = compared(rows, tmp_path / "study", *options)
    assert got.code == 2
    assert got.out == ""
    assert got.err.splitlines()[-1].startswith("tailtune: ")
    assert words in got.err
    assert not (tmp_path / "study").exists()


def test_the_results_hold_the_learning_curves(rows: Path, tmp_path: Path) -> None:
    compared(rows, tmp_path / "study", "--methods", "focal", "--seeds", "2", "--epochs", "3", "--test-curve")
    content = results(tmp_path / "study")
    assert [(curve["arm"], curve["seed"]) for curve in content["curves"]] == [
        (row["arm"], row["seed"]) for row in content["rows"]
    ]
    for curve, row in zip(content["curves"], content["rows"], strict=True):
        assert curve["epoch"] == [1, 2, 3]
        assert curve["part"] == "test"
        assert curve["balanced_accuracy"][-1] == pytest.approx(row["balanced_accuracy"])
    page = (tmp_path / "study" / "report.html").read_text()
    assert "Learning curves" in page
    assert "The test rows were only watched" in page


def test_a_folder_of_something_else_is_left_alone(rows: Path, tmp_path: Path) -> None:
    assert "is not empty and holds no comparison" in compared(rows, tmp_path).err
    assert "is a file; name a folder" in compared(rows, rows).err
    assert "there is nothing to compare on" in answer("compare").err


def test_trees_are_compared_too(rows: Path, tmp_path: Path) -> None:
    options = ("--target", "label", "--model", "xgboost", "--methods", "erm,inverse_frequency", "--seeds", "1")
    got = answer("compare", rows, *options, "--jobs", "1", "--out", tmp_path / "study")
    assert got.code == 0, got.err
    assert [row["model"] for row in results(tmp_path / "study")["rows"]] == ["xgboost"] * 2
    tuned = answer("compare", rows, *options, "--tune-trials", "2", "--out", tmp_path / "other")
    assert "--tune-trials searches settings of networks" in tuned.err
    assert not (tmp_path / "other").exists()


@pytest.mark.faults
def test_it_goes_on_where_a_signal_stopped_it(rows: Path, tmp_path: Path) -> None:
    job = ("compare", rows, *ON_TABLE, "--epochs", "60", "--methods", "erm,sama", "--seeds", "2", "--threads", "1")
    study = tmp_path / "study"
    for number, code, jobs in ((signal.SIGTERM, 75, "1"), (signal.SIGINT, 130, "1"), (signal.SIGUSR1, 75, "2")):
        process = start(tmp_path / "process", *job, "--jobs", jobs, "--out", study)
        before = len(list(study.glob("runs/*/metrics.jsonl")))
        until = time.monotonic() + 120
        while len(list(study.glob("runs/*/metrics.jsonl"))) <= before and time.monotonic() < until:
            assert process.is_alive(), (tmp_path / "process" / "stderr").read_text()
            time.sleep(0.005)
        os.kill(process.pid or 0, number)
        process.join()
        said = (tmp_path / "process" / "stderr").read_text().splitlines()[-1]
        assert process.exitcode == code, said
        assert said.startswith("tailtune: stopped with ")
        assert said.endswith(" of 4 trainings finished; the same command goes on from there")
    assert answer(*job, "--jobs", "1", "--out", study).code == 0
    assert answer(*job, "--jobs", "1", "--out", tmp_path / "whole").code == 0
    whole, interrupted = predictions(tmp_path / "whole"), predictions(study)
    assert whole.keys() == interrupted.keys()
    for key, values in whole.items():
        np.testing.assert_array_equal(values, interrupted[key])


@pytest.mark.faults
def test_a_slurm_array_of_two_tasks(rows: Path, tmp_path: Path) -> None:
    """The example as Slurm would run it, the second task told to make room and queued again."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "tailtune").write_text(f'#!/bin/bash\nexec {sys.executable} -m tailtune "$@"\n')
    (tools / "scontrol").write_text(f'#!/bin/bash\necho "$@" >> {tmp_path}/requeued\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    study = tmp_path / "study"
    job = (*ON_TABLE, "--epochs", "60", "--methods", "erm,sama", "--seeds", "2", "--jobs", "1", "--out", str(study))
    command = [shutil.which("bash") or "bash", str(ROOT / "examples" / "slurm_array.sbatch"), str(rows), *job]

    def begin(task: int) -> subprocess.Popen[str]:
        slurm = {"ARRAY_TASK_ID": str(task), "ARRAY_TASK_COUNT": "2", "ARRAY_TASK_MIN": "3", "ARRAY_JOB_ID": "77"}
        environment = os.environ | {f"SLURM_{name}": value for name, value in slurm.items()}
        environment["PATH"] = f"{tools}:{environment['PATH']}"
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    first, second = begin(3), begin(4)
    wait_for(lambda: len(list(study.glob("runs/*/metrics.jsonl"))) == 2, second)
    second.send_signal(signal.SIGUSR1)
    said = second.communicate()[1]
    assert second.returncode == 75, said
    assert (tmp_path / "requeued").read_text() == "requeue 77_4\n"
    second = begin(4)
    ends = [process.communicate()[1] for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], ends
    assert all("2 trainings, of which" in said for said in ends)
    content = results(study)
    assert len(content["rows"]) == content["planned"] == 4
    assert not list((study / "claims").iterdir())


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not condition() and time.monotonic() < until:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)


def test_every_shared_setting_is_an_option(cli: Cli) -> None:
    shown = cli("compare", "--help").out
    own = ("methods", "ratios", "seeds", "vary", "tune_trials", "keep", "on", "jobs", "shard")
    for name in (*Settings.__dataclass_fields__, *own):
        assert f"--{name.replace('_', '-')}" in shown


def test_images_in_folders_are_compared(tmp_path: Path) -> None:
    pictures = write_images(tmp_path / "pictures", {"common": 30, "rare": 12})
    job = ("--methods", "erm,balanced_sampling", "--seeds", "1", "--epochs", "1", "--model", "resnet8", "--jobs", "1")
    got = answer("compare", pictures, *job, "--accelerator", "cpu", "--no-flip", "--out", tmp_path / "study")
    assert got.code == 0, got.err
    assert results(tmp_path / "study")["shared"][0]["flip"] is False
