"""SAMN: the classifier is trained anew with weight norms that do not rise with class size (Zhang et al. 2026)."""

from __future__ import annotations

from tailtune.methods.method import Context, Method, Stage
from tailtune.methods.search import Log, Space
from tailtune.profile import ClassProfile

SEARCH: Space = {"share": Log(0.02, 0.5), "head_lr": Log(0.005, 0.5)}


def samn(profile: ClassProfile, *, share: float = 0.1, head_lr: float = 0.05) -> Method:
    """Train plainly, then a `tailtune.models.monotone_head.MonotoneHead` alone, for `share` as many epochs.

    The second stage's learning rate is `head_lr` times that of the run. It draws rows as they come and its biases are
    free, so that probabilities belong to the class balance of the training rows.
    """

    def constrain(context: Context) -> None:
        from tailtune.models.monotone_head import MonotoneHead

        context.model.head = MonotoneHead(context.model.head, profile.counts)  # type: ignore[arg-type]

    second = Stage(
        prepare=constrain,
        finish=_fold,
        trainable=("head.",),
        lr_factors={"head.": head_lr},
        share=share,
    )
    return Method("samn", (Stage(head="linear"), second))


def _fold(context: Context) -> None:
    """Make the head a plain linear one again."""
    from tailtune.models.monotone_head import MonotoneHead

    head = context.model.head
    assert isinstance(head, MonotoneHead)  # the stage put it there
    context.model.head = head.folded()
