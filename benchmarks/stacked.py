"""Several trainings of one network at a time: their weights stacked and multiplied at once, or one after the other.

    python benchmarks/stacked.py [--steps 20] [--rounds 5] [--models 5] [--out benchmarks/stacked.json]

mlp-plr on made-up rows of adult's shape (6 numeric and 8 categorical columns), each model with batches of its own:
forward, cross-entropy, backward, and a step of SGD with momentum over all tensors at once (foreach). "vmap" is
torch.func.stack_module_state with torch.vmap over the module; "by hand" is the same network written over stacked
weights with baddbmm. That both do what the single models do is asserted first, without dropout. Rounds are interleaved
and ratios are taken within a round, because clocks and neighbours drift; one thread.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from step_time import made_up
from torch import Tensor, nn

from tailtune.data.dataset import Dataset
from tailtune.models.build import build
from tailtune.models.tabular import CategoricalEmbeddings
from tailtune.run.environment import machine, versions

Batch = tuple[Tensor, Tensor, Tensor]  # numbers, codes and targets, of one model or, a dimension more, of all
SGD = {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-5, "foreach": True}


def batches(dataset: Dataset, models: int, size: int, steps: int) -> list[Batch]:
    """Batches of each step, with a dimension for the models."""
    generator = torch.Generator().manual_seed(1)
    numbers, codes = dataset.train.inputs
    found = []
    for _ in range(steps):
        rows = torch.randint(len(dataset.train), (models, size), generator=generator)
        found.append((numbers[rows], codes[rows], dataset.train.targets[rows]))
    return found


def one_by_one(models: Sequence[nn.Module], data: Sequence[Batch]) -> list[dict[str, Tensor]]:
    """Train the models one after the other."""
    for number, model in enumerate(models):
        optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], **SGD)
        for numbers, codes, targets in data:
            loss = nn.functional.cross_entropy(model(numbers[number], codes[number]), targets[number])
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
    return [dict(model.named_parameters()) for model in models]


def together(
    parameters: Mapping[str, Tensor],
    logits: Callable[[Mapping[str, Tensor], Tensor, Tensor], Tensor],
    data: Sequence[Batch],
) -> dict[str, Tensor]:
    """Train stacked weights [S, ...]; the losses of the models are added up, so that each gets its own gradient."""
    optimiser = torch.optim.SGD([p for p in parameters.values() if p.requires_grad], **SGD)
    for numbers, codes, targets in data:
        found = logits(parameters, numbers, codes)
        losses = nn.functional.cross_entropy(found.flatten(0, 1), targets.flatten(), reduction="sum")
        (losses / targets.shape[1]).backward()
        optimiser.step()
        optimiser.zero_grad()
    return dict(parameters)


def stacked(models: Sequence[nn.Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters and buffers of all models."""
    parameters, buffers = torch.func.stack_module_state(list(models))
    frozen = {name for name, p in models[0].named_parameters() if not p.requires_grad}
    return {name: p.detach().requires_grad_(name not in frozen) for name, p in parameters.items()}, buffers


def by_vmap(models: Sequence[nn.Module], data: Sequence[Batch]) -> dict[str, Tensor]:
    """Train with one call of the module for all."""
    parameters, buffers = stacked(models)
    module = copy.deepcopy(models[0]).to("meta")

    def of_one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], numbers: Tensor, codes: Tensor) -> Tensor:
        return torch.func.functional_call(module, (parameters, buffers), (numbers, codes))

    call = torch.vmap(of_one, randomness="different")
    return together(parameters, lambda own, numbers, codes: call(dict(own), buffers, numbers, codes), data)


def by_hand(models: Sequence[nn.Module], data: Sequence[Batch]) -> dict[str, Tensor]:
    """Train with the network written over stacked weights."""
    parameters, _ = stacked(models)
    embeddings = models[0].categorical
    assert isinstance(embeddings, CategoricalEmbeddings)
    layers = sorted({name.rpartition(".")[0] for name in parameters if name.startswith("trunk.")})
    dropout = next((module.p for module in models[0].modules() if isinstance(module, nn.Dropout)), 0.0)
    training = models[0].training

    def linear(own: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
        return torch.baddbmm(own[f"{name}.bias"].unsqueeze(1), x, own[f"{name}.weight"].transpose(1, 2))

    def logits(own: Mapping[str, Tensor], numbers: Tensor, codes: Tensor) -> Tensor:
        models_, rows, columns = numbers.shape
        waves = 2 * math.pi * own["numeric.periodic.weight"].unsqueeze(1) * numbers.unsqueeze(3)  # [S, N, Dn, F]
        waves = torch.cat([torch.cos(waves), torch.sin(waves)], dim=3).transpose(1, 2).flatten(0, 1)  # [S Dn, N, 2F]
        weight, bias = (own[f"numeric.linear.{part}"].flatten(0, 1) for part in ("weight", "bias"))
        embedded = torch.relu(torch.baddbmm(bias.unsqueeze(1), waves, weight))
        parts = [embedded.view(models_, columns, rows, -1).transpose(1, 2).flatten(2)]
        chosen = codes.index_select(2, embeddings.order) + embeddings.offsets
        for number, piece in enumerate(torch.split(chosen, embeddings.sizes, dim=2)):
            table = own[f"categorical.tables.{number}.weight"]  # [S, C, D]
            first = torch.arange(models_).view(-1, 1, 1) * table.shape[1]
            parts.append(nn.functional.embedding(piece + first, table.flatten(0, 1)).flatten(2))
        x = torch.cat(parts, dim=2)
        for layer in layers:
            x = nn.functional.dropout(torch.relu(linear(own, layer, x)), dropout, training)
        return linear(own, "head", x)

    return together(parameters, logits, data)


def check(dataset: Dataset, count: int) -> float:
    """The largest difference between weights that were trained together and one by one, in float64 without dropout.

    Raises:
        SystemExit: it is more than rounding.
    """
    models = [made(dataset, seed, dropout=0.0).double() for seed in range(count)]
    data = [(numbers.double(), codes, targets) for numbers, codes, targets in batches(dataset, count, 32, 5)]
    alone = one_by_one(copy.deepcopy(models), data)
    head = models[0].head.weight
    assert float((alone[0]["head.weight"] - head).detach().abs().max()) > 1e-3, "nothing was learnt"
    largest = 0.0
    for way in (by_vmap, by_hand):
        found = way(models, data)
        for number, weights in enumerate(alone):
            for name, value in weights.items():
                largest = max(largest, float((found[name][number] - value).detach().abs().max()))
    if largest > 1e-9:
        raise SystemExit(f"stacked weights are not those of single trainings: they differ by {largest:.3g}")
    return largest


def made(dataset: Dataset, seed: int, dropout: float = 0.2) -> nn.Module:
    """A network."""
    torch.manual_seed(seed)
    return build(f"mlp-plr(dropout={dropout})", dataset.preprocessor.shape(), 2).train()


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description="Several trainings at a time, or one after the other.")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 128, 256])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = made_up()
    difference = check(dataset, options.models)
    models = [made(dataset, seed) for seed in range(options.models)]
    results = []
    for size in options.batch_sizes:
        data = batches(dataset, options.models, size, options.steps)
        ways = {"one by one": one_by_one, "vmap": by_vmap, "by hand": by_hand}
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.rounds + 1):
            for name, way in ways.items():
                fresh = copy.deepcopy(models)
                began = time.process_time()
                way(fresh, data)
                seconds[name].append((time.process_time() - began) / options.steps)
        times = {name: values[1:] for name, values in seconds.items()}  # the first round warms up
        row = {"batch_size": size, "milliseconds": {n: 1000 * statistics.median(v) for n, v in times.items()}}
        for name in ("vmap", "by hand"):
            ratios = [a / b for a, b in zip(times["one by one"], times[name], strict=True)]
            row[f"one by one / {name}"] = {"median": statistics.median(ratios), "from": min(ratios), "to": max(ratios)}
        results.append(row)
        print(json.dumps(row), flush=True)
    content = {
        "command": f"python benchmarks/stacked.py --steps {options.steps} --rounds {options.rounds}"
        f" --models {options.models}",
        "what": f"a step of {options.models} models of mlp-plr, processor time of one thread",
        "largest_difference_of_weights_after_5_steps": difference,
        "versions": versions(),
        "machine": asdict(machine()),
        "results": results,
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
