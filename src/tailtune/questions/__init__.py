"""Questions about a person's own data that a study answers in one sentence: `tailtune study ratio DATA` and the like.

A module a question, named as on the command line with _ for -. It has TITLE, ASKS, ``design(base) -> Study``,
``rows(base, folder, result) -> rows`` and ``answer(rows) -> Answer``, which is a function of the rows alone.
"""

from __future__ import annotations

NAMES = ("batch-size", "augmentation", "architecture", "ratio", "growth", "pretraining")
