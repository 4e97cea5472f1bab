"""Table 6: tables. MLP with SAM-A and smoothing against XGBoost and tabular networks on Otto, Adult and Covertype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tailtune.errors import TailtuneError, nearest
from tailtune.methods.search import Choice, Log, Maybe, Space, Uniform, Whole
from tailtune.named_settings import with_settings
from tailtune.paper.dots import Dot, dots
from tailtune.paper.page import Asked, Claim, Planned, Row, Scale, Table
from tailtune.paper.tabular_facts import PUBLISHED
from tailtune.paper.verdict import difference, in_points, least, verdict
from tailtune.study.study import Arm, Study
from tailtune.words import NONE

TITLE = "Table 6: SAM-A, smoothing and small batches on imbalanced tables"
CLAIM = "our tuned training routine outperforms both XGBoost and recent state-of-the-art neural methods on all datasets"
# of all three together: smoke and small as they took, full by the times that were published with the tuned settings
HOURS: Mapping[Scale, float] = {"smoke": 0.02, "small": 4.0, "full": 400.0}
TITLES = {"otto": "Otto", "adult": "Adult", "covertype": "Covertype"}  # in the paper's order
XGBOOST, MLP, RESNET, TRANSFORMER = "XGBoost", "MLP", "ResNet", "FT-Transformer"
PLAIN, ALONE, OURS = "MLP, no embeddings", "MLP, our routine", "MLP w/ SAM-A + Smoothing"
PAPER: Mapping[str, Mapping[str, float]] = {  # accuracy in per cent, as printed
    "otto": {XGBOOST: 82.7, MLP: 83.0, RESNET: 82.5, TRANSFORMER: 82.3, OURS: 83.2},
    "adult": {XGBOOST: 87.5, MLP: 87.4, RESNET: 87.4, TRANSFORMER: 87.3, OURS: 87.6},
    "covertype": {XGBOOST: 96.9, MLP: 97.5, RESNET: 97.5, TRANSFORMER: 97.5, OURS: 97.6},
}
MODELS = {  # of each arm; with periodic embeddings of numbers, because the paper prints the figures of those
    XGBOOST: "xgboost",
    PLAIN: "mlp",
    MLP: "mlp-plr",
    RESNET: "resnet-plr",
    TRANSFORMER: "transformer-plr",
    ALONE: "mlp-plr",
    OURS: "mlp-plr",
}
SEEDS: Mapping[Scale, int] = {"smoke": 2, "small": 5, "full": 15}
TRIALS, MEMBERS, PATIENCE = 100, 5, 16
ONE_HOT = {"colsample_bylevel": 1.0, "max_cat_to_onehot": 10_000}  # as the protocol's XGBoost has it
LONGEST = 1000  # epochs that are planned, so that the rate hardly falls before patience ends a training
CAPS: Mapping[Scale, Mapping[str, int]] = {  # on sizes
    "smoke": {"layers": 2, "blocks": 1, "width": 16, "d_embedding": 4, "n_frequencies": 8},
    "small": {"layers": 4, "blocks": 2, "width": 256, "d_embedding": 32, "n_frequencies": 48},
    "full": {},
}
WIDEST_TOKENS = 64  # of a transformer at the scale small
SLOW: Mapping[str, Mapping[str, int]] = {"covertype": {"seeds": 3, "epochs": 40}}  # at the scale small

# of the row of the paper: sizes, method, routine; chosen on validation rows
OURS_MODEL: Mapping[str, Mapping[str, Any]] = {
    "otto": {"layers": 2, "width": 512, "dropout": 0.4, "d_embedding": 16},
    "adult": {"layers": 2, "width": 256, "dropout": 0.2, "d_embedding": 24},
    "covertype": {"layers": 3, "width": 512, "dropout": 0.1, "d_embedding": 24},
}
OURS_METHOD: Mapping[str, Mapping[str, float]] = {  # benchmarks/table6_settings.json
    "otto": {"rho": 0.15, "smoothing": 0.01},
    "adult": {"rho": 0.05, "smoothing": 0.01},
    "covertype": {"rho": 0.05, "smoothing": 0.003},
}
OURS_ROUTINE: Mapping[str, Mapping[str, Any]] = {
    "otto": {"lr": 0.1, "weight_decay": 1e-4, "batch_size": 128, "ema": 0.99, "epochs": 20},
    "adult": {"lr": 0.1, "weight_decay": 1e-4, "batch_size": 128, "ema": 0.99, "epochs": 15},
    "covertype": {"lr": 0.1, "weight_decay": 1e-5, "batch_size": 128, "ema": 0.999, "epochs": 30},
}

_RATES: Space = {"lr": Log(5e-5, 5e-3), "weight_decay": Maybe(Log(1e-6, 1e-3))}
_EMBEDDING: Space = {
    "model.n_frequencies": Whole(1, 128),
    "model.frequency_init_scale": Log(0.01, 100.0),
    "model.d_embedding": Whole(1, 128),
}
_MLP: Space = {
    "model.layers": Whole(1, 8),
    "model.width": Whole(16, 1024),
    "model.dropout": Maybe(Uniform(0.0, 0.5)),
}
_OURS: Space = {
    "model.layers": Whole(1, 8),
    "model.width": Whole(16, 1024),
    "model.dropout": Maybe(Uniform(0.0, 0.5)),
    "model.d_embedding": Whole(1, 128),
    "lr": Log(0.01, 0.3),
    "weight_decay": Maybe(Log(1e-6, 1e-3)),
    "batch_size": Choice((32, 64, 128, 256)),
    "ema": Choice((0.0, 0.98, 0.99, 0.999)),
}
SPACES: Mapping[str, Space] = {  # published, and extended by our own settings
    XGBOOST: {
        "model.max_depth": Whole(3, 10),
        "model.min_child_weight": Log(1e-4, 100.0),
        "model.subsample": Uniform(0.5, 1.0),
        "model.colsample_bytree": Uniform(0.5, 1.0),
        "model.learning_rate": Log(1e-3, 1.0),
        "model.gamma": Maybe(Log(1e-3, 100.0)),
        "model.reg_lambda": Maybe(Log(0.1, 10.0)),
    },
    PLAIN: _MLP | _RATES,
    MLP: _MLP | _EMBEDDING | _RATES,
    RESNET: {
        "model.layers": Whole(1, 8),
        "model.width": Whole(32, 512),
        "model.hidden_multiplier": Uniform(1.0, 4.0),
        "model.dropout": Uniform(0.0, 0.5),
        **_EMBEDDING,
        **_RATES,
    },
    TRANSFORMER: {
        "model.blocks": Whole(1, 4),
        "model.width": Whole(96, 512, 8),
        "model.attention_dropout": Uniform(0.0, 0.5),
        "model.ffn_multiplier": Uniform(2 / 3, 8 / 3),
        "model.ffn_dropout": Uniform(0.0, 0.5),
        "model.n_frequencies": Whole(1, 128),
        "model.frequency_init_scale": Log(0.01, 100.0),
        "lr": Log(1e-5, 1e-3),
        "weight_decay": Log(1e-6, 1e-4),
    },
    ALONE: _OURS,
    OURS: _OURS
    | {"method.rho": Log(0.02, 0.4), "method.smoothing": Log(0.003, 0.1), "method.kappa": Uniform(0.0, 1.0)},
}


def design(scale: Scale, asked: Asked) -> dict[str, Planned]:
    """Return a study of each data set.

    Validation rows are 20 % of those that do not test, which are the official ones of Adult and 20 % of the others. At
    full every arm is searched with 100 trials on them, of which the first has the settings that were published with
    its model; the other scales take these, with narrower networks.

    Raises:
        TailtuneError: a data set that is not in the table.
    """
    for name in asked.data:
        if name not in TITLES:
            raise TailtuneError(f"Table 6 has no data set {name!r}.{nearest(name, TITLES)} It has {', '.join(TITLES)}")
    return {name: _planned(name, scale, asked) for name in TITLES if not asked.data or name in asked.data}


def _planned(name: str, scale: Scale, asked: Asked) -> Planned:
    slow = SLOW.get(name, {}) if scale == "small" else {}
    seeds = slow.get("seeds", SEEDS[scale]) if asked.seeds is None else asked.seeds
    study = Study(
        arms=tuple(Arm(arm, _changes(name, arm, scale), SPACES[arm]) for arm in _arms(name, scale)),
        data=(f"tailtune.paper.few_rows:{name}" if scale == "smoke" else name,),
        seeds=seeds,
        baseline=XGBOOST,
        method="erm",
        decision="none",
        objective="accuracy",
        selection="validation",
        val_fraction=0.2,
        test_fraction=0.2,
        threads=1,
        routine="own",
        tune_trials=TRIALS if scale == "full" else 0,
        data_root=asked.data_root,
        jobs=asked.jobs,
        out=f"{asked.out}/{name}",
    )
    return Planned(study, _used(study, name), min(MEMBERS, seeds), hours=HOURS[scale] / len(TITLES))


def _arms(name: str, scale: Scale) -> list[str]:
    """The quick ones first; without transformers where they take hours, for 93 tokens or many rows."""
    arms = [XGBOOST, OURS, ALONE, MLP, PLAIN, RESNET, TRANSFORMER]
    return [arm for arm in arms if not (scale == "small" and arm == TRANSFORMER and name != "adult")]


def _changes(name: str, arm: str, scale: Scale) -> dict[str, Any]:
    """The fields of an arm, before it is searched."""
    model = MODELS[arm]
    if arm in (OURS, ALONE):
        sizes, routine = OURS_MODEL[name], {"optimizer": "sgd", **OURS_ROUTINE[name]}
        method = with_settings("sama_smoothing", OURS_METHOD[name]) if arm == OURS else "erm"
    else:
        published = PUBLISHED[name][model]
        sizes, method = published.model, "erm"
        longest = SLOW.get(name, {}).get("epochs", LONGEST) if scale == "small" else LONGEST
        constant = {"optimizer": "adamw", "warmup": 0.0, "ema": 0.0, "epochs": longest}
        routine = {**published.routine, **constant} if published.routine else {}
    if routine:
        routine |= {"patience": PATIENCE}
        if scale == "smoke":
            routine |= {"epochs": 5}
    fixed = ONE_HOT if arm == XGBOOST else {}
    return {"model": with_settings(model, _capped(model, sizes, scale) | fixed), "method": method, **routine}


def _capped(model: str, sizes: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
    caps = dict(CAPS[scale])
    if scale == "small" and model == "transformer-plr":
        caps["width"] = WIDEST_TOKENS
    return {name: min(value, caps.get(name, value)) for name, value in sizes.items()}


def _used(study: Study, name: str) -> dict[str, float]:
    """The share of the planned epochs that was taken where the settings were published."""
    found = {}
    for arm in study.arms:
        epochs = PUBLISHED[name][MODELS[arm.name]].epochs
        if arm.name not in (OURS, ALONE) and epochs is not None:
            found[arm.name] = min(1.0, (epochs + PATIENCE) / arm.changes["epochs"])
    return found


def tables(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return Table 6 in the paper's form, then each data set with single models beside the published ones."""
    shown = [name for name in TITLES if _of(rows, name)]
    whole = Table(
        f"Accuracy of ensembles on the test rows in per cent, in parentheses the paper's; {_said(rows, shown)}. MLP, "
        "ResNet and FT-Transformer have periodic embeddings of numbers, as those whose figures the paper prints.",
        ("Method", *(TITLES[name] for name in shown)),
        tuple((arm, *(_beside(rows, name, arm) for name in shown)) for arm in MODELS),
    )
    return (whole, *(_of_one(rows, name) for name in shown))


def _of_one(rows: Sequence[Row], name: str) -> Table:
    members = max(row["members"] for row in _of(rows, name))
    lines = []
    for arm, model in MODELS.items():
        if not _figures(rows, name, arm, False):
            continue
        published = None if arm in (OURS, ALONE) else PUBLISHED[name][model]
        printed = PAPER[name].get(arm)
        lines.append(
            (
                arm,
                _cell(_figures(rows, name, arm, False)),
                NONE if published is None else f"{100 * published.single[0]:.2f}",
                _cell(_figures(rows, name, arm, True)),
                NONE if printed is None else f"{printed:.1f}",
            )
        )
    return Table(
        f"{TITLES[name]}: accuracy on the test rows in per cent, mean ± standard error over seeds (of ensembles: over "
        f"ensembles, where there are several); {_said(rows, [name])}. Published is the mean of single models in the "
        "source of the paper's figures, with settings that were searched.",
        (TITLES[name], "single", "published", f"ensemble of {members}", "Table 6"),
        tuple(lines),
    )


def _said(rows: Sequence[Row], shown: Sequence[str]) -> str:
    """Scale and seeds, which may differ where a study is unfinished."""
    counts = []
    for name in shown:
        seeds = {row["seed"] for row in _of(rows, name) if row["members"] == 1}
        counts.append(f"{TITLES[name]} {len(seeds)}")
    return f"scale {next((row['scale'] for row in rows), NONE)}; seeds: {', '.join(counts)}"


def _beside(rows: Sequence[Row], name: str, arm: str) -> str:
    """Our ensembles and the paper's figure."""
    printed = PAPER[name].get(arm)
    own = _cell(_figures(rows, name, arm, True))
    return own if printed is None else f"{own} ({printed:.1f})"


def figures(rows: Sequence[Row]) -> dict[str, str]:
    """Return Table 6 as a figure of each data set: every arm with its seeds, its ensembles and the paper's number."""
    found = {}
    for name in TITLES:
        arms = [arm for arm in MODELS if _figures(rows, name, arm, False)]
        if arms:
            lines = [
                Dot(arm, _figures(rows, name, arm, False), _figures(rows, name, arm, True), _printed(name, arm))
                for arm in arms
            ]
            found[f"table6-{name}"] = dots(lines, f"table6-{name}", f"{TITLES[name]}: accuracy on test rows")
    return found


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """Return whether ours is ahead of every rival, and whether it owes that to SAM-A and smoothing."""
    found = []
    for name, title in TITLES.items():
        single = [row for row in _of(rows, name) if row["members"] == 1]
        if not single:
            continue
        rivals = [arm for arm in PAPER[name] if arm != OURS and any(row["arm"] == arm for row in single)]
        against = {rival: difference(single, OURS, rival, "accuracy") for rival in rivals}
        best = max(value for arm, value in PAPER[name].items() if arm != OURS)
        smoke = any(row["scale"] == "smoke" for row in single)
        found.append(
            Claim(
                words=f"{title}: {CLAIM}",
                number=f"+{PAPER[name][OURS] - best:.1f} points over the best rival",
                ours="; ".join(f"{in_points(one)} over {rival}" for rival, one in against.items()),
                verdict=verdict([] if smoke else against.values()),
                effect=least(against.values()),
            )
        )
        alone = difference(single, OURS, ALONE, "accuracy")
        found.append(
            Claim(
                words=f"{title}: SAM-A and our modified label smoothing improve performance on class-imbalanced tables",
                number="not ablated",
                ours=f"{in_points(alone)} over the same routine without both",
                verdict=verdict([] if smoke else [alone]),
                effect=least([alone]),
            )
        )
    return tuple(found)


def _of(rows: Sequence[Row], name: str) -> list[Row]:
    return [row for row in rows if row["study"] == name]


def _figures(rows: Sequence[Row], name: str, arm: str, ensembles: bool) -> list[float]:
    """Accuracies of single models, or of ensembles."""
    own = (row for row in _of(rows, name) if row["arm"] == arm and (row["members"] > 1) == ensembles)
    return [float(row["accuracy"]) for row in own]


def _printed(name: str, arm: str) -> float | None:
    return PAPER[name][arm] / 100 if arm in PAPER[name] else None


def _cell(values: Sequence[float]) -> str:
    if not values:
        return NONE
    mean = f"{100 * np.mean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ± {100 * np.std(values, ddof=1) / len(values) ** 0.5:.2f}"
