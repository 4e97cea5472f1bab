"""Checks on how to train: batch size, augmentation, model, optimiser, smoothing, resampling, baseline, length."""

from __future__ import annotations

import math
import re

from tailtune.advice.advice import Advice
from tailtune.advice.facts import Facts
from tailtune.profile import per_class

SMALL_BATCH = 64
SMALL_TABLE_BATCH = 128  # of the tuned table recipe
PEAK_PARAMETERS = 20_000_000
FEW_STEPS = 2000
SMOOTHING, RADIUS = 0.1, 0.05
MOST_SMOOTHING = 0.5  # above it, a rare class's target says less about the class than about chance


def batch_size(facts: Facts) -> Advice | None:
    """TT001: small batches under imbalance."""
    chosen, small = facts.batch_size, SMALL_TABLE_BATCH if facts.kind == "table" else SMALL_BATCH
    if not facts.network or not facts.imbalanced or (chosen is not None and chosen <= small):
        return None
    total = facts.profile.total
    rare = small * facts.profile.counts[facts.rarest] / total
    start = "" if chosen is None else f"This run takes {chosen:,} {facts.rows} a step. "
    return Advice(
        "TT001",
        "Batch size",
        "Batch size hardly matters on balanced data and matters much on imbalanced data, where small batches do best "
        "although most of them hold no sample of the rarest class (sections 3.1.2, A.1; the reference is 128).",
        f"{start}Start from --batch-size {small} and compare {small // 2}: {math.ceil(total / small):,} steps an "
        f"epoch for {total:,} {facts.rows}, with {rare:.2g} of {facts.name(facts.rarest)} in a batch on average.",
        "act" if facts.severe and chosen is not None and chosen > 2 * small else "consider",
    )


def augmentation(facts: Facts) -> Advice | None:
    """TT002: the policy matters more under imbalance."""
    if facts.kind != "image" or not facts.imbalanced:
        return None
    plain = "crop" if facts.flip is False else "flip+crop"
    tiny = (
        f" At {facts.side} px a strong policy can wipe out what makes the class: compare with --policy none too."
        if facts.side is not None and facts.side <= 16
        else ""
    )
    return Advice(
        "TT002",
        "Augmentation policy",
        "Augmentation helps rare classes most, and there the choice of policy matters most (section 3.1.2, figure 2). "
        "TrivialAugment is best on balanced data, AutoAugment under severe imbalance (A.2); yet the paper's own "
        "procedure is TrivialAugment with CutMix (4.1.1, B).",
        f"At ratio {facts.profile.ratio:.2g} compare --policy {plain} with {plain}+trivialaugment and "
        f"{plain}+autoaugment by validation tail accuracy, and add cutmix only to a long training.{tiny}",
        "consider",
    )


def model_size(facts: Facts) -> Advice | None:
    """TT003: large networks overfit rare classes."""
    if facts.kind != "image" or not facts.severe:
        return None
    if facts.parameters is not None and facts.parameters <= PEAK_PARAMETERS:
        return None
    finding = (
        "Accuracy on rare classes peaks near 20 million parameters and then falls, while on balanced data larger "
        "stays better; architectures that lead on balanced data need not lead here (section 3.1.2, figure 3). The "
        "paper's benchmarks nevertheless use WRN-28-10 with 36 million (section 4.1.1)."
    )
    if facts.parameters is None:
        return Advice(
            "TT003",
            "Model size",
            finding,
            f"At ratio {facts.profile.ratio:.2g} with {facts.profile.total:,} images, begin under 20 million "
            "parameters and let a larger network prove itself on validation tail accuracy.",
            "note",
        )
    return Advice(
        "TT003",
        "Model size",
        finding,
        f"{facts.model or 'The model'} has {facts.parameters / 1e6:.1f} million parameters, "
        f"{facts.parameters / PEAK_PARAMETERS:.1f} times the peak, for {facts.profile.total:,} images: compare it on "
        "validation tail accuracy with one under 20 million.",
        "consider",
    )


def smoothing(facts: Facts) -> Advice | None:
    """TT004: more label smoothing for rare classes."""
    if not facts.network or not facts.imbalanced or facts.method in ("class_conditional_smoothing", "tuned"):
        return None
    spread = per_class(SMOOTHING, facts.profile.counts)
    most = float(spread[facts.rarest])
    mean = SMOOTHING if most <= MOST_SMOOTHING else SMOOTHING * MOST_SMOOTHING / most
    spread = spread * mean / SMOOTHING
    return Advice(
        "TT004",
        "Class-conditional smoothing",
        "Label smoothing, more of it for rare classes, keeps the network from overfitting their few samples "
        "(sections 3.2, A.7; Equation 6 as printed does the opposite, see docs/ambiguities.md).",
        f'--method "class_conditional_smoothing(smoothing={mean:.2g})": {facts.name(facts.commonest)} gets '
        f"{spread[facts.commonest]:.2g} and {facts.name(facts.rarest)} {spread[facts.rarest]:.2g}, "
        f"{mean:.2g} on average over the {facts.rows}.",
        "consider",
    )


def asymmetric_sam(facts: Facts) -> Advice | None:
    """TT005: SAM-A."""
    if not facts.network or not facts.imbalanced or facts.method in ("sama", "tuned"):
        return None
    radii = per_class(RADIUS, facts.profile.counts)
    return Advice(
        "TT005",
        "SAM-A",
        "A larger ascent radius for rare classes moves the decision boundary away from their samples (sections 3.2, "
        "A.6). Alone it gains little: 85.4 against 84.9 % on CIFAR-10 and 47.1 against 47.7 % on CIFAR-100, both at "
        "ratio 0.01 (Table 1); combined with smoothing and self-supervision it does more.",
        f'--method "sama(rho={RADIUS:g})": radius {radii[facts.commonest]:.2g} for {facts.name(facts.commonest)} and '
        f"{radii[facts.rarest]:.2g} for {facts.name(facts.rarest)}, at two forward and backward passes a step; or "
        "--method tuned, which joins it with smoothing.",
        "consider",
    )


def pretraining(facts: Facts) -> Advice | None:
    """TT012: pre-trained weights help more under imbalance."""
    if facts.kind != "image" or not facts.imbalanced:
        return None
    return Advice(
        "TT012",
        "Pre-trained weights",
        "Starting from pre-trained weights beats random initialisation at every ratio, and by far more under severe "
        "imbalance (section 3.1.2, figure 4, A.4).",
        f"{facts.name(facts.rarest)} has {facts.profile.counts[facts.rarest]:,} training images to learn from: begin "
        "with weights trained on a large collection of similar images if you may use them, such as --weights "
        "timm/resnet50.a1_in1k; see docs/pretraining.md.",
        "consider" if facts.severe else "note",
    )


def resampling(facts: Facts) -> Advice | None:
    """TT013: leave the rows as they are for networks."""
    if not facts.network or not facts.imbalanced:
        return None
    times = facts.profile.total / (facts.profile.num_classes * facts.profile.counts[facts.rarest])
    trees = " XGBoost is the exception: there it is worth a try." if facts.kind == "table" else ""
    return Advice(
        "TT013",
        "No resampling or reweighting",
        "Resampling and reweighting score below plain training in Table 1 (82.1 and 81.8 against 84.9 % on CIFAR-10 at "
        "ratio 0.01); oversampling makes a network fit its rare samples but generalise no better, while XGBoost "
        "profits (On Representation Learning Under Class Imbalance, section 4.3).",
        f"Leave the {facts.rows} as they are: a balanced sampler would show each sample of "
        f"{facts.name(facts.rarest)} {times:.3g} times as often.{trees}",
        "note",
    )


def mirrored(facts: Facts) -> Advice | None:
    """TT015: flips where left and right matter."""
    if facts.kind != "image" or facts.flip is False:
        return None
    names = facts.profile.names
    sided = [k for k, name in enumerate(names) if re.search(r"(?i)(?<![a-z])(left|right)(?![a-z])", name)]
    single = all(len(name) == 1 and name.isalnum() for name in names)
    if sided:
        reason = f"The class name {facts.name(sided[0])} tells left from right"
    elif single:
        reason = f"All {len(names)} class names are single characters, as those of digits and letters are"
    elif facts.channels == 1 and facts.side is not None and facts.side <= 32:
        reason = f"Images of one channel and {facts.side} px are often digits or letters"
    else:
        return None
    return Advice(
        "TT015",
        "Horizontal flips",
        "The paper's policies contain horizontal flips (section 3.1.2, A.2) for photographs, whose mirror image keeps "
        "its class; a mirrored digit or letter does not.",
        f"{reason}: if a mirrored image can be another class, train with --no-flip.",
        "act" if sided else "consider",
    )


def trees(facts: Facts) -> Advice | None:
    """TT016: boosted trees beside every network on a table."""
    if facts.kind != "table" or not facts.network:
        return None
    return Advice(
        "TT016",
        "Trees as the baseline",
        "On three tables the tuned network is ahead of XGBoost by 0.1 to 0.7 points (section 4.2, Table 6), after a "
        "long search on each; the margin can turn on another table.",
        f"fit reports XGBoost on the same split of {facts.profile.total:,} training rows; where it is ahead, "
        "--model xgboost is the better model.",
        "note",
    )


def few_steps(facts: Facts) -> Advice | None:
    """TT017: small data makes short trainings."""
    if not facts.network:
        return None
    step = facts.batch_size or SMALL_BATCH
    an_epoch = math.ceil(facts.profile.total / step)
    if facts.epochs is None:
        if facts.profile.total >= 5000:
            return None
        planned = f"{facts.profile.total:,} {facts.rows} make {an_epoch:,} steps an epoch at batch size {step}"
    else:
        steps = an_epoch * facts.epochs
        if steps >= FEW_STEPS:
            return None
        planned = f"{facts.epochs} epochs of {an_epoch:,} steps are {steps:,} in all"
    return Advice(
        "TT017",
        "Few steps",
        "The paper trains for 300 epochs (section B), about 29,000 steps of 128 on long-tailed CIFAR-10; strong "
        "regularisation needs that length.",
        f"{planned}: take {math.ceil(FEW_STEPS / an_epoch):,} epochs or more for {FEW_STEPS:,} steps, or regularise "
        "less (no CutMix, a lighter policy, less smoothing).",
        "consider",
    )
