"""Regions on planes through pictures: which rows are drawn, and areas of a linear network in closed form."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tailtune.analysis.analysis import Regions
from tailtune.analysis.picture_regions import SHOWN, SIDE, TRIPLETS, answers_on, picture_regions, triplets
from tailtune.analysis.planes import plane
from tailtune.analysis.subject import Subject
from tailtune.data.dataset import Part
from tailtune.errors import TailtuneError
from tailtune.profile import ClassProfile


class Nearest(nn.Module):
    """Answers with the class whose picture is nearest; `head` moves the answers of a class farther or nearer."""

    def __init__(self, pictures: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.pictures, self.bias = pictures.float().flatten(1), bias
        self.head = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return -torch.cdist(x.flatten(1), self.pictures) + self.bias


def subject(bias: float = 0.0, side: int = 6, name: str = "run", copies: int = 4) -> Subject:
    """Four classes of one picture each, of which the last is rare."""
    counts = (copies, copies, copies, 1)
    pictures = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 1, side, side)).astype(np.uint8))
    targets = torch.repeat_interleave(torch.arange(4), torch.tensor(counts))
    part = Part((pictures[targets],), targets, np.arange(len(targets)).astype(str))
    run = SimpleNamespace(folder=Path(name))
    network = Nearest(pictures.double() / 255, torch.tensor([0.0, 0.0, 0.0, bias]))
    preprocessor = SimpleNamespace(kind="image", shape=lambda: {"channels": 1, "height": side, "width": side})
    profile = ClassProfile(counts, ("a", "b", "c", "rare"))
    return Subject(cast(Any, run), cast(Any, network), cast(Any, preprocessor), profile, {"train": part}, None)


def test_triplets_have_a_row_of_a_rare_class_and_two_of_different_others() -> None:
    targets = np.repeat(np.arange(5), [50, 30, 20, 3, 1])
    found = triplets(targets, [3, 4], 40, seed=0)
    assert [classes[0] for _, classes in found] == [3, 4] * 20
    for rows, classes in found:
        assert targets[list(rows)].tolist() == list(classes)
        assert len({*classes}) == 3
        assert not {*classes[1:]} & {3, 4}
    assert found == triplets(targets, [3, 4], 40, seed=0) != triplets(targets, [3, 4], 40, seed=1)


def test_of_two_classes_two_rows_are_of_the_frequent_one() -> None:
    targets = np.array([0] * 9 + [1])
    for rows, classes in triplets(targets, [1], 20, seed=0):
        assert classes == (1, 0)
        assert targets[list(rows)].tolist() == [1, 0, 0]
        assert len({*rows}) == 3
    for wrong in (np.zeros(5, dtype=np.int64), np.array([1, 1, 0])):
        with pytest.raises(TailtuneError, match="a rare class and two of other classes; there are none"):
            triplets(wrong, [1], 1, seed=0)


def test_answers_on_a_plane_are_those_of_the_nearest_corner() -> None:
    of = subject()
    pixels = of.network.pictures.double().numpy()  # type: ignore[operator, union-attr]
    lying = plane(pixels[3], pixels[0], pixels[1])
    found = answers_on(of, lying, 30)
    across, up = lying.grid(30)
    places = np.stack(np.meshgrid(across, up), axis=-1)
    distances = ((places[:, :, None] - lying.corners) ** 2).sum(-1)
    two = np.sort(distances, -1)
    clear = two[..., 1] - two[..., 0] > 1e-4
    expected = np.array([3, 0, 1])[distances.argmin(-1)]
    other = found == 2  # the picture that is not on the plane may be nearer
    assert (found == expected)[clear & ~other].all()
    assert other.mean() < 0.3


def test_areas_follow_the_network_and_the_same_network_agrees_with_itself() -> None:
    even, never = subject(), subject(bias=-1e6, name="never")
    found = picture_regions(even, never)
    areas, other = found.data["areas"], found.data["beside"]["areas"]
    assert areas["planes"] == TRIPLETS
    assert other["rare"] == {"mean": 0.0, "standard_error": 0.0}
    assert 0.2 < areas["rare"]["mean"] < 0.5
    for each in (areas, other):
        assert each["rare"]["mean"] + 2 * each["each_other"]["mean"] + each["elsewhere"]["mean"] == pytest.approx(1)
    assert found.data["beside"]["reproducibility"] == pytest.approx(1 - areas["rare"]["mean"], abs=1e-9)
    drawn = [figure for figure in found.figures if isinstance(figure, Regions)]
    assert [figure.title.split(", ")[1] for figure in drawn] == ["run", "never"] * SHOWN
    assert all(figure.names[0] == "rare" for figure in drawn)
    assert "the two answer alike on" in found.finding
    itself = picture_regions(even, even).data["beside"]
    assert (itself["reproducibility"], itself["overlap"]) == (1, 1)
    assert SIDE > 1


def test_runs_on_other_pictures_are_refused() -> None:
    with pytest.raises(TailtuneError, match="other takes other pictures or has other classes than run"):
        picture_regions(subject(), subject(side=7, name="other"))


def test_equal_pictures_span_no_plane() -> None:
    of = subject()
    part = of.parts["train"]
    same = Part((torch.zeros_like(part.tensors("the test")[0]),), part.targets, part.ids)
    with pytest.raises(TailtuneError, match="no three training rows span a plane"):
        picture_regions(Subject(of.run, of.network, of.preprocessor, of.profile, {"train": same}, None))
