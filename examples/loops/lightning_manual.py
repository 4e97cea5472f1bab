"""Lightning's Trainer with manual optimisation."""

import lightning
import torch
from rows import balanced_accuracy, network, rows
from torch.utils.data import DataLoader, TensorDataset

from tailtune import SAMA, ClassConditionalSmoothing, ClassProfile


class LongTail(lightning.LightningModule):
    """The network, its loss and its optimiser."""

    def __init__(self, profile: ClassProfile) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.profile, self.model = profile, network()
        self.criterion = ClassConditionalSmoothing(profile, smoothing=0.05)

    def training_step(self, batch: list[torch.Tensor], index: int) -> None:
        """Take a step; Lightning hands the closure on."""
        inputs, targets = batch
        loss = self.optimizers().step(lambda: (self.criterion(self.model(inputs), targets), targets))
        self.log("loss", loss)

    def configure_optimizers(self) -> SAMA:
        """Wrap SGD; SAM-A calls Lightning's backward."""
        base = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)
        return SAMA(base, self.profile, model=self.model, backward=self.manual_backward)


def train(epochs: int = 8) -> torch.nn.Module:
    """Train with SAM-A."""
    x, y = rows()
    module = LongTail(ClassProfile.from_targets(y))
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = lightning.Trainer(max_epochs=epochs, accelerator="cpu", enable_model_summary=False, **quiet)
    trainer.fit(module, DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True))
    return module.model


if __name__ == "__main__":
    print(f"balanced accuracy {balanced_accuracy(train()):.3f}")
