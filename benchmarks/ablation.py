"""What the parts of the tuned recipe do, SAM-A among them: all of it, without one part, and plain training, as studies.

    tailtune study benchmarks/ablation.py:digits --out ablation_digits
    tailtune study benchmarks/ablation.py:adult --data-root FOLDER --out ablation_adult

The split is the same for all; seeds change initialisation, order, augmentation and dropout. Choices of the recipe were
made on validation rows, not on these test figures. The result files are the studies' results.json.
"""

from __future__ import annotations

from tailtune.study import Arm, Study


def arms(batch_size: int) -> tuple[Arm, ...]:
    """The recipe, what is left without each part, and plain training; each with the routine of its method.

    Args:
        batch_size: of plain training on these data.
    """
    return (
        Arm("tuned", {"method": "tuned(rho=0.05)"}),
        Arm("without SAM-A", {"method": "tuned(rho=0.0)"}),
        Arm("SAM for SAM-A", {"method": "tuned(rho=0.05, kappa=0.0)"}),
        Arm("without smoothing", {"method": "tuned(rho=0.05, smoothing=0.0)"}),
        Arm("without either", {"method": "tuned(rho=0.0, smoothing=0.0)"}),
        Arm("without weight average", {"method": "tuned(rho=0.05)", "ema": 0.0}),
        Arm("plain batch size", {"method": "tuned(rho=0.05)", "batch_size": batch_size}),
        Arm("plain training (erm)", {"method": "erm"}),
    )


def digits() -> Study:
    """On digits at ratio 0.01, three seeds."""
    return Study(arms=arms(32), data=["digits"], ratios=[0.01], seeds=3, routine="own")


def adult() -> Study:
    """On Adult's official test rows, one seed."""
    return Study(arms=arms(256), data=["adult"], seeds=1, routine="own", selection="validation")
