"""A loop in the style of the public long-tail repositories: float32, loader workers, the loss read back every step."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader

from tailtune.data.dataset import Dataset
from tailtune.models.network import count_parameters
from throughput.cases import SIDE, Case, Length, default_device
from throughput.measured import Clock, Measured, searching_algorithms
from throughput.pictures import Pictures, workers

LR = 0.02  # what the usual linear warm-up to 0.1 over five epochs gives the first one
MOMENTUM, WEIGHT_DECAY = 0.9, 2e-4


def reference(dataset: Dataset, case: Case, length: Length) -> Measured:
    """Train so many steps."""
    from torchvision import transforms

    device, preprocessor = default_device(), dataset.preprocessor
    clock = Clock(length, device)
    model = case.network(dataset).to(device)
    transform = transforms.Compose(
        [
            transforms.RandomCrop(SIDE, padding=SIDE // 8),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(preprocessor.mean, preprocessor.std),
        ]
    )
    rows, gpu = Pictures(dataset.train, case, length, transform), device.type == "cuda"
    loader = DataLoader(rows, case.batch, shuffle=True, num_workers=workers(), pin_memory=gpu, drop_last=True)
    criterion = nn.CrossEntropyLoss().to(device)
    optimizer = torch.optim.SGD(model.parameters(), LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    model.train()
    with searching_algorithms():
        for number, (images, targets) in enumerate(loader, 1):
            if gpu:
                images, targets = images.cuda(non_blocking=True), targets.cuda(non_blocking=True)
            loss = criterion(model(images), targets)
            value = loss.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clock.step(number, value)
            if clock.over:
                break
    return clock.measured(count_parameters(model), "32")
