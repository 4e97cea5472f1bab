"""The figures of what --track collapse logged."""

from __future__ import annotations

from tailtune.report.run_page.collapse_figures import followed


def test_only_what_was_followed_is_drawn() -> None:
    assert not followed([])
    assert not followed([{"epoch": 1, "val_loss": 1.0}])
    row = {"epoch": 1, "train_nc1": 0.4, "nc2": 0.5, "nc3": None, "train_ncc_minority": 0.5, "train_ncc_majority": 1.0}
    pairless = followed([row])
    assert [[mark.label for mark in figure.marks] for figure in pairless] == [
        ["rarest classes", "other classes"],
        ["rarest classes", "other classes"],
        ["NC1", "NC2"],
    ]
    assert all(figure.svg.startswith("<svg") for figure in pairless)
    assert "dashed" not in pairless[0].words
    row |= {"train_cdnv_minority": 0.0, "train_cdnv_majority": 0.2, "val_cdnv_majority": 0.3, "val_loss": 1.0}
    whole = followed([row, row | {"epoch": 2, "train_cdnv_minority": 0.1}])
    assert [len(figure.marks) for figure in whole] == [2, 2, 2, 2]
    assert "dashed ones validation rows" in whole[0].words
