"""Checks on how to train: what the recipe does with this data, what it costs, and what it should be set beside."""

from __future__ import annotations

import math
import re

from tailtune.advice.advice import Advice
from tailtune.advice.facts import Facts
from tailtune.named_settings import parse
from tailtune.training.recipe import FEWEST_STEPS, mirrors_pictures, strong_from
from tailtune.words import counted

STRONG = ("trivialaugment", "cutmix")  # what benchmarks/policy_steps_*.json measured beside flips and crops
SAMA = ("sama", "sama_smoothing")
RESAMPLING = ("oversample", "undersample", "balanced_sampling", "drs", "smote", "inverse_frequency")


def augmentation(facts: Facts) -> Advice | None:
    """TT002: strong augmentation asks for long training."""
    if facts.kind != "image" or not facts.imbalanced or not facts.network:
        return None
    routine = facts.routine or facts.recipe
    parts = routine.policy.split("+")
    strong = [part for part in parts if part in STRONG]
    mild = "+".join(part for part in parts if part not in STRONG) or "none"
    rows = facts.profile.total
    long = strong_from(rows)
    length = f"{routine.epochs:,} epochs of {routine.batch_size} images a step, {routine.steps(rows):,} steps"
    change: tuple[str, ...] = ()
    if facts.routine is None and strong:
        words = (
            f"The recipe trains for {length}, long enough for --policy {routine.policy}: leave it so, and with fewer "
            f"than {long:,} epochs take --policy {mild}."
        )
    elif facts.routine is None:
        words = f"The recipe trains for {length}, with --policy {mild}: add neither TrivialAugment nor CutMix."
    elif strong and routine.epochs < long:
        change = (f"--policy {mild}",)
        words = f"This run takes {length}, with {' and '.join(strong)}: take --policy {mild}, or {long:,} epochs."
    else:
        return None
    return Advice(
        "TT002",
        "Augmentation policy",
        "On long-tailed CIFAR-10, 15 epochs with TrivialAugment ended 10 points of balanced accuracy lower than with "
        "flips and crops, and with CutMix 6. On rows of CIFAR-10 kept aside TrivialAugment cost 11 points after 12 "
        "epochs and 2 after 69, on HAM10000 it gained 4 after 114; of 1,200 pictures it pays after 240 "
        "(docs/recipe.md).",
        words,
        "consider" if change else "note",
        change,
    )


def asymmetric_sam(facts: Facts) -> Advice | None:
    """TT005: what SAM-A costs."""
    asked = facts.home in SAMA or (facts.method is not None and bool(parse(facts.method)[1].get("rho")))
    if not facts.network or not facts.imbalanced or not asked:
        return None
    return Advice(
        "TT005",
        "What SAM-A costs",
        "On rows of CIFAR-10 at ratio 0.01 kept aside, ResNet-8 without SAM-A for twice as many epochs, which takes as "
        "long, has 78 % of accuracy with the prior off, and with it 72 %; on HAM10000 its log loss is lower, on digits "
        "of 8 pixels 1 point of accuracy is lost (docs/recipe.md).",
        "This run trains with SAM-A, two forward and backward passes a step: in the same time --method tuned, which "
        "does with one, trains for twice as many epochs.",
        "consider",
        ("--method tuned",),
    )


def resampling(facts: Facts) -> Advice | None:
    """TT013: leave the rows as they are for networks."""
    if not facts.network or not facts.imbalanced:
        return None
    times = facts.profile.total / (facts.profile.num_classes * facts.profile.counts[facts.rarest])
    chosen = facts.home in RESAMPLING
    if chosen:
        words = (
            f"{facts.home} was chosen: compare it with --method post_hoc_logit_adjustment, which leaves the "
            f"{facts.rows} as they are and corrects the finished probabilities."
        )
    else:
        words = (
            f"Nothing is to be changed: leave the {facts.rows} as they are. A balanced sampler would show each of "
            f"{facts.name(facts.rarest)} {times:.3g} times as often."
        )
    return Advice(
        "TT013",
        "No resampling",
        "Resampling loses on digits at ratio 0.01 (oversample -8.8 points of balanced accuracy [-15.5, -2.0], "
        "undersample -9.5 [-16.4, -2.6]) against plain training with its probabilities corrected; on Adult "
        "it buys the 4 points that the correction buys, and no better ranking (docs/results.md). On rows of HAM10000 "
        "kept aside drawing classes alike is 8 points behind after 48,000 steps; after 1,250 it is 10 ahead "
        "(docs/recipe.md).",
        words,
        "consider" if chosen else "note",
        ("--method post_hoc_logit_adjustment",) if chosen else (),
    )


def mirrored(facts: Facts) -> Advice | None:
    """TT015: flips where left and right matter."""
    policy = (facts.routine or facts.recipe).policy
    if facts.kind != "image" or facts.flip is False or not mirrors_pictures(policy):
        return None
    names = facts.profile.names
    sided = [k for k, name in enumerate(names) if re.search(r"(?i)(?<![a-z])(left|right)(?![a-z])", name)]
    if sided:
        reason = f"The class name {facts.name(sided[0])} tells left from right"
    elif all(len(name) == 1 and name.isalnum() for name in names):
        reason = f"All {len(names)} class names are single characters, as those of digits and letters are"
    else:
        return None
    return Advice(
        "TT015",
        "Horizontal flips",
        "A flip teaches that an image and its mirror image are one class, which holds for most photographs and not for "
        "digits, letters and what is named after a side.",
        f"{reason}, and the training mirrors ({policy}): if a mirrored image can be another class, train with "
        "--no-flip.",
        "act" if sided else "consider",
        ("--no-flip",),
    )


def trees(facts: Facts) -> Advice | None:
    """TT016: a portfolio in place of one network on a table, and one library of trees where time counts."""
    if facts.kind != "table" or not facts.network:
        return None
    return Advice(
        "TT016",
        "A portfolio, or trees alone",
        "On 30 tables the portfolio, in which the network is one of six models, has a lower log loss than XGBoost and "
        "LightGBM with their own settings on all and than CatBoost on 29, and takes half a minute where these take "
        "seconds (benchmarks/tables.jsonl).",
        f"fit reports XGBoost on the same split of {facts.profile.total:,} training rows: where it is not behind, take "
        "--model xgboost, which is trained sooner; one network alone is --model mlp-plr.",
        "note",
        ("--model xgboost",),
    )


def few_steps(facts: Facts) -> Advice | None:
    """TT017: too short a training, of a network that begins with nothing."""
    if not facts.network or facts.begun:
        return None
    routine, rows = facts.routine or facts.recipe, facts.profile.total
    steps = routine.steps(rows)
    if steps >= FEWEST_STEPS:
        return None
    an_epoch = max(1, rows // routine.batch_size)
    whose = "The recipe takes" if facts.routine is None else "This run takes"
    each = counted(an_epoch, "step", "steps")
    change = f"--epochs {math.ceil(FEWEST_STEPS / an_epoch)}"
    return Advice(
        "TT017",
        "Few steps",
        "On digits at ratio 0.01, 480 steps without augmentation reach 78.8 % balanced accuracy and 1,600 steps 82.9 % "
        "(benchmarks/policy_steps_digits.json); in few steps the weight average has nothing to average and the "
        "learning rate no time to settle.",
        f"{whose} {routine.epochs:,} epochs of {each} ({routine.batch_size} {facts.rows} each), "
        f"{steps:,} in all: {change} makes {FEWEST_STEPS}.",
        "consider",
        (change,),
    )
