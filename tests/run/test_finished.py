"""The one handle to a finished run, and what it says of files of another version."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tailtune.errors import TailtuneError
from tailtune.fit import fit
from tailtune.run.finished import RESULT, Finished
from tailtune.run.result import SCHEMA, read_result, to_json
from tailtune.settings import Run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    out = tmp_path_factory.mktemp("finished") / "run"
    run = Run("digits", ratio=0.1, epochs=2, out=str(out), threads=1)
    finished = fit(run, say=lambda sentence: None)
    assert finished is not None
    return finished


def test_what_was_made_is_what_is_read(made: Finished) -> None:
    read = Finished(made.folder)
    assert read.result == made.result
    assert to_json(read.result) == (made.folder / RESULT).read_bytes()
    assert read.run == made.result.run
    assert [read.result.model.name, *(b.name for b in read.result.baselines)] == ["tuned", "majority"]
    for name in ("probabilities", "answers"):
        np.testing.assert_array_equal(getattr(read.predictions.model, name), getattr(made.predictions.model, name))
    assert list(read.predictions.baselines) == ["majority"]
    assert read.metrics.height == 2
    assert {"epoch", "train_loss", "val_balanced_accuracy"} <= set(read.metrics.columns)
    data = read.dataset()
    assert data.split_hash == read.result.data.split_hash
    predictor = read.predictor()
    probabilities = predictor.probabilities(data.test.inputs)
    np.testing.assert_array_equal(probabilities, read.predictions.model.probabilities)
    np.testing.assert_array_equal(predictor.answers(probabilities), read.predictions.model.answers)
    np.testing.assert_array_equal(predictor.scores(data.test.inputs), read.predictions.scores)
    assert data.val is not None
    assert read.predictions.held_out is not None
    np.testing.assert_array_equal(read.predictions.held_out.targets, data.val.targets.numpy())
    np.testing.assert_array_equal(read.predictions.held_out.probabilities, predictor.scores(data.val.inputs))
    with pytest.raises(TailtuneError, match="has no system 'xgboost'; it has tuned, majority"):
        read.result.system("xgboost")


def test_other_versions_and_broken_files_are_said(made: Finished, tmp_path: Path) -> None:
    with pytest.raises(TailtuneError, match="there is no run folder"):
        Finished(tmp_path / "none")
    content = json.loads((made.folder / RESULT).read_text())
    path = tmp_path / RESULT
    for changed, words in (
        ({key: value for key, value in content.items() if key != "schema"}, "is of format 1, and this version"),
        (content | {"schema": SCHEMA + 1}, f"is of format {SCHEMA + 1}"),
        (content | {"systems": 3}, r"cannot be read \(Expected `array`, got `int` - at `\$.systems`\)"),
        ([1], "cannot be read"),
    ):
        path.write_text(json.dumps(changed))
        with pytest.raises(TailtuneError, match=words):
            read_result(path)
    path.write_bytes(b"\xff{")
    with pytest.raises(TailtuneError, match="cannot be read"):
        read_result(path)
