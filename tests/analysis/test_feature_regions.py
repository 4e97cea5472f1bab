"""Regions over two columns: axes, typical values, and a network whose answers are known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from tailtune.analysis.analysis import Regions
from tailtune.analysis.column_axes import as_read, axis_of, typical_value
from tailtune.analysis.feature_regions import feature_regions
from tailtune.analysis.subject import Subject
from tailtune.data.dataset import Part
from tailtune.data.table_preprocessor import TablePreprocessor
from tailtune.errors import TailtuneError
from tailtune.profile import ClassProfile
from tailtune.words import percent

INFLUENCES = (("colour", "shade"), ("when",), ("age",), ("height",))


def frame(rows: int = 200) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "height": rng.normal(170, 10, rows),
            "colour": rng.choice(["red", "green", "blue"], rows, p=[0.6, 0.3, 0.1]),
            "shade": rng.choice(["dark", None], rows, p=[0.7, 0.3]),
            "when": pl.Series([f"20{10 + i % 10}-03-0{1 + i % 7}" for i in range(rows)]),
        }
    )


class Rule(nn.Module):
    """Answers with the rare class (1) where the second number is large and the first category is the last one."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        rare = (numeric[:, 1] > 0) & (categorical[:, 0] == self.code)
        return torch.stack([torch.zeros(len(rare)), rare * 2.0 - 1], 1)


def subject(
    influences: tuple[tuple[str, ...], ...] | None = INFLUENCES,
    with_frame: bool = True,
    as_text: bool = False,
    code: int = 3,
) -> Subject:
    table = frame().cast(pl.String) if as_text else frame()
    preprocessor = TablePreprocessor.fit(table)
    targets = torch.tensor([0] * 180 + [1] * 20)
    part = Part(preprocessor.encode(table), targets, np.arange(200).astype(str), frame=table if with_frame else None)
    listed = [SimpleNamespace(columns=columns) for columns in influences or ()]
    evidence = SimpleNamespace(influences=None if influences is None else SimpleNamespace(listed=listed))
    run = SimpleNamespace(evidence=evidence, folder=Path("run"))
    network = Rule(code)  # codes in order: blue, green, red
    profile = ClassProfile((180, 20), ("common", "rare"))
    return Subject(cast(Any, run), cast(Any, network), preprocessor, profile, {"train": part}, None)


@pytest.mark.parametrize("as_text", [False, True])
def test_answers_are_those_of_the_network_on_rows_at_typical_values(as_text: bool) -> None:
    of = subject(as_text=as_text)
    found = feature_regions(of, ("height", "colour"))
    (drawn,) = found.figures
    assert isinstance(drawn, Regions)
    assert (drawn.across, drawn.up, drawn.up_labels) == ("height", "colour", ("blue", "green", "red"))
    table = frame()
    answers = np.array(drawn.answers)
    assert drawn.names == ("rare", "common")
    assert (answers[:2] == 1).all()  # blue and green
    middle = table["height"].median()
    np.testing.assert_array_equal(answers[2] == 0, np.array(drawn.x) > middle)
    assert found.data["areas"]["rare"] == pytest.approx((answers == 0).mean())
    assert found.data["typical"]["age"] == f"{table['age'].median():.6g}"
    assert found.data["typical"]["shade"] == "dark"
    assert f"(rare) in {percent(found.data['areas']['rare'])} of the area" in found.finding
    heights = table["height"][180:].to_list()
    assert {round(x, 9) for x, _, _ in drawn.points} <= {round(h, 9) for h in heights}
    assert all(of_class == 0 for _, _, of_class in drawn.points)


def test_two_runs_are_compared_on_the_same_cells() -> None:
    found = feature_regions(subject(), ("height", "colour"), subject(code=2))
    areas, other = found.data["areas"]["rare"], found.data["beside"]
    assert other["areas"]["rare"] == pytest.approx(areas) == pytest.approx(1 / 6, abs=0.05)
    assert other["agreement"] == pytest.approx(1 - 2 * areas)  # rare where it is red, and rare where it is green
    assert "the two answer alike on" in found.finding
    assert len(found.figures) == 2
    of = subject()
    fewer = TablePreprocessor.fit(frame().drop("shade"))
    with pytest.raises(TailtuneError, match="is given other columns or has other classes"):
        feature_regions(of, (), Subject(of.run, of.network, fewer, of.profile, of.parts, None))


def test_the_most_influential_columns_that_can_be_drawn_are_taken() -> None:
    assert feature_regions(subject()).data["features"] == ["colour", "age"]  # one of a group, and no date
    for of in (subject(None), subject((("when",), ("age",)))):
        found = feature_regions(of)
        assert "name two with --features" in found.finding
        assert not found.figures
    assert "no columns by name" in feature_regions(subject(with_frame=False)).finding


@pytest.mark.parametrize(
    ("features", "told"),
    [
        (("agee", "height"), "--features agee: the network is given no such column. Did you mean 'age'?"),
        (("age", "when"), "--features when: a column of date values has no axis; take numbers or categories"),
        (("age",), "takes two different columns, however: age"),
        (("age", "age"), "takes two different columns, however: age age"),
        (("age", "height", "colour"), "takes two different columns"),
    ],
)
def test_wrong_columns_are_refused(features: tuple[str, ...], told: str) -> None:
    with pytest.raises(TailtuneError) as refused:
        feature_regions(subject(), features)
    assert told in str(refused.value)


def test_axes_leave_out_extremes_and_rare_levels() -> None:
    table = pl.DataFrame(
        {
            "n": [*range(101), None],
            "same": [4] * 102,
            "level": [f"level {i % 50}" if i < 60 else f"often {i % 5}" for i in range(102)],
        }
    )
    kinds = {"n": "numeric", "same": "numeric", "level": "categorical"}
    columns = {name: cast(Any, SimpleNamespace(name=name, kind=kind, form="")) for name, kind in kinds.items()}
    read = as_read(table, list(columns.values()))
    axes = {name: axis_of(column, read) for name, column in columns.items()}
    assert (axes["n"].places[0], axes["n"].places[-1]) == (1.0, 99.0)
    assert (axes["n"].place(50), axes["n"].place(100), axes["n"].place(None)) == (50.0, None, None)
    assert (axes["same"].places[0], axes["same"].places[-1]) == (3.5, 4.5)
    assert len(axes["level"].labels) == 12
    assert {f"often {i}" for i in range(5)} <= {*axes["level"].labels}
    assert axes["level"].place("nothing") is None
    assert axes["level"].places == tuple(map(float, range(12)))


def test_typical_values_are_medians_and_most_frequent_levels() -> None:
    assert typical_value(pl.Series([1.0, 2.0, 10.0, None])) == 2
    assert typical_value(pl.Series([1, 2])) == 1.5
    assert typical_value(pl.Series(["b", "a", "b", None, None, None])) == "b"
    assert typical_value(pl.Series(["b", "a"])) == "a"
    assert typical_value(pl.Series([True, False, True])) is True
    assert typical_value(pl.Series([None, None], dtype=pl.String)) is None
