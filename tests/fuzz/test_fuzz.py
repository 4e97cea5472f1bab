"""Whatever is given is read or refused in one line: a few inputs of each kind; `make fuzz` draws very many."""

from __future__ import annotations

import pytest
from fuzz.campaign import fuzz, kept_reader
from fuzz.inputs import KINDS

CASES = 25


@pytest.mark.parametrize("kind", KINDS)
def test_every_input_is_read_or_refused_in_one_line(kind: str) -> None:
    cases = 6 if kind == "run folder" else CASES
    with kept_reader():
        tally = fuzz(kind, cases, number=0)
    assert not tally.defects, next(iter(tally.defects.values()))
    assert tally.outcomes.total() == cases
