"""The network of a finished run with its training and test rows, for analyses that look inside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailtune.errors import TailtuneError
from tailtune.profile import ClassProfile
from tailtune.run.finished import Finished

if TYPE_CHECKING:
    import torch

    from tailtune.augment.policies import Augment
    from tailtune.data.dataset import Part, Preprocessor
    from tailtune.models.network import Network


@dataclass(frozen=True)
class Subject:
    """What is looked into.

    Attributes:
        run: that it was made from.
        network: in evaluation mode.
        preprocessor: what makes inputs of rows as they were read.
        profile: of the rows that it was trained on.
        parts: "train", the rows that it was trained on (as they are, not augmented), and "test".
        normalise: what is done to pictures on their way in.
    """

    run: Finished
    network: Network
    preprocessor: Preprocessor
    profile: ClassProfile
    parts: Mapping[str, Part]
    normalise: Augment | None

    @property
    def device(self) -> torch.device:
        """Where the network is, and where its rows are taken to."""
        import torch

        first = next(self.network.parameters(), None)
        return torch.device("cpu") if first is None else first.device

    def batches(self, part: str) -> Iterator[tuple[tuple[torch.Tensor, ...], torch.Tensor]]:
        """Yield the inputs of the network and the class indices [B] of a part, batch by batch, in order."""
        from tailtune.training.probabilities import batch_of

        rows = self.parts[part]
        return self.batches_of(rows, batch_of(rows.inputs))

    def batches_of(self, rows: Part, size: int) -> Iterator[tuple[tuple[torch.Tensor, ...], torch.Tensor]]:
        """Yield the same of any rows of the data set, `size` at a time."""
        import torch

        from tailtune.training.inputs import evaluation_batches
        from tailtune.training.read_ahead import plain_words

        with plain_words():
            found = evaluation_batches(rows.inputs, self.normalise, self.device, size)
            yield from zip(found, torch.split(rows.targets.to(self.device), size), strict=True)


def subject_of(run: Finished, accelerator: str = "cpu") -> Subject:
    """Return the network of `run` on "cpu", "cuda" or "auto", and its rows, read again from where they were.

    Raises:
        TailtuneError: the run has no network, or one that was trained on its test rows; or the data cannot be read, or
            have changed; or there is no GPU and one is asked for.
    """
    from tailtune.models.network import Network
    from tailtune.training.augmentation import normalisation
    from tailtune.training.device import device_of

    device = device_of(accelerator)
    if run.result.deployed is not None or run.result.out_of_fold:
        option = "--folds" if run.result.out_of_fold else "--refit all"
        raise TailtuneError(
            f"the model in {run.folder} was trained on its test rows, too ({option}), so what it makes of new rows "
            f"cannot be seen; analyse a run without {option}"
        )
    predictor = run.predictor()
    network = predictor.model
    if not isinstance(network, Network):
        raise TailtuneError(
            f"{run.folder} holds {predictor.model_name}, which has no layers and so no features to analyse; name a run "
            "of a network, such as one of tailtune fit --model resnet20 or --model mlp"
        )
    dataset = run.dataset()
    train = dataset.train
    if run.run.selection == "refit" and dataset.val is not None:
        train = train.joined(dataset.val)
    return Subject(
        run,
        network.to(device),
        dataset.preprocessor,
        dataset.profile_of(train),
        {"train": train, "test": dataset.test},
        normalisation(dataset.preprocessor),
    )
