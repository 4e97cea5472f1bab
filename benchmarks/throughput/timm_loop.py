"""A loop as timm's train.py runs it on one device: its loader, optimiser, autocast to bf16 and channels last."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import nn

from tailtune.data.dataset import Dataset
from tailtune.models.network import count_parameters
from tailtune.settings import Run
from tailtune.training.device import choose_precision
from throughput.cases import SIDE, Case, Length, default_device
from throughput.measured import Clock, Measured, searching_algorithms
from throughput.pictures import Pictures, workers
from throughput.reference import LR, MOMENTUM, WEIGHT_DECAY


def timm_loop(dataset: Dataset, case: Case, length: Length) -> Measured:
    """Train so many steps; in bf16 where the device computes in it natively."""
    from timm.data import create_loader
    from timm.optim import create_optimizer_v2
    from torchvision import transforms

    device, preprocessor = default_device(), dataset.preprocessor
    clock = Clock(length, device)
    precision = choose_precision(Run(data="cifar10"), "image")
    model = case.network(dataset).to(device).to(memory_format=torch.channels_last)
    rows = Pictures(dataset.train, case, length, None)
    loader = create_loader(
        rows,
        (3, SIDE, SIDE),
        case.batch,
        is_training=True,
        color_jitter=0.0,
        mean=preprocessor.mean,
        std=preprocessor.std,
        num_workers=workers(),
        pin_memory=device.type == "cuda",
        device=device,
    )
    # The crop of the other loops in place of timm's resized one; its last transform makes what its collation wants.
    cropped = [transforms.RandomCrop(SIDE, padding=SIDE // 8), transforms.RandomHorizontalFlip()]
    rows.transform = transforms.Compose([*cropped, rows.transform.transforms[-1]])
    optimizer = create_optimizer_v2(model, "momentum", lr=LR, weight_decay=WEIGHT_DECAY, momentum=MOMENTUM)
    loss_fn = nn.CrossEntropyLoss().to(device)
    bf16 = precision == "bf16"
    model.train()
    with searching_algorithms():
        for number, (images, targets) in enumerate(loader, 1):
            images = images.contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext():
                loss = loss_fn(model(images), targets)
            loss.backward()
            optimizer.step()
            value = loss.item()
            optimizer.zero_grad()
            clock.step(number, value)
            if clock.over:
                break
    return clock.measured(count_parameters(model), precision)
