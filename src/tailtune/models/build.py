"""From a model's name and the shape of the data to a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tailtune.by_name import is_own, load_function, naming
from tailtune.errors import TailtuneError, nearest
from tailtune.models import tabular
from tailtune.models.cifar_resnet import DEPTHS, CifarResNet
from tailtune.models.heads import Head, make_head
from tailtune.models.listed import IMAGE_MODELS, TABLE_MODELS
from tailtune.models.network import Network
from tailtune.models.vision import SMALL, build_vision
from tailtune.models.weight_sources import SOURCES
from tailtune.models.wide_resnet import WideResNet, parse_name
from tailtune.named_settings import home

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["table", "image"]

CIFAR = {f"resnet{depth}": depth for depth in DEPTHS}
TINY = 20  # pixels: up to here the depth of ResNet-8 suffices
FEW_ROWS = 20_000
PRETRAINED = "mobilenetv4_conv_small"  # timm's default weights of it: see docs/pretraining.md for why


def names(kind: Kind) -> list[str]:
    """Return the model names to choose from for "table" or "image" data.

    For images any ``wrn-depth-factor`` and any timm name ("timm/..." to insist on timm) is understood besides.

    >>> names("table")  # doctest: +NORMALIZE_WHITESPACE
    ['portfolio', 'mlp-plr', 'mlp', 'mlp-periodic', 'mlp-piecewise', 'resnet-plr', 'resnet', 'ft-transformer',
    'transformer-plr', 'tabm', 'xgboost', 'lightgbm', 'catboost', 'histogram-boosting', 'extra-trees',
    'logistic-regression', 'linear-svc', 'tabicl']
    """
    return [*(TABLE_MODELS if kind == "table" else IMAGE_MODELS)]


def default_name(kind: Kind, shape: Mapping[str, Any], num_rows: int, weights: str | None = None) -> str:
    """Return the model that suits data of this shape where nobody asked for one.

    Tables get an MLP with periodic embeddings. Images get a residual network of moderate size, because on imbalanced
    data accuracy peaks at moderate size and falls beyond it ("Simplifying Neural Network Training Under Class
    Imbalance", section 3.1.2): ResNet-8 up to 20 px, up to 64 px ResNet-20, or ResNet-32 from 20,000 rows on, and
    ResNet-50 for larger images. Published weights decide by their name.

    >>> default_name("image", {"channels": 1, "height": 8, "width": 8}, 1000)
    'resnet8'
    """
    if kind == "table":
        return "mlp-plr"
    if weights is not None and names_its_model(weights):
        return "resnet50" if weights in SOURCES else weights.removeprefix("timm/").partition(".")[0]
    side = max(int(shape["height"]), int(shape["width"]))
    if side <= TINY:
        return "resnet8"
    if side <= SMALL:
        return "resnet20" if num_rows < FEW_ROWS else "resnet32"
    return "resnet50"


def names_its_model(weights: str | None) -> bool:
    """Whether the name of published weights says of which network they are; that of a file does not."""
    return weights is not None and (weights in SOURCES or weights.startswith("timm/"))


def default_for_own_pictures(num_rows: int, pretrained: bool) -> str:
    """Return the model for a person's own images of 64 px a side or more.

    With published weights it is `PRETRAINED`. From scratch it is a network of 2.3 million parameters, which is trained
    as quickly, or a ResNet-18 from 20,000 rows on.

    >>> default_for_own_pictures(1000, pretrained=True)
    'mobilenetv4_conv_small'
    """
    if pretrained:
        return PRETRAINED
    return "regnetx_002" if num_rows < FEW_ROWS else "resnet18"


def build(
    name: str,
    shape: Mapping[str, Any],
    num_classes: int,
    head: Head = "linear",
    pretrained: bool = False,
    scales: Tensor | None = None,
    published: bool = False,
    edges: Sequence[Tensor] | None = None,
) -> Network:
    """Build the network `name` for data of one shape.

    Weights are drawn from torch's global generator, so ``torch.manual_seed`` before the call fixes them (inside
    ``torch.random.fork_rng`` to leave the generator as it was).

    Args:
        name: one of `names`, "wrn-depth-factor", an architecture of timm, with or without "timm/" before it, or
            ``file.py:function`` or ``package.module:function``, a function ``(shape, num_classes) -> Network``.
        shape: ``{"numeric": Dn, "cardinalities": [...]}`` or ``{"channels": C, "height": H, "width": W}``.
        num_classes: number of classes K.
        head: "linear" or "cosine".
        pretrained: start from timm's weights (timm networks only).
        scales: frequencies of the periodic embeddings, see `tailtune.models.frequency_scales`.
        edges: of the bins of piecewise-linear embeddings, see `tailtune.models.tabular.edges_for`.
        published: keep timm's published kernels for small images too, for weights that are loaded afterwards.

    Raises:
        TailtuneError: a name that does not exist or belongs to the other kind of data, pretrained weights where there
            are none, or a shape that the network cannot take.
    """
    if is_own(name):
        return _own(name, shape, num_classes, head, pretrained)
    kind: Kind = "table" if "numeric" in shape else "image"
    _check(name, kind)
    if pretrained and (kind == "table" or name in CIFAR or parse_name(name)):
        raise TailtuneError(f"{name} has no pretrained weights; leave pretrained out, or take a timm model: resnet50")
    if kind == "table":
        return tabular.build_tabular(name, shape, num_classes, head, scales, edges)
    channels, height, width = int(shape["channels"]), int(shape["height"]), int(shape["width"])
    if name in CIFAR:
        return CifarResNet(CIFAR[name], channels, num_classes, head)
    wide = parse_name(name)
    if wide:
        return WideResNet(*wide, channels, num_classes, head)
    return build_vision(name.removeprefix("timm/"), channels, height, width, num_classes, head, pretrained, published)


def _own(name: str, shape: Mapping[str, Any], num_classes: int, head: Head, pretrained: bool) -> Network:
    """Build an architecture of a person's own.

    Raises:
        TailtuneError: pretrained weights, a function that there is not, that fails, or that returns no `Network`.
    """
    if pretrained:
        raise TailtuneError(f"{name} has no pretrained weights; leave pretrained out")
    function = load_function(name, "model")
    with naming(name, "model"):
        model = function(shape, num_classes)
    if not isinstance(model, Network):
        raise TailtuneError(f"{name} must return a tailtune.models.network.Network, however: {type(model).__name__}")
    if head != "linear":
        model.head = make_head(head, model.feature_dim, num_classes)
    return model


def _check(name: str, kind: Kind) -> None:
    name = home(name) if kind == "table" else name
    if kind == "table" and name in TABLE_MODELS and name not in tabular.NAMES:
        raise TailtuneError(f"{name} is no network; train it with tailtune fit --model {name}")
    if kind == "table" and name not in tabular.NAMES:
        if _is_image_model(name):
            raise TailtuneError(f"{name} is a model for images, and the data is a table; take one of {names('table')}")
        raise TailtuneError(f"no model for tables is called {name!r}.{nearest(name, names('table'))}")
    if kind == "image" and not _is_image_model(name):
        if name in names("table"):
            raise TailtuneError(f"{name} is a model for tables, and the data is images; take resnet20, for example")
        import timm

        known = [*names("image"), *timm.list_models()]
        raise TailtuneError(f"no model for images is called {name!r}.{nearest(name.removeprefix('timm/'), known)}")


def _is_image_model(name: str) -> bool:
    if name in CIFAR or parse_name(name):
        return True
    import timm

    return bool(timm.is_model(name.removeprefix("timm/")))
