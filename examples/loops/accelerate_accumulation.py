"""Accelerate, with batches of 32 rows in microbatches of 8: ``accelerate launch examples/loops/...``.

The closure yields the microbatches. Accelerate's own accumulation stays at 1: it would pass on every fourth step only.
"""

from itertools import islice

import torch
from accelerate import Accelerator
from rows import balanced_accuracy, network, rows
from torch.utils.data import DataLoader, TensorDataset

from tailtune import SAMA, ClassConditionalSmoothing, ClassProfile


def train(epochs: int = 8) -> torch.nn.Module:
    """Train with SAM-A, one perturbation a batch."""
    accelerator = Accelerator(cpu=True)
    x, y = rows()
    profile, model = ClassProfile.from_targets(y), network()
    criterion = ClassConditionalSmoothing(profile, smoothing=0.05)
    optimizer = SAMA(
        torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
        profile,
        model=model,
        accumulate="whole",
        backward=accelerator.backward,
    )
    loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True)
    wrapped, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for _ in range(epochs):
        batches = iter(loader)
        while microbatches := list(islice(batches, 4)):

            def closure(microbatches=microbatches):
                for inputs, targets in microbatches:
                    yield criterion(wrapped(inputs), targets), targets

            optimizer.step(closure)
    return model


if __name__ == "__main__":
    print(f"balanced accuracy {balanced_accuracy(train()):.3f}")
