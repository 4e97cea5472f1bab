"""`tailtune analyse`: what it writes beside a run, and the runs and words that it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import SMALL, TABLE, Cli, Fitted, Refused, made_table

from tailtune.analysis.analyses import analyse
from tailtune.run.finished import Finished


@pytest.fixture
def run(fitted: Fitted, tmp_path: Path) -> Path:
    """A copy of a finished run."""
    return Path(shutil.copytree(fitted.folder, tmp_path / "copy"))


def test_it_writes_a_page_and_figures_that_verify_accepts(run: Path, cli: Cli) -> None:
    got = cli("analyse", run)
    assert got.code == 0, got.err
    assert got.out.startswith("Neural collapse: In this run")
    assert f"analysis: {run / 'analysis.html'}" in got.out.replace("\n", "")
    found = json.loads((run / "analysis.json").read_text())
    assert [*found] == ["format", "collapse", "overfitting", "regions"]
    page = (run / "analysis.html").read_text()
    for name in ("collapse", "overfitting"):
        assert found[name]["finding"].split(" (")[0] in page
    assert page.count("<svg") == 4
    assert cli("verify", run).code == 0
    (run / "analysis.json").write_text("{}")
    assert "analysis.json is not as it was written" in " ".join(cli("verify", run).out.split())
    assert cli("analyse", run).code == 0  # written anew, as the figures are
    assert json.loads((run / "analysis.json").read_text()) == found


def test_its_figures_agree_with_what_the_run_found(run: Path) -> None:
    finished = Finished(run)
    collapse, overfitting = analyse(finished, ["collapse", "overfitting"])
    recalls = [entry.recall for entry in finished.result.undecided.per_class]
    assert overfitting.data["test"]["fitted"] == pytest.approx(recalls)
    assert collapse.data["table4"]["accuracy"] == pytest.approx(finished.result.undecided.metrics["accuracy"])
    assert collapse.data["train"]["by_class"]["rows"] == list(finished.result.data.counts.train)
    rows = np.array(finished.result.data.counts.train)
    shares = collapse.data["train"]["by_class"]["nearest_class_mean_accuracy"]
    assert collapse.data["train"]["nearest_class_mean_accuracy"]["all"] == pytest.approx(shares @ rows / rows.sum())


def test_features_that_are_not_kept_come_to_the_same(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (kept,) = analyse(Finished(run), ["collapse"])
    monkeypatch.setattr("tailtune.analysis.neural_collapse.KEPT", 0)
    (again,) = analyse(Finished(run), ["collapse"])
    assert kept == again


def test_one_analysis_of_another_layer(run: Path, cli: Cli) -> None:
    got = cli("analyse", run, "--only", "collapse", "--layer", "head", "--json")
    assert got.code == 0, got.err
    found = json.loads(got.out)
    assert [*found] == ["page", "collapse"]
    assert (found["collapse"]["layer"], found["collapse"]["nc3"]) == ("head", None)


def test_shapes_of_a_run_beside_another(run: Path, fitted: Fitted, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("K", 2), ("TRACE_DRAWS", 2), ("STEPS", 5), ("DRAWS", 1)):
        monkeypatch.setattr(f"tailtune.analysis.curvature.{name}", value)
    for name, value in (("STEPS", 5), ("SIDE", 3), ("DIRECTIONS", 2)):
        monkeypatch.setattr(f"tailtune.analysis.landscape.{name}", value)
    asked = ("--only", "regions", "landscape", "curvature", "--rows", "30", "--features", "height", "colour")
    got = cli("analyse", run, *asked, "--beside", fitted.folder)
    assert got.code == 0, got.err
    assert not got.notes
    found = json.loads((run / "analysis.json").read_text())
    assert [*found] == ["format", "regions", "landscape", "curvature"]
    assert found["regions"]["features"] == ["height", "colour"]
    assert sum(found["regions"]["areas"].values()) == pytest.approx(1)
    landscape, curvature = found["landscape"], found["curvature"]
    middle = len(landscape["steps"]) // 2
    assert landscape["steps"][middle] == 0
    losses = [curve[middle] for curve in landscape["slices_by_class"]]
    counts = np.array(Finished(run).result.data.counts.train)
    assert landscape["slices"]["all training rows"][middle] == pytest.approx(losses @ counts / counts.sum())
    assert landscape["beside"]["slices"]["all training rows"] == landscape["slices"]["all training rows"]  # a copy
    surface = np.array(landscape["surfaces"]["rarest classes"])
    assert surface[len(surface) // 2, len(surface) // 2] == pytest.approx(losses[2])
    whole = curvature["groups"]["all training rows"]
    assert curvature["beside"]["eigenvalues"] == whole["hessian"]["eigenvalues"]
    assert min(whole["gauss_newton"]["eigenvalues"]) > 0
    assert (run / "analysis.html").read_text().count("<svg") == 2 + 5 + 3
    assert cli("verify", run).code == 0


def test_pictures_have_planes_and_no_columns(images: Path, tmp_path: Path, cli: Cli, refused: Refused) -> None:
    out = tmp_path / "run"
    assert cli("fit", images, "--model", "resnet8", *SMALL, "--out", out).code == 0
    (found,) = analyse(Finished(out), ["regions"])
    assert found.data["areas"]["planes"] == 30
    assert sum(figure.title.startswith("Plane") for figure in found.figures) == 3
    assert "is of pictures; leave it out" in refused(out, "--features", "a", "b", command="analyse")


def test_a_refit_is_analysed_with_its_validation_rows(fitted: Fitted, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "refit"
    assert cli("fit", fitted.data, *TABLE, *SMALL, "--selection", "refit", "--out", out).code == 0
    (found,) = analyse(Finished(out), ["collapse"])
    counts = Finished(out).result.data.counts
    assert counts.val is not None
    assert sum(found.data["train"]["by_class"]["rows"]) == sum(counts.train) + sum(counts.val)


def test_a_gpu_that_is_not_there_is_refused(run: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    told = refused(run, "--accelerator", "cuda", command="analyse")
    assert "no CUDA device was found; use --accelerator cpu" in told


def test_wrong_words_are_refused_in_a_line(run: Path, refused: Refused, tmp_path: Path) -> None:
    told = refused(run, "--only", "colapse", command="analyse")
    assert "no such analysis. Did you mean 'collapse'? It takes collapse, overfitting, regions, landscape, cur" in told
    for option, told in (
        (("--beside", run, "--only", "collapse"), "--beside is for landscape, curvature and regions; add one"),
        (("--features", "height", "weight", "--only", "collapse"), "--features is for regions; add regions"),
        (("--rows", "50"), "--rows is for landscape and curvature; add one to --only"),
        (("--rows", "0", "--only", "landscape"), "--rows must be 1 or more, however: 0"),
        (("--features", "size", "weight"), "the network is given no such column. It takes height, weight and colour"),
        (("--only", "regions", "--beside", tmp_path / "nothing"), str(tmp_path / "nothing")),
    ):
        assert told in refused(run, *option, command="analyse")
    told = refused(run, "--only", "overfitting", "--layer", "head", command="analyse")
    assert "add collapse to --only" in told
    assert "the network has no layer 'body'; it has" in refused(run, "--layer", "body", command="analyse")
    assert not (run / "analysis.json").exists()
    assert str(tmp_path / "nothing") in refused(tmp_path / "nothing", command="analyse")


def test_runs_without_a_network_of_their_own_are_refused(
    fitted: Fitted, tmp_path: Path, cli: Cli, refused: Refused
) -> None:
    quick = ("--target", "label", "--baselines", "majority")
    trees = (fitted.data, *quick, "--model", "logistic-regression")
    assert cli("fit", *trees, "--out", tmp_path / "trees").code == 0
    told = refused(tmp_path / "trees", command="analyse")
    assert "holds logistic-regression, which has no layers and so no features to analyse" in told
    made_table().write_csv(tmp_path / "rows.csv")
    whole = ("fit", tmp_path / "rows.csv", *TABLE, *SMALL, "--refit", "all", "--out", tmp_path / "whole")
    assert cli(*whole).code == 0
    assert "was trained on its test rows, too (--refit all)" in refused(tmp_path / "whole", command="analyse")
