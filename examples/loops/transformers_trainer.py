"""Hugging Face's Trainer with a loss for long tails; its step takes no closure, so the optimiser is a plain one."""

import tempfile

import torch
from rows import balanced_accuracy, network, rows
from transformers import Trainer, TrainingArguments

from tailtune import BalancedSoftmaxLoss, ClassProfile


class Classifier(torch.nn.Module):
    """The network, with the names of arguments and results that Trainer looks for."""

    def __init__(self) -> None:
        super().__init__()
        self.model = network()

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Return the logits; the loss is the Trainer's."""
        return {"logits": self.model(inputs)}


def train(epochs: int = 8) -> torch.nn.Module:
    """Train with balanced softmax; rows whose label is -100 are ignored, as elsewhere in Trainer."""
    x, y = rows()
    criterion = BalancedSoftmaxLoss(ClassProfile.from_targets(y), reduction="sum", ignore_index=-100)

    def loss(outputs, labels, num_items_in_batch=None):
        # of all microbatches of a step, where gradients are accumulated
        return criterion(outputs["logits"], labels) / (num_items_in_batch or (labels != -100).sum())

    classifier = Classifier()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=16,
            gradient_accumulation_steps=2,
            learning_rate=1e-2,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        data = [{"inputs": row, "labels": target} for row, target in zip(x, y, strict=True)]
        Trainer(classifier, arguments, train_dataset=data, compute_loss_func=loss).train()
    return classifier.model


if __name__ == "__main__":
    print(f"balanced accuracy {balanced_accuracy(train()):.3f}")
