"""Joint and two-step self-supervision as methods: their stages, the scale of their losses, and short trainings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tailtune import ClassProfile, Run, TailtuneError
from tailtune.data.open import open_dataset
from tailtune.losses.vicreg import vicreg
from tailtune.methods.combine import combine
from tailtune.methods.joint_ssl import joint_ssl
from tailtune.methods.joint_ssl_sama import joint_ssl_sama
from tailtune.methods.joint_ssl_sama_m2m import joint_ssl_sama_m2m
from tailtune.methods.joint_ssl_sama_smoothing import joint_ssl_sama_smoothing
from tailtune.methods.label_smoothing import label_smoothing
from tailtune.methods.method import Context, Method
from tailtune.methods.sama_smoothing import sama_smoothing
from tailtune.methods.simclr_finetune import simclr_finetune
from tailtune.methods.simclr_probe import simclr_probe
from tailtune.methods.vicreg_finetune import vicreg_finetune
from tailtune.methods.vicreg_probe import vicreg_probe
from tailtune.models.cifar_resnet import CifarResNet
from tailtune.models.projector import Projected
from tailtune.run.learner import Fitted, Job
from tailtune.run.learners import fit_model

PROFILE = ClassProfile((110, 40, 5))


def built(method: Method, feature_dim: int = 64, batch_size: int = 32) -> Projected:
    auxiliary = method.stages[0].auxiliary
    assert auxiliary is not None
    module = auxiliary.build(feature_dim, batch_size)
    assert isinstance(module, Projected)
    return module


def test_the_weight_keeps_the_scale_of_the_supervised_loss() -> None:
    torch.manual_seed(0)
    module = built(joint_ssl(PROFILE, weight=8.0))
    first, second = torch.randn(32, 64), torch.randn(32, 64)
    z, w = module.projector(torch.cat((first, second))).chunk(2)
    expected = vicreg(z, w) / 25 / 8.0  # L_SSL at 25 : 25 : 1 over 25, and L over the weight
    torch.testing.assert_close(module(first, second), expected)
    auxiliary = joint_ssl(PROFILE, weight=8.0).stages[0].auxiliary
    assert auxiliary is not None
    assert auxiliary.supervised == 1.0


def test_projectors_fit_features_and_batch() -> None:
    widths = [layer.out_features for layer in built(joint_ssl(PROFILE)).projector if isinstance(layer, torch.nn.Linear)]
    assert widths == [128, 128, 128]
    simclr = built(simclr_probe(PROFILE), 256)
    assert [layer.out_features for layer in simclr.projector if isinstance(layer, torch.nn.Linear)] == [256, 128]
    assert simclr.normalised


@pytest.mark.parametrize("make", [simclr_finetune, vicreg_finetune, simclr_probe, vicreg_probe])
def test_pretraining_sees_no_labels_and_other_methods_join_the_second_stage(make: type[Method]) -> None:
    method = make(PROFILE)
    auxiliary = method.stages[0].auxiliary
    assert auxiliary is not None
    assert auxiliary.supervised == 0
    assert method.stages[1].auxiliary is None
    smoothed = combine("smoothed", method, label_smoothing(PROFILE))
    assert smoothed.stages[0].target_matrix is None
    assert smoothed.stages[1].target_matrix is not None


def test_probe_trains_the_head_alone_and_backbone_slows_the_rest() -> None:
    probe = vicreg_probe(PROFILE, probing=0.25).stages[1]
    assert (probe.trainable, probe.share) == (("head.",), 0.25)
    assert vicreg_finetune(PROFILE).stages[1].lr_factors is None
    assert vicreg_finetune(PROFILE, backbone=0.1).stages[1].lr_factors == {"head.": 1.0, "": 0.1}


def test_the_head_is_drawn_anew() -> None:
    model = CifarResNet(8, 1, 3)
    torch.nn.init.ones_(model.head.weight)  # type: ignore[arg-type]
    prepare = simclr_finetune(PROFILE).stages[1].prepare
    assert prepare is not None
    prepare(Context(model, PROFILE, None, None, (), 0, lambda: None))  # type: ignore[arg-type]
    assert float(model.head.weight.detach().abs().max()) < 0.1  # type: ignore[operator, union-attr]
    assert model.head.bias.count_nonzero() == 0  # type: ignore[operator, union-attr]


def test_combinations_set_the_parts_of_all_their_methods() -> None:
    assert sama_smoothing(PROFILE).recipe == "plain"
    assert joint_ssl_sama(PROFILE).stages[0].optimiser is not None
    whole = joint_ssl_sama_smoothing(PROFILE).stages[0]
    assert None not in (whole.auxiliary, whole.optimiser, whole.target_matrix)
    translated = joint_ssl_sama_m2m(PROFILE)
    first, second = translated.stages
    assert None not in (second.auxiliary, second.optimiser, second.synthesise, second.sampler)
    assert (first.auxiliary, first.optimiser) == (None, None)
    assert translated.balances


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(TailtuneError, match="positive weight"):
        joint_ssl(PROFILE, weight=0.0)
    with pytest.raises(TailtuneError, match="Did you mean 'vicreg'"):
        joint_ssl(PROFILE, ssl="vicregg")  # type: ignore[arg-type]
    with pytest.raises(TailtuneError, match="sees must be"):
        joint_ssl(PROFILE, sees="both")  # type: ignore[arg-type]


def fit(name: str, folder: Path, epochs: int = 2) -> tuple[Fitted, list[dict[str, float]]]:
    method = f"tailtune.methods.{name.split('(')[0]}:{name}"
    run = Run("digits", method=method, ratio=0.05, epochs=epochs, batch_size=32, lr=0.05, threads=1)
    fitted = fit_model(run, open_dataset(run), Job(folder))
    assert fitted is not None
    return fitted, [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "name",
    ["joint_ssl", "joint_ssl(ssl=simclr,sees=first)", "joint_ssl_sama(normalise=grouped)"],
)
def test_joint_training_runs_and_logs_the_spread(name: str, tmp_path: Path) -> None:
    _, rows = fit(name, tmp_path)
    assert len(rows) == 2
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    assert all(0 < row["ssl_spread"] < 2 for row in rows)


def test_pretraining_then_probing_changes_the_head_alone(tmp_path: Path) -> None:
    fitted, rows = fit("vicreg_probe(pretraining=0.5,probing=0.5)", tmp_path)
    assert [row["stage"] for row in rows] == [1, 2]
    assert fitted.training.epochs == 2
    again, _ = fit("vicreg_probe(pretraining=0.5,probing=1)", tmp_path)
    states = [one.predictor.model.state_dict() for one in (fitted, again)]
    same = {name: torch.equal(states[0][name], states[1][name]) for name in states[0]}
    assert all(equal for name, equal in same.items() if not name.startswith("head."))
    assert not same["head.weight"]


def test_pretraining_of_a_table(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    lines = ["a,b,colour,label"]
    for row in range(120):
        a, b = torch.randn(2, generator=generator).tolist()
        lines.append(f"{a},{b},{'red' if row % 3 else 'blue'},{'rare' if row % 6 == 0 else 'common'}")
    (tmp_path / "table.csv").write_text("\n".join(lines))
    run = Run(
        str(tmp_path / "table.csv"),
        target="label",
        method="tailtune.methods.simclr_finetune:simclr_finetune",
        epochs=2,
        threads=1,
        batch_size=16,
    )
    fitted = fit_model(run, open_dataset(run), Job(tmp_path))
    assert fitted is not None
    assert fitted.training.epochs == 4
