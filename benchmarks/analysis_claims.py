"""The claims of figures that look at single networks, from the result files of the analyses, for the ledger.

    python benchmarks/analysis_claims.py
    tailtune paper claims --out benchmarks/paper

Figure 18 of the paper and 9 of the precursor are judged on ten seeds of the problem in the plane, against all radii and
both noises (toy_boundary.json). Figure 19 and the precursor's 7 are readings of one network beside another
(shapes_cifar10.json, shapes_cifar10_sama.json), which have no interval over seeds, so that nothing can be told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from tailtune.files import write_whole
from tailtune.paper.ledger import Entry, plain
from tailtune.paper.page import Claim, Effect
from tailtune.paper.verdict import UNTOLD, judged, written
from tailtune.paper.writing import CLAIMS
from tailtune.study.paired import paired_t

HERE = Path(__file__).parent
RADII, FIGURE = ("0.05", "0.2"), "a figure"
Found = Mapping[str, Any]


def read(name: str) -> Found:
    """A result file."""
    found: Found = json.loads((HERE / f"{name}.json").read_text())
    return found


def around_points(toy: Found, optimiser: str, words: str) -> Claim:
    """Whether minority points lie further from the boundary than after plain training, at every radius and noise."""
    distances: dict[tuple[float, str], list[float]] = {}
    for run in toy["runs"]:
        distances.setdefault((run["noise"], run["arm"]), []).append(run["minority_distance"])
    found = {
        f"radius {radius}, noise {noise:g}": paired_t(
            distances[noise, f"{optimiser} {radius}"], distances[noise, "erm"]
        )
        for radius, noise in product(RADII, toy["what"]["noises"])
    }
    return judged(words, FIGURE, found, [], "distance to the boundary", 1.0)


def alone(words: str, what: str, mean: float, unit: str) -> Claim:
    """A difference of two single networks."""
    effect = Effect(mean, None, unit)
    return Claim(words, FIGURE, f"{what}: {written(effect)}, one network each", UNTOLD, effect)


def claims() -> list[Entry]:
    """All of them."""
    toy, even, sama = read("toy_boundary"), read("shapes_cifar10"), read("shapes_cifar10_sama")
    plainly = 100 * even["regions"]["areas"]["rare"]["mean"]
    evenly, asymmetric = (100 * of["regions"]["beside"]["areas"]["rare"]["mean"] for of in (even, sama))
    ours, theirs = (
        np.abs(of["eigenvalues"])
        for of in (even["curvature"]["groups"]["all training rows"]["hessian"], even["curvature"]["beside"])
    )
    slices = [np.array(of["slices"]["all training rows"]) for of in (even["landscape"], even["landscape"]["beside"])]
    rises = [float((each - each[len(each) // 2]).mean()) for each in slices]
    found = [
        ("fig18", around_points(toy, "sama", "SAM-A pulls decision boundaries away from minority samples")),
        (
            "precursor-fig9",
            around_points(
                toy, "sam", "flatness seeking regularization pulls decision boundaries away from minority samples"
            ),
        ),
        (
            "fig19",
            alone(
                "SAM-A makes decision regions take up similar volumes",
                "area of the rare row's class, SAM-A minus plain training",
                asymmetric - plainly,
                "points of a plane's area",
            ),
        ),
        (
            "fig19",
            alone(
                "standard training routines shrink wrap the decision boundaries around minority samples",
                "area of the rare row's class, trained on even classes minus on long-tailed ones",
                evenly - plainly,
                "points of a plane's area",
            ),
        ),
        (
            "precursor-fig7",
            alone(
                "imbalanced data leads to lower singular values",
                "how much lower the ten largest are, geometric mean",
                100 * (1 - float(np.exp(np.mean(np.log(ours / theirs))))),
                "per cent of the even training's",
            ),
        ),
        (
            "precursor-fig7",
            alone(
                "the loss increases slightly slower on imbalanced data",
                "how much less it rises on average from -1 to 1 filter-normalised steps",
                100 * (1 - rises[0] / rises[1]),
                "per cent of the even training's",
            ),
        ),
    ]
    return [Entry(subject, "small", claim) for subject, claim in found]


def main() -> None:
    """Write them where `tailtune paper claims` finds them."""
    folder = HERE / "paper" / "analyses"
    folder.mkdir(exist_ok=True)
    found = claims()
    write_whole(folder / CLAIMS, json.dumps(plain(found), indent=1).encode() + b"\n")
    for entry in found:
        print(f"{entry.subject}: {entry.claim.words}: {entry.claim.ours}: {entry.claim.verdict}")


if __name__ == "__main__":
    main()
