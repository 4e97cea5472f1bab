"""Time of a training step: our loop, a bare PyTorch loop that does the same, and Lightning's Trainer with a DataLoader.

    python benchmarks/step_time.py [--data-root FOLDER] [--steps 300] [--rounds 7] [--out benchmarks/step_time.json]

MLP-PLR on adult (on made-up rows of the same shape without --data-root), ERM with weight average, warm-up and cosine,
loss accounting; then SAM and SAM-A against SGD in our loop. Rounds are interleaved and ratios are taken within a round,
because clocks and neighbours drift. One thread a process by default, which is fastest for layers this small.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tailtune.data.dataset import Dataset, Part
from tailtune.data.open import open_dataset
from tailtune.methods import erm, sam, sama
from tailtune.methods.method import Method
from tailtune.models.build import build
from tailtune.optim.schedules import warmup_cosine
from tailtune.run.environment import machine, versions
from tailtune.settings import Run
from tailtune.training.assignment import Ground, Trainee
from tailtune.training.device import make_fabric
from tailtune.training.loop import train
from tailtune.training.recipe import resolve
from tailtune.training.selection import Selection

DECAY = 0.999


def ours(dataset: Dataset, run: Run, model: nn.Module, method: Method) -> float:
    """Seconds a step of tailtune's loop."""
    fabric = make_fabric(run, "32")
    trainee = Trainee(model, method.stages[0], Selection(None, "accuracy", 0, choose=False))
    return train(trainee, Ground(dataset, run, fabric)).seconds_per_step


def bare(dataset: Dataset, run: Run, model: nn.Module) -> float:
    """Seconds a step of a loop with nothing around it, which does the same arithmetic."""
    numeric, categorical = dataset.train.inputs
    targets, batch = dataset.train.targets, run.batch_size
    decayed = [p for p in model.parameters() if p.ndim > 1]
    free = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": run.weight_decay}, {"params": free, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=run.lr, momentum=run.momentum, foreach=True)
    parameters = list(model.parameters())
    average = [p.detach().clone() for p in parameters]
    per_epoch = len(targets) // batch
    losses = torch.zeros(per_epoch)
    total, warmup = per_epoch, int(run.warmup * per_epoch)
    model.train()
    began = time.perf_counter()
    order = torch.randperm(len(targets))
    for step in range(per_epoch):
        for group in optimiser.param_groups:
            group["lr"] = run.lr * warmup_cosine(step, total, warmup)
        index = order[step * batch : (step + 1) * batch]
        loss = nn.functional.cross_entropy(model(numeric[index], categorical[index]), targets[index])
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 1 - DECAY)
        losses[step] = loss.detach()
    assert bool(torch.isfinite(losses).all())
    return (time.perf_counter() - began) / per_epoch


def trainer(dataset: Dataset, run: Run, model: nn.Module) -> float:
    """Seconds a step of Lightning's Trainer with a DataLoader, weight average and schedule as callbacks."""
    import lightning
    from lightning.pytorch.callbacks import Callback
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
    from torch.utils.data import DataLoader, TensorDataset

    numeric, categorical = dataset.train.inputs
    rows = TensorDataset(numeric, categorical, dataset.train.targets)
    loader = DataLoader(rows, batch_size=run.batch_size, shuffle=True, drop_last=True)
    steps = len(loader)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
            loss = nn.functional.cross_entropy(self.model(batch[0], batch[1]), batch[2])
            self.log("train_loss", loss, on_step=False, on_epoch=True)
            return loss

        def configure_optimizers(self):
            optimiser = torch.optim.SGD(self.parameters(), lr=run.lr, momentum=run.momentum, foreach=True)
            schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: warmup_cosine(s, steps, steps // 20))
            return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    class Average(Callback):
        def on_fit_start(self, trainer, module) -> None:
            self.averaged = AveragedModel(module.model, multi_avg_fn=get_ema_multi_avg_fn(DECAY))

        def on_train_batch_end(self, trainer, module, *_) -> None:
            self.averaged.update_parameters(module.model)

    class Clock(Callback):
        def on_train_epoch_start(self, *_) -> None:
            self.began = time.perf_counter()

        def on_train_epoch_end(self, *_) -> None:
            self.seconds = time.perf_counter() - self.began

    clock = Clock()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False, "barebones": False}
    lightning.Trainer(max_epochs=1, accelerator="cpu", devices=1, callbacks=[Average(), clock], **quiet).fit(
        Module(), loader
    )
    return clock.seconds / steps


def load(data_root: str | None) -> Dataset:
    """Adult, or made-up rows of its shape."""
    if data_root:
        return open_dataset(Run(data="adult", data_root=data_root, selection="last"))
    return made_up()


def made_up(rows: int = 32_561) -> Dataset:
    """Random rows of adult's shape."""

    class Shape:
        kind = "table"

        def shape(self) -> dict[str, object]:
            return {"numeric": 6, "cardinalities": [10, 17, 8, 16, 7, 6, 3, 43]}

        def state(self):
            return {}, {}

    rng = np.random.default_rng(0)
    numeric = torch.from_numpy(rng.standard_normal((rows, 6)).astype(np.float32))
    categorical = torch.from_numpy(np.stack([rng.integers(0, c, rows) for c in Shape().shape()["cardinalities"]], 1))
    targets = torch.from_numpy((rng.random(rows) < 0.24).astype(np.int64))
    ids = np.arange(rows).astype(str)
    part = Part((numeric, categorical), targets, ids)
    return Dataset("table", "made up", ("0", "1"), part, None, part.take(np.arange(10)), Shape(), "stratified", "")


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 64, 256])
    parser.add_argument("--no-trainer", action="store_true", help="leave out Lightning's Trainer")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    dataset = load(options.data_root)
    results = []
    for batch in options.batch_sizes:
        rows = min(batch * options.steps, len(dataset.train))
        part = replace(dataset, train=dataset.train.take(np.arange(rows)))
        profile = part.profile
        settings = {"optimizer": "sgd", "lr": 0.01, "weight_decay": 1e-5, "ema": DECAY, "accelerator": "cpu"}
        run = Run(data="adult", model="mlp-plr", epochs=1, batch_size=batch, selection="last", **settings)
        run = resolve(run, erm(profile), part)
        torch.manual_seed(0)
        model = build("mlp-plr", part.preprocessor.shape(), 2)
        timers: dict[str, Callable[[], float]] = {
            "bare": lambda m=model, p=part, r=run: bare(p, r, copy.deepcopy(m)),
            "ours": lambda m=model, p=part, r=run, f=profile: ours(p, r, copy.deepcopy(m), erm(f)),
            "ours, SAM": lambda m=model, p=part, r=run, f=profile: ours(p, r, copy.deepcopy(m), sam(f)),
            "ours, SAM-A": lambda m=model, p=part, r=run, f=profile: ours(p, r, copy.deepcopy(m), sama(f)),
        }
        if not options.no_trainer:
            timers["trainer"] = lambda m=model, p=part, r=run: trainer(p, r, copy.deepcopy(m))
        seconds: dict[str, list[float]] = {name: [] for name in timers}
        for _ in range(options.rounds + 1):
            for name, timer in timers.items():
                seconds[name].append(timer())
        times = {name: values[1:] for name, values in seconds.items()}  # the first round warms up
        row = {"batch_size": batch, "milliseconds": {n: 1000 * statistics.median(v) for n, v in times.items()}}
        pairs = [("ours", "bare"), ("ours, SAM", "ours"), ("ours, SAM-A", "ours"), ("trainer", "bare")]
        row["ratios"] = {
            f"{a} / {b}": statistics.median(x / y for x, y in zip(times[a], times[b], strict=True))
            for a, b in pairs
            if a in times
        }
        results.append(row)
        print(json.dumps(row), flush=True)
    content = {
        "command": f"python benchmarks/step_time.py --steps {options.steps} --rounds {options.rounds}"
        f" --threads {options.threads}" + (" --data-root FOLDER" if options.data_root else ""),
        "data": dataset.source,
        "split_hash": dataset.split_hash,
        "versions": versions(),
        "machine": asdict(machine()),
        "results": results,
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
