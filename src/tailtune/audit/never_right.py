"""Rare rows that no model gets right which has not seen them."""

from __future__ import annotations

import numpy as np

from tailtune.audit.finding import SHOWN, Finding, Shown
from tailtune.audit.fold_scores import FoldScores
from tailtune.data.dataset import Part
from tailtune.profile import ClassProfile
from tailtune.words import counted, listed, quoted, short_percent


def never_right(scores: FoldScores, rows: Part, profile: ClassProfile) -> Finding | None:
    """Return the rows of the rarest classes that are wrong in every repeat; None without any.

    Answers are those of classes weighing alike, so that a rare row is not wrong for its rarity alone.
    """
    targets = rows.targets.numpy()[scores.rows]
    rare = np.isin(targets, profile.tail)
    wrong = np.flatnonzero((scores.answers != targets).all(axis=0) & rare)
    if not len(wrong):
        return None
    names = profile.names
    counts = np.bincount(targets[wrong], minlength=len(names))
    order = np.argsort(scores.probabilities[wrong, targets[wrong]], kind="stable")
    named = listed(quoted(names[k]) for k in profile.tail)
    return Finding(
        "never_right",
        "Rare rows that no fold gets right",
        f"{counted(len(wrong), 'row', 'rows')} of the rarest classes ({named}) "
        f"{'is' if len(wrong) == 1 else 'are'} wrong whenever {'it is' if len(wrong) == 1 else 'they are'} not trained "
        f"on: {short_percent(len(wrong) / int(rare.sum()))} of their {int(rare.sum()):,}, also with classes weighing "
        "alike. They are mislabelled, or unlike all others of their class: more rows like them would help most.",
        {names[k]: int(counts[k]) for k in np.argsort(-counts, kind="stable") if counts[k]},
        tuple(
            Shown(
                int(scores.rows[row]),
                str(rows.ids[scores.rows[row]]),
                names[targets[row]],
                f"taken for {names[np.bincount(scores.answers[:, row]).argmax()]}",
            )
            for row in wrong[order][:SHOWN]
        ),
    )
