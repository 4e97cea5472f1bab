from __future__ import annotations

import numpy as np
import pytest

from tailtune.paper import ablation
from tailtune.paper.decisions import DECISIONS, decided
from tailtune.paper.page import Asked, Row

WORTH = {part: 0.01 * (1 + number) for number, part in enumerate(ablation.STEPS)}  # each more than the one before


def made(scale: str = "small", sign: int = 1) -> list[Row]:
    """Rows of trainings that never were, in which every part is worth what `WORTH` says, added and left out."""
    rng, accuracy, level = np.random.default_rng(0), {ablation.ERM: 0.3}, 0.3
    for part, worth in WORTH.items():
        level += sign * worth
        accuracy[f"+ {part}"] = level
    for part, worth in WORTH.items():
        base = ablation.WHOLE if part in ablation.MODIFIED else ablation.ROUTINE
        accuracy[ablation.without(part)] = accuracy[base] - sign * worth
    accuracy[ablation.AUTO] = accuracy[ablation.ROUTINE] + sign * 0.02
    rows: list[Row] = []
    for arm, mean in accuracy.items():
        for decision, up in zip(DECISIONS, (0.0, 0.1), strict=True):
            for seed in range(3):
                each = mean + up + rng.normal(0, 1e-4)
                row = {"study": "cifar10", "scale": scale, "ratio": 0.01, "seed": seed}
                rows.append({**row, "arm": decided(arm, decision), "recalls": " ".join([f"{each:.5f}"] * 5)})
    return rows


def test_what_each_part_is_worth_is_found_again() -> None:
    for found in (ablation.added(made()), ablation.missed(made())):
        for part, worth in WORTH.items():
            for words in DECISIONS.values():
                one = found[part][words]
                assert one is not None
                assert one.mean == pytest.approx(worth, abs=5e-4)


def test_verdicts_need_both_decisions() -> None:
    assert {claim.verdict for claim in ablation.claims(made())} == {"held"}
    assert {claim.verdict for claim in ablation.claims(made(sign=-1))} == {"failed"}
    assert {claim.verdict for claim in ablation.claims(made("smoke"))} == {"cannot be told at this scale"}


def test_arms_differ_in_the_part_alone() -> None:
    (planned,) = ablation.design("small", Asked("nowhere")).values()
    arms = {arm.name: arm.changes for arm in planned.study.arms}
    assert len(arms) == 2 * (1 + 2 * len(ablation.STEPS) + 2)
    for part, change in ablation.STEPS.items():
        base = ablation.WHOLE if part in ablation.MODIFIED else ablation.ROUTINE
        whole, less = (arms[decided(arm, "none")] for arm in (base, ablation.without(part)))
        assert len([name for name in whole if whole[name] != less[name]]) == len(change) == 1
    # what is shared is trained once
    last = list(ablation.BLOCKS)[-2]
    assert arms[decided(f"+ {last}", "none")] == arms[decided(ablation.without(list(ablation.BLOCKS)[-1]), "none")]


def test_the_figure_and_the_tables_name_every_part() -> None:
    rows = made()
    accuracy, worth = ablation.tables(rows)
    assert accuracy.rows[0][0] == ablation.ERM
    assert {line[0] for line in worth.rows} == {*ablation.STEPS, ablation.AUTO}
    assert worth.rows[0][2].startswith("+1.0")
    (svg,) = ablation.figures(rows).values()
    assert all(part in svg for part in ablation.STEPS)
