"""A training loop in timm's manner: its optimiser factory, mixup, model EMA, meter and update-wise scheduler."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tailtune import SAMA, ClassConditionalSmoothing

timm = pytest.importorskip("timm")

COUNTS = (96, 24, 8)


def train_one_epoch(
    epoch: int,
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: SAMA,
    criterion: nn.Module,
    mixup: object,
    scheduler: object,
    averaged: object,
) -> float:
    from timm.utils import AverageMeter

    model.train()
    meter = AverageMeter()
    for index, (images, targets) in enumerate(batches):
        images, targets = mixup(images.clone(), targets)  # type: ignore[operator]

        def closure(images: Tensor = images, targets: Tensor = targets) -> tuple[Tensor, Tensor]:
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(images)
            return criterion(logits, targets), targets

        loss = optimizer.step(closure)
        averaged.update(model)  # type: ignore[attr-defined]
        scheduler.step_update(epoch * 4 + index)  # type: ignore[attr-defined]
        meter.update(loss.item(), images.shape[0])
    return float(meter.avg)


def test_a_timm_style_loop_trains() -> None:
    from timm.data import Mixup
    from timm.optim import create_optimizer_v2
    from timm.scheduler import create_scheduler_v2
    from timm.utils import ModelEmaV3

    torch.manual_seed(0)
    np.random.seed(0)  # timm's mixup draws from it
    model = small_network()
    base = create_optimizer_v2(model, opt="adamw", lr=2e-2, weight_decay=0.05)
    assert len(base.param_groups) == 2  # timm decays no biases and norms
    optimizer = SAMA(
        base,
        counts=COUNTS,
        model=model,
        before_step=lambda: timm.utils.dispatch_clip_grad(model.parameters(), value=1.0, mode="norm"),
    )
    scheduler, _ = create_scheduler_v2(
        optimizer, sched="cosine", num_epochs=5, warmup_epochs=1, step_on_epochs=False, updates_per_epoch=4
    )
    criterion = ClassConditionalSmoothing(COUNTS, smoothing=0.1, reduction="none")
    mixup = Mixup(mixup_alpha=0.2, cutmix_alpha=1.0, label_smoothing=0.0, num_classes=3)
    averaged = ModelEmaV3(model, decay=0.9)
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(3, 3, 1, 1, generator=generator)
    targets = torch.repeat_interleave(torch.arange(3), torch.tensor(COUNTS))
    targets = targets[torch.randperm(len(targets), generator=generator)]
    images = means[targets] + 0.3 * torch.randn(len(targets), 3, 8, 8, generator=generator)
    batches = list(zip(images.split(32), targets.split(32), strict=True))
    mixup_off = Mixup(mixup_alpha=0.2, cutmix_alpha=1.0, prob=0.0, label_smoothing=0.0, num_classes=3)
    losses = [
        train_one_epoch(
            epoch, model, batches, optimizer, criterion, mixup if epoch % 2 else mixup_off, scheduler, averaged
        )
        for epoch in range(5)
    ]
    assert losses[-1] < 0.8 * losses[0], losses
    assert optimizer.param_groups[0]["lr"] == base.param_groups[0]["lr"] < 2e-2
    assert all(p.isfinite().all() for p in averaged.module.parameters())


def small_network() -> nn.Module:
    from timm.layers import BatchNormAct2d

    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2), BatchNormAct2d(16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3)
    )


def test_timms_batchnorm_is_held_on_the_second_pass() -> None:
    model = small_network()
    images, targets = torch.randn(8, 3, 8, 8), torch.randint(3, (8,))
    optimizer = SAMA(torch.optim.SGD(model.parameters(), lr=0.1), COUNTS, model=model)
    optimizer.step(lambda: (nn.functional.cross_entropy(model(images), targets, reduction="none"), targets))
    assert model[1].num_batches_tracked == 1
