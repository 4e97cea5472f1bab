from __future__ import annotations

from tailtune.data.open import open_dataset
from tailtune.paper import fig17
from tailtune.paper.page import Row
from tailtune.settings import Reading


def made(rare_end: float, scale: str = "small") -> list[Row]:
    """Curves of ten epochs; the rarest classes are half fitted after 2 epochs at balance, and after 6 to 8 else."""
    rows = []
    for ratio in (0.01, 1.0):
        for seed in range(3):
            start = 5 + seed if ratio < 1 else 1
            end = rare_end + 1e-4 * seed if ratio < 1 else 1.0 - 1e-4 * seed
            rare = [0.1] * start + [0.6] * (9 - start) + [end]
            row = {"study": "cifar10", "scale": scale, "arm": "ERM", "ratio": ratio, "seed": seed}
            rows.append({**row, "curve": " ".join(["0.9"] * 10), "rare_curve": " ".join(map(str, rare))})
    return rows


def test_what_is_fitted_in_the_end_and_when() -> None:
    fits, late = fig17.claims(made(0.999))
    assert (fits.verdict, late.verdict) == ("held", "held")
    assert late.effect is not None
    assert late.effect.mean == 5.0  # 6, 7, 8 minus 2
    fits, _ = fig17.claims(made(0.5))
    assert fits.verdict == "failed"
    whole = [{**row, "rare_curve": f"{str(row['rare_curve']).rsplit(' ', 1)[0]} 1.0"} for row in made(1.0)]
    fits, _ = fig17.claims(whole)  # no seed can fit more, so that there is no spread to ask for
    assert (fits.verdict, fits.effect and round(fits.effect.mean, 9)) == ("held", 1.0)
    assert fig17.claims(whole[::3])[0].verdict == "cannot be told at this scale"  # one seed
    assert {claim.verdict for claim in fig17.claims(made(0.999, "smoke"))} == {"cannot be told at this scale"}
    assert fig17.first_epoch(made(0.9)[0], fig17.RARE) == 6
    assert fig17.first_epoch(made(0.9)[0], fig17.RARE, share=0.99) is None
    (table,) = fig17.tables(made(0.999))
    assert table.rows[0][-1] == "7.0 ± 0.6"
    assert set(fig17.figures(made(0.999))) == {"fig17-cifar10"}


def test_it_is_scored_on_the_rows_that_it_trains_on() -> None:
    made = open_dataset(Reading("tailtune.paper.training_rows:digits", ratio=0.1, selection="last"))
    assert made.test.ids.tolist() == made.train.ids.tolist()
    assert made.val is None
