from __future__ import annotations

import pytest

from tailtune.paper import recipe, recipe_routines
from tailtune.paper.adjusted import TAUS, strength
from tailtune.paper.page import SCALES, Asked, Row

BY_TAU = {0.0: 0.5, 0.5: 0.6, 1.0: 0.7, 1.5: 0.72, 2.0: 0.6}


def made(lead: float, seeds: int = 3, scale: str = "small") -> list[Row]:
    """Rows of policies of which the paper's is so much better than the others."""
    rows: list[Row] = []
    for epochs in (12, 24):
        for name, policy in recipe_routines.POLICIES.items():
            for seed in range(seeds):
                up = (lead if name == recipe_routines.BOTH else 0.0) + 0.001 * seed * (name == recipe_routines.NONE)
                row = {"study": "cifar10-policies", "scale": scale, "ratio": 0.01, "seed": seed, "epochs": epochs}
                row |= {"arm": f"epochs={epochs}, {name}", "policy": policy, "steps": 174 * epochs}
                row |= {strength(tau): value + up for tau, value in BY_TAU.items()}
                rows.append({**row, "loss": 0.9, "loss_tempered": 0.8, "temperature": 1.25})
    return rows


@pytest.mark.parametrize("scale", SCALES)
def test_no_test_row_is_scored_and_the_policies_come_first(scale: str) -> None:
    studies = recipe.design(scale, Asked("nowhere"))  # type: ignore[arg-type]
    assert all(data.startswith("tailtune.paper.held_out:") for one in studies.values() for data in one.study.data)
    stages = [name.partition("-")[2] for name in studies]
    assert stages == sorted(stages, key=list(recipe.STAGES).index)
    first = next(iter(studies.values())).study
    assert [arm.changes["epochs"] for arm in first.arms] == sorted(arm.changes["epochs"] for arm in first.arms)


def test_stages_share_the_trainings_that_they_have_in_common() -> None:
    studies = recipe.design("small", Asked("nowhere"))
    by_decay = {arm.name: arm.changes for arm in studies["cifar10-decays"].study.arms}
    assert {"weight_decay": 2e-4, "policy": recipe_routines.POLICIES[recipe_routines.TRIVIAL]} in by_decay.values()
    assert {one.study.epochs for name, one in studies.items() if name.startswith("cifar10-")} == {24}


def test_what_takes_hours_is_done_where_it_is_asked_for() -> None:
    listed = recipe.design("small", Asked("nowhere"))
    assert not {name.partition("-")[0] for name in listed} & recipe_routines.DEFAULT.keys()
    one = "cifar10_resnet20-smoothing"
    (planned,) = recipe.design("small", Asked("nowhere", data=(one,))).values()
    assert planned.study.model == "resnet20"
    assert planned.study.seeds == 2
    assert [arm.changes["method"] for arm in planned.study.arms] == ["erm", "class_conditional_smoothing"]


def test_verdicts_and_the_best_strength() -> None:
    claims = recipe.claims(made(0.02))
    assert [claim.verdict for claim in claims] == ["cannot be told at this scale"] * 3  # no spread, so no interval
    failed = recipe.claims(made(-0.02))
    assert {claim.verdict for claim in failed} == {"failed"}  # for it lies below one of them for sure
    assert (
        recipe.claims([row for row in made(0.02) if row["policy"] != recipe_routines.POLICIES[recipe_routines.BOTH]])
        == ()
    )
    (table,) = recipe.tables(made(0.0))
    assert "VALIDATION" in table.caption
    line = dict(zip(table.columns, table.rows[0], strict=True))
    assert (line["best"], line["steps"], line["tau 1"]) == ("1.5", "2088", "70.1 ± 0.1")
    assert len(TAUS) + 6 == len(table.columns)


def test_every_stage_draws_a_figure() -> None:
    rows = made(0.0)
    more = [
        {**rows[0], "study": "digits-decays", "weight_decay": 2e-4},
        {**rows[0], "study": "digits-batches", "batch_size": 64},
        {**rows[0], "study": "digits-radii", "method": "sama_smoothing(rho=0.1)"},
        {**rows[0], "study": "digits-passes", "method": "erm", "batch_size": 64},
        {**rows[0], "study": "digits-smoothing", "method": "class_conditional_smoothing(smoothing=0.02)"},
        {**rows[0], "study": "digits-sampling", "method": "square_root_sampling"},
        {**rows[0], "study": "digits-methods", "method": "sama"},
    ]
    found = recipe.figures([*rows, *more])
    assert len(found) == len(recipe.STAGES)
    assert f"sama: {2 * int(rows[0]['steps'])} " in found["recipe-digits-methods"]  # two passes a step
