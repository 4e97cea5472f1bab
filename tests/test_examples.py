"""The examples do what they say, on smaller data."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tailtune import Finished, TailtuneError
from tailtune.by_name import load
from tailtune.compare import conduct_with_page
from tailtune.fit import fit
from tailtune.jobs.progress import Lines
from tailtune.settings import Run
from tailtune.study import axis
from tailtune.study.design import load_study

EXAMPLES = Path(__file__).parents[1] / "examples"


def quiet(sentence: str) -> None:
    """Say nothing."""


def test_a_study_like_the_papers_is_one_short_file(tmp_path: Path) -> None:
    file = EXAMPLES / "batch_sizes.py"
    assert len(file.read_text().splitlines()) <= 60
    whole = load_study(f"{file}:design")
    assert (len(whole.arms), whole.ratios, whole.varied) == (5, (0.2, 0.05, 0.01), ("batch_size",))
    small = replace(whole, arms=axis("batch_size", [16, 64]), ratios=(0.1, 0.05), seeds=1, epochs=1, jobs=1)
    folder = tmp_path / "study"
    conduct_with_page(replace(small, out=str(folder)), show=lambda what: nullcontext(Lines(quiet, what)), say=quiet)
    table = load(f"{file}:table", "function")(folder)  # type: ignore[operator]
    assert table.columns == ["ratio", "16", "64"]
    assert table["ratio"].to_list() == [0.05, 0.1]
    assert "<svg" in load(f"{file}:figure", "function")(folder).read_text()  # type: ignore[operator]


def test_an_analysis_is_one_short_file(tmp_path: Path) -> None:
    file = EXAMPLES / "analysis_page.py"
    assert len(file.read_text().splitlines()) <= 60
    fit(Run("digits", ratio=0.05, epochs=1, out=str(tmp_path / "run"), baselines=()), say=quiet)
    text = load(f"{file}:page", "function")(tmp_path / "run").read_text()  # type: ignore[operator]
    assert "Confident mistakes of tuned (resnet8)" in text
    assert text.count("<h2>") == 10


@pytest.mark.parametrize("name", ["my_method.py", "my_measure.py", "my_data.py", "my_model.py", "my_augmentation.py"])
def test_a_thing_of_ones_own_takes_some_twenty_lines(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) <= 27


def result_of(run: Run, out: Path) -> Finished:
    """Carry out a short run."""
    finished = fit(replace(run, epochs=1, out=str(out), baselines=()), say=quiet)
    assert finished is not None
    return finished


def test_a_data_set_a_network_and_an_augmentation_of_ones_own(tmp_path: Path) -> None:
    data, model, shade = (f"{EXAMPLES / name}" for name in ("my_data.py", "my_model.py", "my_augmentation.py"))
    rings = result_of(Run(f"{data}:rings", model="mlp"), tmp_path / "rings")
    assert sum(rings.result.data.counts.train) + sum(rings.result.data.counts.test) < 1000
    assert set(rings.result.data.names) == {"common", "rare"}
    run = Run("digits", ratio=0.05, model=f"{model}:patches", policy=f"crop+{shade}:shade", method="ldam")
    made = result_of(run, tmp_path / "patches")
    again = result_of(run, tmp_path / "again")
    np.testing.assert_array_equal(made.predictions.scores, again.predictions.scores)
    plain = result_of(replace(run, policy="crop"), tmp_path / "plain")
    assert np.abs(made.predictions.scores - plain.predictions.scores).max() > 1e-3
    test = made.dataset().test  # the model is loaded from its file again
    np.testing.assert_array_equal(made.predictor().scores(test.inputs), made.predictions.scores)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "{}:number"}, "data set .* must be a function, however: int"),
        ({"data": "{}:broken"}, "data set .* fails: ZeroDivisionError"),
        ({"data": "{}:nothing"}, "must return arrays by their names"),
        ({"data": "{}:absent"}, "has no function 'absent'"),
        ({"model": "{}:broken"}, "model .* fails: ZeroDivisionError"),
        ({"model": "{}:nothing"}, "must return a tailtune.models.network.Network, however: NoneType"),
        ({"policy": "flip+{}:broken"}, "augmentation .* fails: ZeroDivisionError"),
        ({"policy": "{}:nothing"}, r"augmentation .* must return images \(16, 1, 8, 8\) of torch.uint8"),
        ({"policy": "none+{}:nothing"}, "repeats a part or puts none beside others"),
    ],
)
def test_what_is_wrong_with_a_thing_of_ones_own_is_one_line(
    changes: dict[str, str], words: str, tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    file.write_text("number = 3\ndef broken(*given):\n    return 1 / 0\ndef nothing(*given):\n    return None\n")
    run = replace(Run("digits", ratio=0.05), **{name: text.format(file) for name, text in changes.items()})
    with pytest.raises(TailtuneError, match=words):
        result_of(run if run.data == "digits" else replace(run, ratio=None), tmp_path / "run")
