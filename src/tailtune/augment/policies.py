"""Augmentation policies by name, such as ``flip+crop+randaugment(n=2,m=9)``: from pixels to model inputs."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from tailtune.augment import (
    alternating,
    augmix,
    autoaugment,
    erasing,
    geometry,
    jitter,
    mixing,
    randaugment,
    resizing,
    trivialaugment,
)
from tailtune.augment.levels import check_dtype
from tailtune.by_name import is_own, load_function, naming
from tailtune.errors import TailtuneError, nearest

PARTS = {
    "flip": "mirror every second image left to right",
    "altflip": "mirror one half of the rows in even epochs, the other half in odd ones",
    "crop": "shift within zero padding of an eighth of the side",
    "resizedcrop": "cut out a box of random area and proportions and resize it to the whole",
    "jitter": "change brightness, contrast, saturation and hue in random order",
    "trivialaugment": "one of 14 operations at random strength (TrivialAugmentWide)",
    "autoaugment": "one of 25 learnt pairs of operations; policy=cifar10 or imagenet",
    "randaugment": "n of 14 operations in a row at magnitude m",
    "augmix": "mix with three chains of operations",
    "cutout": "empty a square of half the side",
    "erasing": "fill a random rectangle of every second image with noise",
    "cutmix": "paste a rectangle of another image and mix the labels",
    "mixup": "blend with another image and mix the labels",
}
_Draw = Callable[..., Any]
_ON_LEVELS: dict[str, tuple[_Draw, Callable[[Tensor, Any], Tensor]]] = {
    "resizedcrop": (resizing.boxes, resizing.resize),
    "jitter": (jitter.draw, jitter.apply),
    "trivialaugment": (trivialaugment.draw, trivialaugment.apply),
    "autoaugment": (autoaugment.draw, autoaugment.apply),
    "randaugment": (randaugment.draw, randaugment.apply),
    "augmix": (augmix.draw, augmix.apply),
}
_ON_INPUTS: dict[str, _Draw] = {"cutout": erasing.draw_cutout, "erasing": erasing.draw_erasing}
_DRAWS = {part: draw for part, (draw, _) in _ON_LEVELS.items()} | _ON_INPUTS
_MIXTURES: dict[tuple[str, ...], tuple[_Draw, Callable[..., tuple[Tensor, Tensor]]]] = {
    ("cutmix",): (mixing.draw_cutmix, mixing.paste),
    ("mixup",): (mixing.draw_mixup, mixing.blend),
    ("cutmix", "mixup"): (mixing.draw_mixup_or_cutmix, mixing.blend_or_paste),
}
Own = Callable[[Tensor, torch.Generator], Tensor]
_NOT_SETTINGS = ("pixels", "x", "generator")


@dataclass(frozen=True)
class Augment:
    """What happens to a batch of training images, on the device where its pixels are.

    Attributes:
        parts: names from `PARTS`; whatever their order, they apply in the order of `PARTS`, and with both CutMix and
            mixup each image gets one of the two.
        mean: of each channel of the training pixels, on the scale of 0 to 1.
        std: likewise.
        settings: of parts that do not have their defaults.
        own: functions of a person's own, ``(pixels, generator) -> pixels``, which come first, in their order.
    """

    parts: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    settings: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict, hash=False)
    own: tuple[tuple[str, Own], ...] = ()

    def __call__(
        self,
        pixels: Tensor,
        targets: Tensor,
        num_classes: int,
        generator: torch.Generator,
        rows: Tensor | None = None,
        epoch: int = 0,
    ) -> tuple[Tensor, Tensor]:
        """Augment and normalise a batch.

        Args:
            pixels: images [B, C, H, W], uint8 (0 to 255) or floats (0 to 1). Floats stay as exact as they are, except
                that the parts from ``resizedcrop`` to ``augmix`` pass them through levels of 255 (`to_levels`).
            targets: class indices [B] int64 or soft labels [B, K].
            num_classes: K.
            generator: source of all choices, on the device of `pixels`.
            rows: numbers of the training rows, int64 [B], which only the alternating flip needs.
            epoch: number of the epoch, from 0, likewise.

        Returns:
            float32 images [B, C, H, W]; the targets as they came, or float32 [B, K] when the policy mixes labels.

        Raises:
            TailtuneError: an alternating flip without `rows`, images of another dtype, or a function of a person's own
                that fails or returns something else than such images.
        """
        for name, change in self.own:
            pixels = _changed(name, change, pixels, generator)
        draw = self.draw
        if torch.compiler.is_compiling():  # a graph takes no generator; as a decorator, this would load the compiler
            draw = torch.compiler.disable(draw)  # type: ignore[no-untyped-call]
        return self.apply(pixels, targets, num_classes, draw(pixels, generator, rows, epoch))

    def draw(
        self, pixels: Tensor, generator: torch.Generator, rows: Tensor | None = None, epoch: int = 0
    ) -> dict[str, Any]:
        """Draw everything that is random about a batch, for `apply`; takes what calling the policy takes.

        Returns:
            Tensors on the device of `pixels`, by part.

        Raises:
            TailtuneError: an alternating flip without `rows`.
        """
        crop, flip = "crop" in self.parts, "flip" in self.parts
        drawn: dict[str, Any] = {}
        if crop or flip:
            drawn["shift"] = geometry.draw(pixels, generator, crop, flip)
        if "altflip" in self.parts:
            if rows is None:
                raise TailtuneError("altflip needs the numbers of the rows and of the epoch; pass rows= and epoch=")
            drawn["altflip"] = alternating.mirrored(rows, epoch)
        for part, draw in _DRAWS.items():
            if part in self.parts:
                drawn[part] = draw(pixels, generator, **self.settings.get(part, {}))
        if self.mixes:
            drawn["mix"] = _MIXTURES[self._mixing][0](pixels, generator)
        return drawn

    def apply(
        self, pixels: Tensor, targets: Tensor, num_classes: int, drawn: Mapping[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Do to a batch what was drawn for it: a function of tensors alone, for ``torch.compile(..., fullgraph=True)``.

        Args:
            pixels: images, as when the policy is called.
            targets: likewise.
            num_classes: likewise.
            drawn: what `draw` returned for images of this shape.

        Returns:
            Images and targets, as when the policy is called.

        Raises:
            TailtuneError: images that are neither uint8 nor floats.
        """
        if "shift" in drawn:
            pixels = geometry.apply(pixels, *drawn["shift"], crop="crop" in self.parts)
        if "altflip" in drawn:
            pixels = geometry.mirror(pixels, drawn["altflip"])
        for part, (_, change) in _ON_LEVELS.items():
            if part in drawn:
                pixels = change(pixels, drawn[part])
        erased = [part for part in _ON_INPUTS if part in drawn]
        early = bool(erased) or "mixup" in self.parts  # else levels, which are lighter to move, become inputs last
        if early:
            pixels = self.normalise(pixels)
        for part in erased:
            pixels = erasing.erase(pixels, *drawn[part])
        if self.mixes:
            if targets.ndim == 1:
                targets = (targets[:, None] == torch.arange(num_classes, device=targets.device)).to(torch.float32)
            pixels, targets = _MIXTURES[self._mixing][1](pixels, targets, *drawn["mix"])
        return pixels if early else self.normalise(pixels), targets

    @property
    def mixes(self) -> bool:
        """Whether labels come out soft."""
        return "cutmix" in self.parts or "mixup" in self.parts

    @property
    def without_mixing(self) -> Augment:
        """The same policy, but labels stay as they are."""
        return replace(self, parts=tuple(part for part in self.parts if part not in ("cutmix", "mixup")))

    @property
    def _mixing(self) -> tuple[str, ...]:
        return tuple(part for part in self.parts if part in ("cutmix", "mixup"))

    def normalise(self, pixels: Tensor) -> Tensor:
        """Return images, uint8 (0 to 255) or floats (0 to 1), less their mean over their spread: all for evaluation.

        Args:
            pixels: images [B, C, H, W].

        Returns:
            float32 images [B, C, H, W].

        Raises:
            TailtuneError: images of another dtype.
        """
        check_dtype(pixels)
        top = 255 if pixels.dtype == torch.uint8 else 1
        # A compiled graph holds these few numbers itself.
        factors = _scale_and_shift if torch.compiler.is_compiling() else _kept_scale_and_shift
        scale, shift = factors(self.mean, self.std, top, pixels.device)
        return pixels.to(torch.float32, copy=True).mul_(scale).add_(shift)


def build(policy: str, mean: Sequence[float], std: Sequence[float], flip: bool = True) -> Augment:
    """Read a policy: names of `PARTS` joined by ``+``, or ``none``.

    A part may have settings in parentheses: the keyword arguments of its function, such as ``randaugment(n=2,m=9)``,
    ``autoaugment(policy=imagenet)``, ``resizedcrop(smallest=0.25)`` or ``cutout(size=0.25)``.

    Args:
        policy: such as ``"flip+crop"``; a part may be ``file.py:function`` or ``package.module:function``, a function
            ``(pixels [B, C, H, W], generator) -> pixels`` of a person's own.
        mean: of each channel of the training pixels, on the scale of 0 to 1.
        std: likewise.
        flip: False leaves mirroring out whatever the policy says, for digits, letters and the like.

    Returns:
        The policy, ready to be called.

    Raises:
        TailtuneError: an unknown or repeated part, an unknown setting or an impossible value, ``none`` beside others,
            or both ways of mirroring.

    >>> build("crop+flip", [0.5], [0.25], flip=False).parts
    ('crop',)
    >>> build("randaugment(n=3)", [0.5], [0.25]).settings
    {'randaugment': {'n': 3}}
    """
    written = [part.strip() for part in policy.split("+")]
    own = tuple((part, load_function(part, "augmentation")) for part in written if is_own(part))
    read = [_read(part.lower(), policy) for part in written if not is_own(part)]
    names, settings = [name for name, _ in read], {name: values for name, values in read if values}
    if len(set(names)) + len(own) < len(written) or ("none" in names and len(written) > 1):
        raise TailtuneError(f"augmentation policy {policy!r} repeats a part or puts none beside others; name each once")
    if "flip" in names and "altflip" in names:
        raise TailtuneError(f"augmentation policy {policy!r} mirrors twice; take flip or altflip")
    parts = tuple(part for part in PARTS if part in names and (flip or part not in ("flip", "altflip")))
    augment = Augment(parts, tuple(float(m) for m in mean), tuple(float(s) for s in std), settings, own)
    if settings:  # so that a value which a part refuses is refused here and not in the first step
        _try(augment)
    return augment


def _changed(name: str, change: Own, pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Call a function of a person's own.

    Raises:
        TailtuneError: it fails, or returns something else than images like those that it was given.
    """
    with naming(name, "augmentation"):
        changed = change(pixels, generator)
    if not isinstance(changed, Tensor) or (changed.shape, changed.dtype) != (pixels.shape, pixels.dtype):
        raise TailtuneError(
            f"augmentation {name!r} must return images {tuple(pixels.shape)} of {pixels.dtype}, as it was given"
        )
    return changed


def _read(part: str, policy: str) -> tuple[str, dict[str, float | str]]:
    """Return the name of a part and the settings in its parentheses.

    Raises:
        TailtuneError: an unknown part or setting, or a value of the wrong type.
    """
    written = re.fullmatch(r"([^()]*?)\s*(?:\((.*)\))?", part.strip())
    name = written[1] if written else part.strip()
    if name not in PARTS and name != "none":
        raise TailtuneError(
            f"augmentation policy {policy!r} has the unknown part {name!r}; the parts are none, "
            f"{', '.join(PARTS)}, joined by +.{nearest(name, PARTS)}"
        )
    values: dict[str, Any] = {}
    defaults = settings_of(name)
    for setting in filter(None, (written[2] or "").split(",") if written else []):
        key, _, value = (text.strip() for text in setting.partition("="))
        if key not in defaults:
            known = f"its settings are {', '.join(defaults)}" if defaults else "it has no settings"
            raise TailtuneError(f"{name} in the policy {policy!r} has no setting {key!r}; {known}")
        kind = type(defaults[key])
        try:
            values[key] = kind(value)
            finite = kind is str or math.isfinite(values[key])
        except ValueError:
            finite = False
        if not finite:
            number = "a whole number" if kind is int else "a finite number"
            raise TailtuneError(f"{key} of {name} in the policy {policy!r} must be {number}, however: {value!r}")
    return name, values


def settings_of(part: str) -> dict[str, Any]:
    """Return the settings of a part with their defaults.

    >>> settings_of("randaugment")
    {'n': 2, 'm': 9}
    """
    function = _DRAWS.get(part)
    if function is None:
        return {}
    signature = inspect.signature(function)
    return {name: p.default for name, p in signature.parameters.items() if name not in _NOT_SETTINGS}


def _try(augment: Augment) -> None:
    row = torch.zeros(1, dtype=torch.int64)
    grey = replace(augment, mean=(0.5,), std=(0.5,))
    grey(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), row, 2, torch.Generator(), rows=row)


def _scale_and_shift(
    mean: tuple[float, ...], std: tuple[float, ...], top: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the two factors of normalisation, float32 [C, 1, 1] each, for images whose brightest value is `top`."""
    scale, shift = [1 / (top * s) for s in std], [-m / s for m, s in zip(mean, std, strict=True)]
    return (
        torch.tensor(scale, dtype=torch.float32, device=device)[:, None, None],
        torch.tensor(shift, dtype=torch.float32, device=device)[:, None, None],
    )


# On the device: copying them there at every step would make it wait.
_kept_scale_and_shift = functools.lru_cache(maxsize=32)(_scale_and_shift)
