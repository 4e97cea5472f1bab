"""The models that are listed by name: those of tables in words, and image networks with their size and origin.

`build` takes many more image networks.
"""

from __future__ import annotations

from typing import NamedTuple


class Listed(NamedTuple):
    """A network as it stands in the list.

    Attributes:
        parameters: for colour images of `SIDE` px and `CLASSES` classes.
        stem: what meets images of 64 px or less.
        source: authors and year.
    """

    parameters: int
    stem: str
    source: str


SIDE, CLASSES = 32, 10
_CIFAR = "3x3 convolution, as published"
_RESNET = "3x3 convolution of stride 1 for the 7x7, no max-pool"
_STRIDE = "first convolution of stride 1"
_HE = "He et al. 2016"
_WIDE = "Zagoruyko and Komodakis 2016"
_VGG = "no 4096-wide layers"

TABLE_MODELS = {
    "portfolio": "xgboost, lightgbm, catboost, extra-trees and mlp-plr, averaged by weights from held-out rows",
    "mlp-plr": "MLP with periodic embeddings of numbers; Gorishniy et al. 2022",
    "mlp": "MLP of two hidden layers; categories are embedded",
    "mlp-periodic": "the same with periodic embeddings without ReLU; Gorishniy et al. 2022",
    "mlp-piecewise": "the same with piecewise-linear embeddings of numbers; Gorishniy et al. 2022",
    "resnet-plr": "residual MLP with periodic embeddings of numbers; Gorishniy et al. 2022",
    "resnet": "residual MLP; Gorishniy et al. 2021",
    "ft-transformer": "transformer with a token a column; Gorishniy et al. 2021",
    "transformer-plr": "the same with periodic embeddings of numbers; Gorishniy et al. 2022",
    "tabm": "32 MLPs that share most of their weights; Gorishniy et al. 2025",
    "xgboost": "boosted trees; Chen and Guestrin 2016, with the tuned defaults of Holzmueller et al. 2024",
    "lightgbm": "boosted trees; Ke et al. 2017, with the tuned defaults of Holzmueller et al. 2024",
    "catboost": "boosted trees; Prokhorenkova et al. 2018, with the tuned defaults of Holzmueller et al. 2024",
    "histogram-boosting": "boosted trees of scikit-learn, with its settings",
    "extra-trees": "300 extremely randomised trees; Geurts et al. 2006",
    "logistic-regression": "on standardised numbers and one-hot categories",
    "linear-svc": "linear support vectors, calibrated by Platt's sigmoid",
    "tabicl": "transformer that reads the rows as context; Qu et al. 2025; needs pip install tabicl",
}

IMAGE_MODELS = {  # a test builds every one and counts
    "resnet8": Listed(75_290, _CIFAR, _HE),
    "resnet20": Listed(269_722, _CIFAR, _HE),
    "resnet32": Listed(464_154, _CIFAR, _HE),
    "resnet44": Listed(658_586, _CIFAR, _HE),
    "resnet56": Listed(853_018, _CIFAR, _HE),
    "resnet110": Listed(1_727_962, _CIFAR, _HE),
    "wrn-16-4": Listed(2_748_890, _CIFAR, _WIDE),
    "wrn-28-2": Listed(1_467_610, _CIFAR, _WIDE),
    "wrn-28-10": Listed(36_479_194, _CIFAR, _WIDE),
    "wrn-40-2": Listed(2_243_546, _CIFAR, _WIDE),
    "wrn-40-4": Listed(8_949_210, _CIFAR, _WIDE),
    "resnet18": Listed(11_173_962, _RESNET, _HE),
    "resnet34": Listed(21_282_122, _RESNET, _HE),
    "resnet50": Listed(23_520_842, _RESNET, _HE),
    "resnet101": Listed(42_512_970, _RESNET, _HE),
    "resnet152": Listed(58_156_618, _RESNET, _HE),
    "resnext50_32x4d": Listed(22_992_714, _RESNET, "Xie et al. 2017"),
    "densenet121": Listed(6_956_426, _RESNET, "Huang et al. 2017"),
    "densenet169": Listed(12_493_450, _RESNET, "Huang et al. 2017"),
    "mobilenetv2_100": Listed(2_236_682, _STRIDE, "Sandler et al. 2018"),
    "efficientnet_b0": Listed(4_020_358, _STRIDE, "Tan and Le 2019"),
    "inception_v3": Listed(21_806_058, f"{_STRIDE}, no first max-pool; 21 px or more", "Szegedy et al. 2016"),
    "vgg11_bn": Listed(9_231_114, f"{_VGG}; 32 px or more", "Simonyan and Zisserman 2015"),
    "vgg16_bn": Listed(14_728_266, f"{_VGG}; 32 px or more", "Simonyan and Zisserman 2015"),
    "convnext_tiny": Listed(27_824_362, "2x2 patches for the 4x4", "Liu et al. 2022"),
    "swinv2_tiny_window8_256": Listed(27_582_388, "2x2 patches for the 4x4, windows of 8x8", "Liu et al. 2022"),
    "vit_small_patch16_224": Listed(21_342_346, "4x4 patches for the 16x16", "Dosovitskiy et al. 2021"),
}
