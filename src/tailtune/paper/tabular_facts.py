"""Tuned settings and test accuracies that the authors of the numerical-embeddings protocol published: facts, copied.

Source: github.com/yandex-research/rtdl-num-embeddings, exp/MODEL/DATASET/0_evaluation and 0_ensemble_5, which belong to
Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022. Each is
the best of 100 TPE trials. Layers of different widths are replaced by as many of their mean width. The ft-transformer
is their transformer with linear embeddings of numbers. CatBoost's bagging temperature belongs to another bootstrap
than ours and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A tuned model.

    Attributes:
        model: settings that stand in a model's parentheses.
        routine: learning rate, weight decay and batch size of AdamW; empty for trees.
        epochs: median of the best epoch; None for trees.
        seconds: median of a training on its authors' GPU.
        single: mean and standard deviation of the test accuracy over 15 seeds.
        ensembles: test accuracy of three ensembles of five.
    """

    model: Mapping[str, float]
    routine: Mapping[str, float]
    epochs: int | None
    seconds: int
    single: tuple[float, float]
    ensembles: tuple[float, float, float]


ROWS: Mapping[str, int] = {"adult": 48_842, "otto": 61_878, "covertype": 581_012}  # of all parts together
COLUMNS: Mapping[str, int] = {"adult": 14, "otto": 93, "covertype": 54}
PUBLISHED: Mapping[str, Mapping[str, Published]] = {
    "adult": {
        "xgboost": Published(
            model={
                "max_depth": 4,
                "learning_rate": 0.225008,
                "min_child_weight": 0.155636,
                "subsample": 0.935681,
                "colsample_bytree": 0.967161,
                "gamma": 0.584584,
                "reg_lambda": 0.265266,
            },
            routine={},
            epochs=None,
            seconds=1,
            single=(0.87359, 0.00085),
            ensembles=(0.87531, 0.87421, 0.87409),
        ),
        "mlp": Published(
            model={"layers": 7, "width": 893, "dropout": 0.190131},
            routine={"lr": 0.000271654, "weight_decay": 0.0, "batch_size": 256},
            epochs=11,
            seconds=16,
            single=(0.85369, 0.00162),
            ensembles=(0.85597, 0.85511, 0.85615),
        ),
        "mlp-plr": Published(
            model={
                "layers": 6,
                "width": 761,
                "dropout": 0.0,
                "n_frequencies": 104,
                "frequency_init_scale": 95.661,
                "d_embedding": 88,
            },
            routine={"lr": 0.000105477, "weight_decay": 0.0, "batch_size": 256},
            epochs=4,
            seconds=10,
            single=(0.87036, 0.00107),
            ensembles=(0.87224, 0.87402, 0.87427),
        ),
        "resnet-plr": Published(
            model={
                "layers": 7,
                "width": 337,
                "hidden_multiplier": 2.988,
                "dropout": 0.145596,
                "n_frequencies": 59,
                "frequency_init_scale": 89.2203,
                "d_embedding": 28,
            },
            routine={"lr": 0.00315894, "weight_decay": 0.000249277, "batch_size": 256},
            epochs=3,
            seconds=15,
            single=(0.86907, 0.00176),
            ensembles=(0.87415, 0.8739, 0.87507),
        ),
        "transformer-plr": Published(
            model={
                "blocks": 1,
                "width": 240,
                "attention_dropout": 0.310168,
                "ffn_multiplier": 2.204,
                "ffn_dropout": 0.261022,
                "n_frequencies": 25,
                "frequency_init_scale": 81.692,
            },
            routine={"lr": 0.000342814, "weight_decay": 6.86636e-05, "batch_size": 256},
            epochs=7,
            seconds=19,
            single=(0.86968, 0.00151),
            ensembles=(0.87243, 0.87531, 0.87206),
        ),
        "resnet": Published(
            model={
                "layers": 6,
                "width": 305,
                "hidden_multiplier": 3.095,
                "dropout": 0.451741,
            },
            routine={"lr": 0.000100922, "weight_decay": 0.000891412, "batch_size": 256},
            epochs=12,
            seconds=28,
            single=(0.85525, 0.00092),
            ensembles=(0.85578, 0.8564, 0.85658),
        ),
        "ft-transformer": Published(
            model={
                "blocks": 2,
                "width": 320,
                "attention_dropout": 0.248488,
                "ffn_multiplier": 1.319,
                "ffn_dropout": 0.168649,
            },
            routine={"lr": 4.57866e-05, "weight_decay": 3.30694e-06, "batch_size": 256},
            epochs=22,
            seconds=48,
            single=(0.85825, 0.00139),
            ensembles=(0.85892, 0.86051, 0.85971),
        ),
        "catboost": Published(
            model={
                "depth": 9,
                "learning_rate": 0.0411031,
                "l2_leaf_reg": 8.29508,
                "leaf_estimation_iterations": 2,
            },
            routine={},
            epochs=None,
            seconds=39,
            single=(0.87212, 0.00093),
            ensembles=(0.8731, 0.87317, 0.87206),
        ),
    },
    "otto": {
        "xgboost": Published(
            model={
                "max_depth": 9,
                "learning_rate": 0.0667551,
                "min_child_weight": 0.0182391,
                "subsample": 0.745295,
                "colsample_bytree": 0.666443,
                "gamma": 0.00649219,
                "reg_lambda": 0.0,
            },
            routine={},
            epochs=None,
            seconds=53,
            single=(0.82527, 0.00236),
            ensembles=(0.82814, 0.82612, 0.82741),
        ),
        "mlp": Published(
            model={"layers": 2, "width": 698, "dropout": 0.427567},
            routine={"lr": 0.000216637, "weight_decay": 0.0, "batch_size": 512},
            epochs=92,
            seconds=26,
            single=(0.81774, 0.00316),
            ensembles=(0.82337, 0.82224, 0.82143),
        ),
        "mlp-plr": Published(
            model={
                "layers": 4,
                "width": 759,
                "dropout": 0.453036,
                "n_frequencies": 121,
                "frequency_init_scale": 0.0183475,
                "d_embedding": 20,
            },
            routine={"lr": 0.000584792, "weight_decay": 6.11593e-06, "batch_size": 512},
            epochs=22,
            seconds=40,
            single=(0.81873, 0.00205),
            ensembles=(0.83347, 0.82838, 0.82822),
        ),
        "resnet-plr": Published(
            model={
                "layers": 3,
                "width": 476,
                "hidden_multiplier": 2.494,
                "dropout": 0.477098,
                "n_frequencies": 70,
                "frequency_init_scale": 0.0453682,
                "d_embedding": 8,
            },
            routine={"lr": 6.79597e-05, "weight_decay": 0.0, "batch_size": 512},
            epochs=34,
            seconds=36,
            single=(0.81567, 0.00257),
            ensembles=(0.82595, 0.82361, 0.82595),
        ),
        "transformer-plr": Published(
            model={
                "blocks": 2,
                "width": 240,
                "attention_dropout": 0.229401,
                "ffn_multiplier": 0.892,
                "ffn_dropout": 0.319319,
                "n_frequencies": 41,
                "frequency_init_scale": 0.0130526,
            },
            routine={"lr": 0.000103199, "weight_decay": 3.07124e-06, "batch_size": 512},
            epochs=72,
            seconds=448,
            single=(0.81417, 0.00214),
            ensembles=(0.82563, 0.82183, 0.82248),
        ),
        "resnet": Published(
            model={
                "layers": 2,
                "width": 440,
                "hidden_multiplier": 2.973,
                "dropout": 0.477748,
            },
            routine={"lr": 6.51637e-05, "weight_decay": 0.0, "batch_size": 512},
            epochs=80,
            seconds=47,
            single=(0.81703, 0.00349),
            ensembles=(0.8224, 0.81876, 0.82272),
        ),
        "ft-transformer": Published(
            model={
                "blocks": 2,
                "width": 376,
                "attention_dropout": 0.311669,
                "ffn_multiplier": 1.702,
                "ffn_dropout": 0.0929823,
            },
            routine={"lr": 1.92444e-05, "weight_decay": 3.3477e-06, "batch_size": 512},
            epochs=82,
            seconds=201,
            single=(0.81743, 0.00235),
            ensembles=(0.82329, 0.82434, 0.82345),
        ),
        "catboost": Published(
            model={
                "depth": 9,
                "learning_rate": 0.0660619,
                "l2_leaf_reg": 2.7914,
                "leaf_estimation_iterations": 2,
            },
            routine={},
            epochs=None,
            seconds=341,
            single=(0.82367, 0.00113),
            ensembles=(0.82506, 0.82466, 0.82579),
        ),
    },
    "covertype": {
        "xgboost": Published(
            model={
                "max_depth": 10,
                "learning_rate": 0.084887,
                "min_child_weight": 0.0048707,
                "subsample": 0.845664,
                "colsample_bytree": 0.874105,
                "gamma": 0.0,
                "reg_lambda": 0.253542,
            },
            routine={},
            epochs=None,
            seconds=644,
            single=(0.96883, 0.00063),
            ensembles=(0.96917, 0.96938, 0.9693),
        ),
        "mlp": Published(
            model={"layers": 5, "width": 853, "dropout": 0.149291},
            routine={"lr": 0.000695884, "weight_decay": 0.0, "batch_size": 1024},
            epochs=153,
            seconds=271,
            single=(0.96385, 0.00089),
            ensembles=(0.96843, 0.96724, 0.96781),
        ),
        "mlp-plr": Published(
            model={
                "layers": 5,
                "width": 512,
                "dropout": 0.254287,
                "n_frequencies": 69,
                "frequency_init_scale": 1.81343,
                "d_embedding": 6,
            },
            routine={"lr": 0.000895372, "weight_decay": 0.000730166, "batch_size": 1024},
            epochs=115,
            seconds=280,
            single=(0.96971, 0.00098),
            ensembles=(0.97521, 0.97478, 0.97404),
        ),
        "resnet-plr": Published(
            model={
                "layers": 6,
                "width": 324,
                "hidden_multiplier": 3.253,
                "dropout": 0.480811,
                "n_frequencies": 111,
                "frequency_init_scale": 0.739703,
                "d_embedding": 11,
            },
            routine={"lr": 8.25259e-05, "weight_decay": 0.000458752, "batch_size": 1024},
            epochs=164,
            seconds=789,
            single=(0.97205, 0.00053),
            ensembles=(0.97488, 0.97477, 0.97499),
        ),
        "transformer-plr": Published(
            model={
                "blocks": 2,
                "width": 320,
                "attention_dropout": 0.20101,
                "ffn_multiplier": 2.337,
                "ffn_dropout": 0.256933,
                "n_frequencies": 98,
                "frequency_init_scale": 0.698011,
            },
            routine={"lr": 1.01398e-05, "weight_decay": 1e-05, "batch_size": 1024},
            epochs=265,
            seconds=8658,
            single=(0.9719, 0.00116),
            ensembles=(0.97432, 0.97486, 0.97452),
        ),
        "resnet": Published(
            model={
                "layers": 7,
                "width": 486,
                "hidden_multiplier": 2.558,
                "dropout": 0.365179,
            },
            routine={"lr": 6.52169e-05, "weight_decay": 0.0, "batch_size": 1024},
            epochs=231,
            seconds=999,
            single=(0.96474, 0.00086),
            ensembles=(0.96799, 0.96844, 0.96736),
        ),
        "ft-transformer": Published(
            model={
                "blocks": 2,
                "width": 464,
                "attention_dropout": 0.0106527,
                "ffn_multiplier": 2.3,
                "ffn_dropout": 0.144333,
            },
            routine={"lr": 1.0138e-05, "weight_decay": 1e-05, "batch_size": 1024},
            epochs=235,
            seconds=4440,
            single=(0.97087, 0.0007),
            ensembles=(0.97311, 0.97304, 0.97349),
        ),
        "catboost": Published(
            model={
                "depth": 10,
                "learning_rate": 0.196945,
                "l2_leaf_reg": 5.60505,
                "leaf_estimation_iterations": 7,
            },
            routine={},
            epochs=None,
            seconds=2193,
            single=(0.96551, 0.00034),
            ensembles=(0.96725, 0.9675, 0.96757),
        ),
    },
}
