"""A script in timm's manner: its optimiser factory, schedule, gradient clipping and weight average."""

import torch
from rows import balanced_accuracy, network, rows
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import AverageMeter, ModelEmaV3, dispatch_clip_grad
from torch.utils.data import DataLoader, TensorDataset

from tailtune import SAMA, ClassConditionalSmoothing, ClassProfile


def train(epochs: int = 8) -> torch.nn.Module:
    """Train with SAM-A; return the averaged network."""
    x, y = rows()
    profile, model = ClassProfile.from_targets(y), network()
    criterion = ClassConditionalSmoothing(profile, smoothing=0.05)
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    optimizer = SAMA(
        create_optimizer_v2(model, opt="sgd", lr=0.1, momentum=0.9, weight_decay=1e-4),
        profile,
        model=model,
        before_step=lambda: dispatch_clip_grad(model.parameters(), value=5.0, mode="norm"),
    )
    steps = {"step_on_epochs": False, "updates_per_epoch": len(loader)}
    scheduler, _ = create_scheduler_v2(optimizer, sched="cosine", num_epochs=epochs, **steps)
    averaged, meter, step = ModelEmaV3(model, decay=0.9), AverageMeter(), 0
    for _ in range(epochs):
        for inputs, targets in loader:
            loss = optimizer.step(lambda x=inputs, y=targets: (criterion(model(x), y), y))
            averaged.update(model)
            meter.update(loss.item(), len(targets))
            scheduler.step_update(step := step + 1)
    return averaged.module


if __name__ == "__main__":
    print(f"balanced accuracy {balanced_accuracy(train()):.3f}")
