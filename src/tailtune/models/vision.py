"""Image networks from timm, with the stem fitted to the size of the images."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from tailtune.errors import TailtuneError
from tailtune.models.heads import Head, make_head
from tailtune.models.hub import NoWeightsError, one_line, weights_file
from tailtune.models.network import Network

ORDINARY = 299  # pixels: no network asks for more
SMALL = 64  # pixels: up to here ImageNet stems, which reduce the resolution fourfold at once, throw too much away

# Transformer families (timm module names) that take a patch size, and the patches a side aimed at on small images: 16
# where later stages halve the grid three times, 8 where the grid stays.
GRIDS = {"swin_transformer": 16, "swin_transformer_v2": 16, "vision_transformer": 8, "deit": 8}
CONVNEXT_GRID = 16

# Where families with a convolutional stem keep its pooling.
POOLS = {"resnet": "maxpool", "densenet": "features.pool0", "resnetv2": "stem.pool", "inception_v3": "Pool1"}

# Families that need more pixels than `SMALL` as published: below so many a side they get the stem for small images.
LARGER = {"inception_v3": 75}


class VisionNetwork(Network):
    """A timm network without its classifier, and a head.

    Args:
        body: timm model built with ``num_classes=0``: images [N, C, H, W] -> pooled features [N, D].
        feature_dim: width D of these features.
        num_classes: number of classes K.
        head: "linear" or "cosine".
    """

    def __init__(self, body: nn.Module, feature_dim: int, num_classes: int, head: Head = "linear") -> None:
        super().__init__()
        self.body = body
        self.feature_dim = feature_dim
        self.head = make_head(head, feature_dim, num_classes)

    def features(self, *inputs: Tensor) -> Tensor:
        """Return the pooled features [N, D] of normalised images [N, C, H, W]."""
        (x,) = inputs
        features: Tensor = self.body(x)
        return features


def build_vision(
    name: str,
    channels: int,
    height: int,
    width: int,
    num_classes: int,
    head: Head = "linear",
    pretrained: bool = False,
    published: bool = False,
) -> VisionNetwork:
    """Build a timm network for images of one size.

    Images of more than 64 px a side get the network as published; transformers get the image size. At 64 px or less:

    - ResNet, ResNeXt, Wide ResNet, SE-ResNet, ResNetV2, DenseNet: the first 7x7 convolution becomes 3x3, its stride
      becomes 1 and the max-pool after it is dropped, as in the CIFAR variants of the literature (deep stems only lose
      stride and pool).
    - ConvNeXt, Swin, Swin v2, ViT, DeiT: smaller patches, such that about 16 (ViT, DeiT: 8) fit along a side.
    - VGG: the two 4096-wide layers, which expect a 7x7 map, are left out; the features are the pooled last map.
    - Inception v3: the first convolution gets stride 1 and the first max-pool is dropped, so that it takes images from
      21 px up; as published it takes 75 px or more, and up to there it has this stem.
    - All others with a convolutional stem (EfficientNet, MobileNet, RegNet, ...): the first convolution gets stride 1.
      Other families that begin with patches stay as published.

    Pretrained weights fit published kernels only, so with them (and with `published`) kernels and patches stay as they
    are, and only strides and pooling change. Some networks still need more pixels than the smallest images have (VGG:
    32 a side); a trial forward pass finds that out here, not in the first training step, and the error says how many.

    Args:
        name: architecture known to timm, optionally with a weight tag: "resnet50", "resnet50.a1_in1k".
        channels: channels C of the images; timm adapts pretrained RGB kernels to other numbers.
        height: pixels H.
        width: pixels W.
        num_classes: number of classes K.
        head: "linear" or "cosine".
        pretrained: start from timm's weights, which are downloaded once from the Hugging Face hub.
        published: keep the published kernels although no weights are fetched, for such as are loaded afterwards.

    Raises:
        TailtuneError: weights that do not exist or cannot be fetched, or images too small for the architecture.
    """
    import timm

    family = timm.models.model_entrypoint(name.split(".")[0]).__module__.rsplit(".", 1)[-1]
    small = max(height, width) <= SMALL or min(height, width) < LARGER.get(family, 0)
    options: dict[str, Any] = {}
    config = timm.get_pretrained_cfg(name.split(".")[0])
    if config is not None and config.fixed_input_size:
        options["img_size"] = (height, width)
    published = published or pretrained
    if small and family in GRIDS and not published:
        options["patch_size"] = _patch_size(min(height, width), GRIDS[family])
    body = _create(name, channels, pretrained, options)
    if small and family not in GRIDS:
        _fit_small_stem(body, family, min(height, width), keep_kernel=published)
    return VisionNetwork(body, _trial(name, body, (channels, height, width)), num_classes, head)


def _patch_size(side: int, grid: int) -> int:
    return int(2 ** max(0, math.floor(math.log2(side / grid))))


def _create(name: str, channels: int, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    import timm

    if pretrained:
        try:
            file = weights_file(name)
        except NoWeightsError as error:
            raise TailtuneError(
                f"the pretrained weights of {name!r} could not be had: {error}; connect, set HF_HOME to a folder that"
                f" holds them, fetch {error.address} elsewhere and give it by --weights FILE, or train without"
                " pretrained"
            ) from error
        if file is not None:
            options = {**options, "pretrained_cfg_overlay": {"file": str(file)}}
    try:
        body: nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=0, in_chans=channels, **options)
    except Exception as error:  # timm and the readers of files each have their own exceptions
        reason = one_line(error)
        if pretrained:
            raise TailtuneError(
                f"the pretrained weights of {name!r} could not be had ({reason}); take another network or tag of"
                " timm.list_pretrained(), delete a damaged file from the hub's cache, or train without pretrained"
            ) from error
        raise TailtuneError(f"timm cannot build {name!r} with {options or 'its defaults'} ({reason})") from error
    return body


def _fit_small_stem(body: Any, family: str, side: int, keep_kernel: bool) -> None:
    """Let the first convolution and what follows keep the resolution of a small image."""
    if family == "vgg":
        if not keep_kernel:
            body.pre_logits = nn.Identity()
        return
    first = body.pretrained_cfg.get("first_conv")
    modules = dict(body.named_modules())
    for path in (first,) if isinstance(first, str) else tuple(first or ()):
        conv = modules.get(path)
        if not isinstance(conv, nn.Conv2d):
            continue
        if conv.kernel_size != conv.stride:
            _set(body, path, _without_stride(conv, shrink=family in POOLS and not keep_kernel))
        elif family == "convnext" and not keep_kernel:  # its patch_size=2 would add a stride to the first stage
            _set(body, path, _smaller_patches(conv, _patch_size(side, CONVNEXT_GRID)))
    if POOLS.get(family) in modules:
        _set(body, POOLS[family], nn.Identity())


def _without_stride(conv: nn.Conv2d, shrink: bool) -> nn.Conv2d:
    if not shrink or conv.kernel_size[0] <= 3:
        conv.stride = (1, 1)
        return conv
    small = nn.Conv2d(conv.in_channels, conv.out_channels, 3, 1, padding=1, bias=conv.bias is not None)
    nn.init.kaiming_normal_(small.weight, mode="fan_out", nonlinearity="relu")
    return small


def _smaller_patches(conv: nn.Conv2d, patch: int) -> nn.Conv2d:
    small = nn.Conv2d(conv.in_channels, conv.out_channels, patch, patch, bias=conv.bias is not None)
    nn.init.trunc_normal_(small.weight, std=0.02)  # as the rest of ConvNeXt
    if small.bias is not None:
        nn.init.zeros_(small.bias)
    return small


def _set(body: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, child = path.rpartition(".")
    setattr(body.get_submodule(parent), child, module)


def _trial(name: str, body: nn.Module, shape: tuple[int, int, int]) -> int:
    # The width of the features, by a forward pass of a black image; in eval mode it leaves no trace in the network.
    training = body.training
    body.eval()
    try:
        with torch.no_grad():
            features = body(torch.zeros(1, *shape))
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        least = _least_side(body, shape[0], min(shape[1:]))
        needs = one_line(error) if least is None else f"it needs {least} px a side or more"
        raise TailtuneError(
            f"{name} cannot take images of {shape[1]}x{shape[2]} px ({needs}); resize them to more pixels"
            " (--image-size) or take another model, such as resnet32"
        ) from error
    body.train(training)
    if not isinstance(features, Tensor) or features.ndim != 2:
        raise TailtuneError(f"{name} does not end in one feature vector an image; take another model")
    return features.shape[1]


def _least_side(body: nn.Module, channels: int, side: int) -> int | None:
    # By bisection; None if there is none up to ordinary sizes, or it is so large that it meets another stem. On the
    # meta device nothing is computed, and `body` is of no use any more.
    def takes(larger: int) -> bool:
        try:
            body(torch.zeros(1, channels, larger, larger, device="meta"))
        except (RuntimeError, ValueError, AssertionError, IndexError):
            return False
        return True

    body.to("meta")
    low, high = side, SMALL if side <= SMALL else ORDINARY
    if not takes(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if takes(middle) else (middle, high)
    return high
