from __future__ import annotations

import re

import pytest

from tailtune.paper.curves import Panel, panels

CURVE = {"a": {10.0: [0.1, 0.2], 1000.0: [0.3, 0.4], 5000.0: [0.5, 0.5]}}


@pytest.mark.parametrize(("number", "wider", "higher"), [(2, 2, 1), (3, 3, 1), (4, 2, 2)])
def test_four_panels_stand_in_two_rows(number: int, wider: int, higher: int) -> None:
    one, several = (
        [float(side) for side in re.findall(r"[\d.]+", re.search(r'viewBox="0 0 ([^"]+)"', svg)[1])]  # type: ignore[index]
        for svg in (panels([Panel(str(at), "x", "y", CURVE) for at in range(n)], "f", "t") for n in (1, number))
    )
    assert several[0] == pytest.approx(wider * one[0])
    assert several[1] == pytest.approx(one[1] + (higher - 1) * 270)


def test_large_places_are_written_out_and_crowded_ones_left_blank() -> None:
    places = {"a": {x: [0.5] for x in (10.0, 200.0, 210.0, 5000.0)}}
    svg = panels([Panel("t", "x", "y", places, log=10)], "f", "t")
    assert ">5,000<" in svg
    assert ">200<" in svg
    assert ">210<" not in svg


def test_many_places_have_their_powers_written_out() -> None:
    places = {"a": {20.0 * 2**k: [0.5] for k in range(11)}}
    svg = panels([Panel("t", "x", "y", places, log=10)], "f", "t")
    assert ">1,000<" in svg
    assert "mathdefault" not in svg
