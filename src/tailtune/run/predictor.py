"""`Predictor`: a trained model with its preprocessing and class names, in one file that holds no code."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from tailtune.data.amounts import Amounts
from tailtune.data.dataset import Kind, Preprocessor, is_tiny
from tailtune.decision.answers import Answer, LeastCost, answer_from_state
from tailtune.decision.costs import Costs
from tailtune.decision.decision import Decision, from_state
from tailtune.decision.recalibration import Recalibration, recalibration_from_state
from tailtune.errors import TailtuneError
from tailtune.files import check_format
from tailtune.named_settings import home
from tailtune.run.manifest import check_file
from tailtune.run.portfolio import Member, Portfolio

if TYPE_CHECKING:
    import torch

    from tailtune.bayes.posterior import Posterior
    from tailtune.data.sources import Sources
    from tailtune.models.classical.library import Classical
    from tailtune.models.network import Network

FILE = "model.safetensors"
FORMAT = 5  # of its settings; 1 named no format
_NETWORK, _PREPROCESSOR, _CLASSICAL, _DECISION = "network/", "preprocessor/", "classical", "decision/"
_RECALIBRATION, _ANSWER = "recalibration/", "answer/"
_MEMBERS, _SCALES, _PORTFOLIO = "posterior/members/", "posterior/scales/", "members/"


@dataclass(frozen=True)
class Predictor:
    """Everything that prediction needs.

    Attributes:
        kind: "table" or "image".
        names: class names [K].
        preprocessor: turns a user's rows into inputs.
        model_name: as in `tailtune list models`.
        precision: "32" or "bf16", that of training.
        model: the network (on the CPU, in evaluation mode), the classical model, or the portfolio of several.
        decision: what the method makes of the probabilities, or None.
        recalibration: what is made of the scores where the model is used, or None.
        answer: how answers are taken from probabilities; None for the likeliest class.
        posterior: the weights over which a network's predictions are averaged, or None.
        published: whether the network kept timm's published kernels although the images are small.
        flip_averaging: whether probabilities are the mean of those of an image and of its mirror image.
        labels: what the data call the classes [K], where they are shown by other names.
    """

    kind: Kind
    names: tuple[str, ...]
    preprocessor: Preprocessor
    model_name: str
    precision: str
    model: Network | Classical | Portfolio
    decision: Decision | None = None
    recalibration: Recalibration | None = None
    answer: Answer | None = None
    posterior: Posterior | None = None
    published: bool = False
    flip_averaging: bool = False
    labels: tuple[str, ...] | None = None

    @property
    def in_data(self) -> tuple[str, ...]:
        """What the data call the classes [K]."""
        return self.names if self.labels is None else self.labels

    def probabilities(self, inputs: Sources) -> NDArray[np.float64]:
        """Return class probabilities [N, K] of encoded rows, on the CPU; pictures in files are read batch by batch."""
        return self.in_use(self.scores(inputs))

    def in_use(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return class probabilities [N, K] of `scores` [N, K]: calibrated, in the balance of the classes in use."""
        plain = self.recalibration is None or self.recalibration.plain
        return scores if plain or self.recalibration is None else self.recalibration(scores)

    @property
    def costs(self) -> Costs | None:
        """What the answers cost, where they are those of the least expected cost."""
        return self.answer.costs if isinstance(self.answer, LeastCost) else None

    @property
    def amounts(self) -> tuple[str, ...]:
        """The columns of a table that answers depend on besides the probabilities, because costs do."""
        return () if self.costs is None else self.costs.columns

    def answers(self, probabilities: NDArray[np.float64], amounts: Amounts | None = None) -> NDArray[np.int64]:
        """Return the class [N] that is answered for rows of these probabilities [N, K].

        Raises:
            TailtuneError: costs depend on columns that are not among the `amounts` of the rows.
        """
        return np.asarray(probabilities.argmax(axis=1)) if self.answer is None else self.answer(probabilities, amounts)

    def scores(self, inputs: Sources) -> NDArray[np.float64]:
        """Return the class probabilities [N, K] of the trained method, before anything is made of them for use."""
        found = self._of_model(inputs)
        return found if self.decision is None else self.decision(found)

    def scores_by_fold(self, inputs: Sources) -> NDArray[np.float64] | None:
        """Return the scores [F, N, K] by the models of each fold, whose mean `scores` are; None without folds."""
        if not isinstance(self.model, Portfolio) or not self.model.folded:
            return None
        return self.model.by_fold(cast("tuple[torch.Tensor, ...]", inputs))

    def _of_model(self, inputs: Sources) -> NDArray[np.float64]:
        import torch

        from tailtune.training.augmentation import normalisation
        from tailtune.training.probabilities import probabilities_of

        if not isinstance(self.model, torch.nn.Module):
            return self.model.predict_proba(cast("tuple[torch.Tensor, ...]", inputs))
        cpu = torch.device("cpu")

        def autocast() -> torch.autocast:
            return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.precision == "bf16")

        model, normalise = self.model, normalisation(self.preprocessor)
        if self.precision == "32" and (self.kind == "table" or is_tiny(self.preprocessor)):  # where it costs nothing
            # float32 sums differ in the last digits with the number of rows; in float64 a row's answer does not depend
            # on the rows beside it, as far as anyone can see
            model = copy.deepcopy(model).double()
        if self.posterior is None:
            return probabilities_of(model, inputs, normalise, cpu, autocast, self.flip_averaging)
        total = np.zeros(1)
        for member in self.posterior.networks(model):
            total = total + probabilities_of(member, inputs, normalise, cpu, autocast, self.flip_averaging)
        return total / len(self.posterior)

    def state(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        """Return the settings and the tensors of everything but the preprocessor."""
        import torch

        from tailtune.models.heads import CosineHead

        tensors: dict[str, torch.Tensor] = {}
        head, members = "linear", []
        if isinstance(self.model, Portfolio):
            for i, member in enumerate(self.model.members):
                settings = []
                for j, predictor in enumerate(member.predictors):
                    meta, held = predictor.state()
                    settings.append(meta)
                    tensors |= {f"{_PORTFOLIO}{i}/{j}/{name}": value for name, value in held.items()}
                members.append({"name": member.name, "weight": member.weight, "predictors": settings})
        elif isinstance(self.model, torch.nn.Module):
            weights = self.model.state_dict()
            tensors |= {f"{_NETWORK}{name}": _plain(value) for name, value in weights.items()}
            head = "cosine" if isinstance(self.model.head, CosineHead) else "linear"
        else:
            tensors[_CLASSICAL] = torch.frombuffer(bytearray(self.model.to_bytes()), dtype=torch.uint8)
        parts: dict[str, dict[str, Any]] = {}
        for name, prefix, part in (
            ("decision", _DECISION, self.decision),
            ("recalibration", _RECALIBRATION, self.recalibration),
            ("answer", _ANSWER, self.answer),
        ):
            parts[name], arrays = ({}, {}) if part is None else part.state()
            tensors |= _tensors(prefix, arrays)
        drawn = {}
        if self.posterior is not None:
            for i, drawn_weights in enumerate(self.posterior.members):
                tensors |= {f"{_MEMBERS}{i}/{name}": _plain(value) for name, value in drawn_weights.items()}
            tensors |= {f"{_SCALES}{name}": _plain(value) for name, value in self.posterior.scales.items()}
            drawn = {"samples": self.posterior.samples, "seed": self.posterior.seed}
        return {
            "kind": self.kind,
            "names": list(self.names),
            "labels": None if self.labels is None else list(self.labels),
            "model": self.model_name,
            "head": head,
            "precision": self.precision,
            **parts,
            "posterior": drawn,
            "published": self.published,
            "flip_averaging": self.flip_averaging,
            "members": members,
        }, tensors

    @classmethod
    def from_state(
        cls, meta: dict[str, Any], tensors: dict[str, torch.Tensor], preprocessor: Preprocessor
    ) -> Predictor:
        """Return the predictor of what `state` gave, with its preprocessor."""
        model: Network | Classical | Portfolio
        if meta["members"]:
            model = Portfolio(
                tuple(
                    Member(
                        member["name"],
                        member["weight"],
                        tuple(
                            cls.from_state(settings, _under(tensors, f"{_PORTFOLIO}{i}/{j}/"), preprocessor)
                            for j, settings in enumerate(member["predictors"])
                        ),
                    )
                    for i, member in enumerate(meta["members"])
                )
            )
        elif _CLASSICAL in tensors:
            from tailtune.models.classical import LIBRARIES

            model = LIBRARIES[home(meta["model"])].from_bytes(tensors[_CLASSICAL].numpy().tobytes())
        else:
            from tailtune.models.build import build

            shape, k, published = preprocessor.shape(), len(meta["names"]), meta["published"]
            model = build(meta["model"], shape, k, meta["head"], published=published)
            model.load_state_dict(_under(tensors, _NETWORK))
            model.eval()
        return cls(
            kind=meta["kind"],
            names=tuple(meta["names"]),
            preprocessor=preprocessor,
            model_name=meta["model"],
            precision=meta["precision"],
            model=model,
            decision=from_state(meta["decision"], _arrays(tensors, _DECISION)) if meta["decision"] else None,
            recalibration=_recalibration(meta["recalibration"], tensors) if meta["recalibration"] else None,
            answer=answer_from_state(meta["answer"], _arrays(tensors, _ANSWER)) if meta["answer"] else None,
            posterior=_posterior(meta["posterior"], tensors) if meta["posterior"] else None,
            published=meta["published"],
            flip_averaging=meta["flip_averaging"],
            labels=tuple(meta["labels"]) if meta.get("labels") else None,
        )

    def save(self, folder: Path) -> None:
        """Write model.safetensors: weights, preprocessing arrays and, as JSON metadata, all settings."""
        from safetensors.torch import save

        from tailtune.files import write_whole

        meta, tensors = self.state()
        settings, arrays = self.preprocessor.state()
        tensors |= _tensors(_PREPROCESSOR, arrays)
        meta |= {"format": FORMAT, "preprocessor": settings}
        write_whole(folder / FILE, save(tensors, metadata={"tailtune": json.dumps(meta)}))

    @classmethod
    def load(cls, folder: Path) -> Predictor:
        """Read what `save` wrote into `folder`.

        Raises:
            TailtuneError: there is no model, or the file is damaged or not one of tailtune's.
        """
        from safetensors import SafetensorError, safe_open

        path = check_file(folder, FILE)
        if not path.is_file():
            raise TailtuneError(f"there is no model in {folder} ({FILE} is missing); name a finished run folder")
        try:
            with safe_open(path, framework="pt") as file:
                meta: dict[str, Any] = json.loads(file.metadata()["tailtune"])
                tensors: dict[str, torch.Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, TypeError, OSError) as error:
            raise TailtuneError(f"{path} is not a model of tailtune ({error})") from error
        check_format(path, meta.get("format", 1), FORMAT)
        return cls.from_state(meta, tensors, _preprocessor(meta, _under(tensors, _PREPROCESSOR)))


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    import torch

    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)  # safetensors refuses shared memory


def _tensors(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, torch.Tensor]:
    import torch

    return {f"{prefix}{name}": _plain(torch.as_tensor(array)) for name, array in arrays.items()}


def _arrays(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, NDArray[Any]]:
    return {name: tensor.numpy() for name, tensor in _under(tensors, prefix).items()}


def _recalibration(settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Recalibration:
    return recalibration_from_state(settings, _arrays(tensors, _RECALIBRATION))


def _posterior(drawn: dict[str, int], tensors: dict[str, torch.Tensor]) -> Posterior:
    from tailtune.bayes.posterior import Posterior

    members: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in _under(tensors, _MEMBERS).items():
        number, _, parameter = name.partition("/")
        members.setdefault(number, {})[parameter] = tensor
    listed = tuple(members[number] for number in sorted(members, key=int))
    return Posterior(listed, _under(tensors, _SCALES), drawn["samples"], drawn["seed"])


def _preprocessor(meta: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Preprocessor:
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    if meta["kind"] == "table":
        from tailtune.data.table_preprocessor import TablePreprocessor

        return TablePreprocessor.from_state(meta["preprocessor"], arrays)
    from tailtune.data.image_preprocessor import ImagePreprocessor

    return ImagePreprocessor.from_state(meta["preprocessor"], arrays)
