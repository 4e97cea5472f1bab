"""Where settings are searched: of each model of tables, of the routine of networks, and of pictures."""

from __future__ import annotations

from collections.abc import Mapping

from tailtune.methods.search import Choice, Log, Space, Uniform

_MLP: Space = {
    "layers": Choice((1, 2, 3, 4)),
    "width": Choice((64, 128, 256, 512)),
    "dropout": Uniform(0.0, 0.5),
}
_EMBEDDING: Space = {"d_embedding": Choice((8, 16, 24))}
_RESIDUAL: Space = {**_MLP, "hidden_multiplier": Uniform(1.0, 4.0)}
_TRANSFORMER: Space = {
    "blocks": Choice((1, 2, 3, 4)),
    "width": Choice((64, 96, 128, 192, 256)),  # heads of attention share them, eight of them
    "attention_dropout": Uniform(0.0, 0.5),
    "ffn_multiplier": Uniform(0.5, 3.0),
    "ffn_dropout": Uniform(0.0, 0.5),
}
# of models of tables; the ranges are those that are usual in the literature, around the defaults
MODELS: Mapping[str, Space] = {
    "xgboost": {
        "max_depth": Choice((3, 4, 5, 6, 7, 8, 10)),
        "learning_rate": Log(0.01, 0.3),
        "min_child_weight": Log(1e-4, 30.0),
        "subsample": Uniform(0.5, 1.0),
        "colsample_bytree": Uniform(0.5, 1.0),
        "reg_lambda": Log(1e-3, 10.0),
    },
    "lightgbm": {
        "num_leaves": Choice((8, 15, 31, 50, 100, 200)),
        "learning_rate": Log(0.01, 0.2),
        "min_data_in_leaf": Choice((2, 5, 10, 20, 40, 80, 160)),
        "bagging_fraction": Uniform(0.5, 1.0),
        "feature_fraction": Uniform(0.4, 1.0),
        "lambda_l2": Log(1e-3, 10.0),
    },
    "catboost": {
        "depth": Choice((4, 5, 6, 7, 8, 9)),
        "learning_rate": Log(0.02, 0.3),
        "l2_leaf_reg": Log(1e-5, 10.0),
        "random_strength": Uniform(0.0, 2.0),
        "subsample": Uniform(0.6, 1.0),
    },
    "extra-trees": {
        "max_features": Choice(("sqrt", 0.2, 0.4, 0.7, 1.0)),
        "min_samples_leaf": Choice((1, 2, 3, 5, 10)),
    },
    "histogram-boosting": {
        "learning_rate": Log(0.01, 0.3),
        "max_leaf_nodes": Choice((8, 15, 31, 63, 127)),
        "min_samples_leaf": Choice((2, 5, 10, 20, 40)),
        "l2_regularization": Log(1e-6, 10.0),
    },
    "logistic-regression": {"C": Choice(("found", 1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0))},
    "linear-svc": {"C": Log(1e-4, 1e2)},
    "tabicl": {"estimators": Choice((4, 8, 16, 32))},
    "mlp-plr": _MLP | _EMBEDDING,
    "mlp": _MLP,
    "mlp-periodic": _MLP | _EMBEDDING,
    "mlp-piecewise": _MLP | _EMBEDDING | {"bins": Choice((8, 16, 32, 48, 96)), "edges": Choice(("quantiles", "tree"))},
    "resnet-plr": _RESIDUAL | _EMBEDDING,
    "resnet": _RESIDUAL,
    "ft-transformer": _TRANSFORMER,
    "transformer-plr": _TRANSFORMER,
    "tabm": {
        "blocks": Choice((1, 2, 3, 4)),
        "width": Choice((64, 128, 256, 512, 768)),
        "dropout": Uniform(0.0, 0.5),
    },
}
TABLES: Space = {  # the routine of networks on tables
    "batch_size": Choice((32, 64, 128, 256)),
    "ema": Choice((0.0, 0.98, 0.99, 0.999)),
}
PICTURES: Space = {
    "batch_size": Choice((16, 32, 64, 128)),
    "ema": Choice((0.0, 0.98, 0.999)),
}
RATES: Mapping[tuple[str, str], Space] = {  # by kind of data and optimiser
    ("table", "sgd"): {"lr": Log(0.01, 0.3), "weight_decay": Log(1e-6, 1e-3)},
    ("table", "adamw"): {"lr": Log(1e-4, 1e-2), "weight_decay": Log(1e-6, 1e-1)},
    ("image", "sgd"): {"lr": Log(0.01, 0.4), "weight_decay": Log(5e-5, 5e-3)},
    ("image", "adamw"): {"lr": Log(1e-4, 1e-2), "weight_decay": Log(1e-3, 0.3)},
}
POLICIES = ("flip+crop", "flip+crop+trivialaugment", "flip+crop+trivialaugment+cutmix", "flip+crop+erasing")
WITHOUT_MIRRORS = ("none", "crop", "crop+erasing", "crop+cutmix")
SIZES = ("resnet8", "resnet20", "resnet32", "resnet56")  # of small pictures
