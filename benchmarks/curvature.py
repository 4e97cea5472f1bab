"""What the largest eigenvalues of a Hessian cost: Lanczos with restarts against power iteration with deflation.

    python benchmarks/curvature.py RUN [--images N] [--batch N] [-k K] [--reference-k K] [--device cuda] [--out FILE]

RUN is a finished run of a network of pictures; its Hessian is that of the mean loss on N of its training rows, drawn
at random.
The rival is PyHessian's algorithm as its paper has it (Yao, Gholami, Keutzer and Mahoney 2020): eigenvalue after
eigenvalue by power iteration, vectors found before taken out, 100 products each at most, ending where a value changes
by less than 1e-3 of itself. Both take the same products, so that their number compares on any machine. How far each
value is wrong is told by a run of Lanczos to 1e-6 from another start, with twice as many eigenvalues or --reference-k.
A product of ours is also timed beside one of curvlinops.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tailtune.analysis.loss_matrices import Batch, GaussNewton, Hessian, cross_entropy
from tailtune.analysis.spectrum import Floats, Product, largest_eigenvalues
from tailtune.analysis.subject import subject_of
from tailtune.models.network import count_parameters
from tailtune.run.environment import command, machine, versions
from tailtune.run.finished import Finished

TOLERANCE, ITERATIONS, ROUNDS = 1e-3, 100, 3


def counted(product: Product) -> tuple[Product, list[int]]:
    """A product, and a list that gets an entry each time it is taken."""
    taken: list[int] = []

    def once_more(vector: Floats) -> Floats:
        taken.append(1)
        return product(vector)

    return once_more, taken


def by_deflation(product: Product, size: int, k: int) -> Floats:
    """PyHessian's power iteration; each eigenvalue is the last v' H v of a vector of length 1."""
    random = np.random.default_rng(0)
    values: list[float] = []
    vectors: list[Floats] = []
    for _ in range(k):
        vector, value = random.standard_normal(size), None
        for _ in range(ITERATIONS):
            vector = vector - sum((vector @ found) * found for found in vectors)
            vector = vector / np.linalg.norm(vector)
            moved = product(vector)
            before, value = value, float(moved @ vector)
            if before is not None and abs(value - before) / (abs(before) + 1e-6) < TOLERANCE:
                break
            vector = moved
        values.append(float(value or 0.0))
        vectors.append(vector / np.linalg.norm(vector))
    return np.array(values)


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = run()
    return time.perf_counter() - began, found


def other_library(model: torch.nn.Module, batches: list[Batch], name: str) -> Product:
    """A product by curvlinops."""
    import curvlinops

    kind = getattr(curvlinops, name)
    rows = [(inputs[0], targets) for inputs, targets in batches]
    made = kind(model, torch.nn.CrossEntropyLoss(), list(model.parameters()), rows, check_deterministic=False)
    first = next(model.parameters())

    def product(vector: Floats) -> Floats:
        found = made @ torch.from_numpy(vector).to(first.device, first.dtype)
        return np.asarray(found.detach().double().cpu())

    return product


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--reference-k", type=int, help="eigenvalues of the run that tells errors (default: twice k)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    subject = subject_of(Finished(options.run), options.device)
    model, part = subject.network, subject.parts["train"]
    drawn = np.random.default_rng(0).permutation(len(part.targets))[: options.images]
    batches: list[Batch] = list(subject.batches_of(part.take(drawn), options.batch))
    hessian, gauss_newton = (kind(model, lambda: batches, cross_entropy) for kind in (Hessian, GaussNewton))
    vector = np.random.default_rng(0).standard_normal(hessian.size)

    more = options.reference_k or 2 * options.k
    exact = largest_eigenvalues(hessian.product, hessian.size, more, 1, 1e-6, by_magnitude=True)[: options.k]
    rows = {}
    for name, algorithm in (
        (
            "lanczos",
            lambda product: largest_eigenvalues(
                product, hessian.size, options.k, tolerance=TOLERANCE, by_magnitude=True
            ),
        ),
        ("deflation", lambda product: by_deflation(product, hessian.size, options.k)),
    ):
        product, taken = counted(hessian.product)
        seconds, values = timed(lambda algorithm=algorithm, product=product: algorithm(product))
        rows[name] = {
            "products": len(taken),
            "seconds": round(seconds, 2),
            "eigenvalues": values.tolist(),
            "largest_relative_error": float(np.max(np.abs(values - exact) / np.abs(exact))),
        }
        print(name, rows[name], flush=True)
    products = {
        "hessian": hessian.product,
        "hessian_curvlinops": other_library(model.eval(), batches, "HessianLinearOperator"),
        "gauss_newton": gauss_newton.product,
        "gauss_newton_curvlinops": other_library(model, batches, "GGNLinearOperator"),
    }
    times: dict[str, list[float]] = {name: [] for name in products}
    for _ in range(ROUNDS + 1):  # in turn, because the machine may slow down; the first round warms up
        for name, product in products.items():
            times[name].append(timed(lambda product=product: product(vector))[0])
    result = {
        "command": command(),
        "versions": {**versions(), "curvlinops-for-pytorch": version("curvlinops-for-pytorch")},
        "machine": asdict(machine()),
        "device": options.device,
        "run": {
            "source": subject.run.result.data.source,
            "label": subject.run.result.model.label,
            "split_hash": subject.run.result.data.split_hash,
        },
        "images": len(drawn),
        "parameters": count_parameters(model),
        "k": options.k,
        "eigenvalues": exact.tolist(),
        **rows,
        "products_fewer": rows["deflation"]["products"] / rows["lanczos"]["products"],
        "seconds_a_product": {
            name: {"median": statistics.median(own[1:]), "all": own[1:]} for name, own in times.items()
        },
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
