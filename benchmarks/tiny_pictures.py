"""Whether shifts repay on pictures of 8 pixels, on rows kept aside from training.

    tailtune study benchmarks/tiny_pictures.py:digits --out tiny_pictures

Digits at a ratio of 0.01, trained as the default trains so few pictures, without augmentation and with shifts; the seed
draws the split, too. No test row is scored. The result file is the study's results.json.
"""

from __future__ import annotations

from tailtune.study import Arm, Study


def digits() -> Study:
    """Four seeds of split and training."""
    return Study(
        arms=(Arm("none", {"policy": "none"}), Arm("crop", {"policy": "crop"})),
        data=("tailtune.paper.held_out:digits",),
        ratios=(0.01,),
        seeds=4,
        vary="both",
        model="resnet8",
        method="class_conditional_smoothing",
        epochs=190,
        batch_size=16,
        weight_decay=5e-3,
        ema=0.98,
        selection="last",
        decision="prior",
        deploy_prior="uniform",
        threads=1,
    )
