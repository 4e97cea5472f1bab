"""The recipe fills what is open, keeps what is set, and takes augmentation from the data."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_data import table

from tailtune import ClassProfile, Run
from tailtune.data.catalog import open_named
from tailtune.data.dataset import Dataset, Part
from tailtune.data.image_preprocessor import ImagePreprocessor
from tailtune.methods import erm, paper, tuned
from tailtune.run.learners import with_model
from tailtune.study.study import Arm, Study
from tailtune.training import device
from tailtune.training.device import choose_threads, processor_threads
from tailtune.training.recipe import SEEN, resolve, strong_from

PROFILE = ClassProfile((90, 10))
ASKED = Run(data="x", model="any", method="tuned")
FILLED = ("epochs", "batch_size", "optimizer", "lr", "weight_decay", "ema", "policy", "flip_averaging", "patience")


def pictures(rows: int, side: int, flip: bool | None = None) -> Dataset:
    pixels = torch.zeros(rows, 3, side, side, dtype=torch.uint8)
    part = Part((pixels,), torch.zeros(rows, dtype=torch.int64), np.arange(rows).astype(str))
    preprocessor = ImagePreprocessor(3, side, side, (0.5,) * 3, (0.2,) * 3)
    return Dataset("image", "made", ("a", "b"), part, None, part, preprocessor, "given", "", flip=flip)


@pytest.mark.parametrize("method", [erm(PROFILE), tuned(PROFILE), paper(PROFILE)])
@pytest.mark.parametrize("data", [table(), pictures(100, 8), pictures(5000, 32)])
def test_everything_is_filled_and_nothing_overwritten(method, data) -> None:
    run = resolve(ASKED, method, data)
    assert all(getattr(run, name) is not None for name in FILLED)
    mine = replace(ASKED, epochs=3, batch_size=7, lr=0.5, ema=0.1, policy="none", weight_decay=0.0, optimizer="adamw")
    kept = resolve(mine, method, data)
    assert all(getattr(kept, name) == getattr(mine, name) for name in FILLED if getattr(mine, name) is not None)


def test_the_papers_procedure_is_as_it_states_it() -> None:
    method, data = paper(PROFILE), pictures(5000, 32)
    run = resolve(ASKED, method, data)
    assert (run.epochs, run.optimizer, run.lr, run.momentum, run.weight_decay) == (300, "sgd", 0.1, 0.9, 2e-4)
    assert run.policy == "flip+crop+trivialaugment+cutmix"
    assert run.ema > 0
    assert run.warmup > 0
    assert resolve(ASKED, method, pictures(100, 8)).epochs == 300  # however few
    assert "flip" not in resolve(ASKED, method, pictures(100, 8, flip=False)).policy.split("+")
    asked = replace(ASKED, model=None, method="paper(rho=0.1)")
    assert with_model(asked, data).model == "wrn-28-10"
    assert with_model(asked, pictures(10, 64)).model == "resnext50_32x4d"
    assert with_model(replace(asked, model="resnet8"), data).model == "resnet8"
    assert with_model(replace(asked, method="tuned"), data).model != "wrn-28-10"
    assert with_model(asked, table()).model == "mlp-plr"


def test_flips_follow_the_data_and_the_user() -> None:
    method = tuned(PROFILE)
    assert "flip" in resolve(ASKED, method, pictures(3000, 32)).policy
    digits_like = resolve(ASKED, method, pictures(3000, 32, flip=False))
    assert "flip" not in digits_like.policy
    assert digits_like.flip is False
    assert "flip" not in resolve(replace(ASKED, flip=False), method, pictures(3000, 32, flip=True)).policy


def test_predictions_are_averaged_over_mirror_images_where_training_mirrors_own_pictures() -> None:
    own, method = pictures(3000, 32), tuned(PROFILE)
    assert resolve(ASKED, method, own).flip_averaging is True
    assert resolve(replace(ASKED, policy="crop+altflip"), method, own).flip_averaging is True
    assert resolve(replace(ASKED, flip_averaging=True), erm(PROFILE), own).flip_averaging is True
    for other in (
        resolve(replace(ASKED, flip_averaging=False), method, own),
        resolve(replace(ASKED, policy="crop"), method, own),
        resolve(replace(ASKED, policy="flip", flip=False), method, own),
        resolve(ASKED, method, pictures(3000, 32, flip=False)),
        resolve(ASKED, method, pictures(1200, 8)),  # of tiny ones that are seen less often nothing is mirrored
        resolve(ASKED, erm(PROFILE), own),
        resolve(replace(ASKED, data="cifar10"), method, own),  # compared with published figures
        resolve(ASKED, method, table()),
    ):
        assert other.flip_averaging is False
    assert Study(arms=(Arm("a"),), data="x").flip_averaging is False


def test_sgd_on_many_columns_without_embeddings_takes_smaller_steps() -> None:
    few, method = table(), tuned(PROFILE)
    numeric, codes = few.train.inputs
    many = replace(few, train=replace(few.train, inputs=(numeric.repeat(1, 250), codes)))  # 1,000 columns
    plain, embedded = replace(ASKED, model="mlp"), replace(ASKED, model="mlp-plr")
    assert [resolve(plain, method, data).lr for data in (few, many)] == pytest.approx([0.1, 0.0128])
    assert resolve(embedded, method, many).lr == 0.1
    assert resolve(plain, erm(PROFILE), many).lr == 1e-3  # AdamW


def test_strong_augmentation_only_where_training_is_long_and_none_for_tiny_pictures() -> None:
    method, data = tuned(PROFILE), pictures(3200, 32)
    for batch in (32, 256):
        long = resolve(replace(ASKED, epochs=strong_from(3200), batch_size=batch), method, data)
        assert long.policy == "flip+crop+trivialaugment"
        short = resolve(replace(ASKED, epochs=strong_from(3200) - 1, batch_size=batch), method, data)
        assert short.policy == "flip+crop"
    assert resolve(ASKED, method, pictures(1200, 32)).policy == "flip+crop+trivialaugment"
    assert resolve(replace(ASKED, epochs=119), method, pictures(1200, 32)).policy == "flip+crop"
    assert resolve(replace(ASKED, epochs=200), method, pictures(1200, 96)).policy == "flip+crop"
    assert resolve(ASKED, method, pictures(1200, 8)).policy == "none"  # 60 epochs
    assert resolve(ASKED, method, pictures(300, 8)).policy == "flip+crop"
    assert resolve(ASKED, method, pictures(3200, 8)).policy == "flip+crop"
    assert resolve(ASKED, erm(PROFILE), data).policy == "flip+crop"


def test_without_smoothing_and_sam_a_the_recipes_method_is_plain_training() -> None:
    assert tuned(PROFILE).stages[0].target_matrix is not None
    assert tuned(PROFILE, smoothing=0.0).stages == erm(PROFILE).stages


def test_few_small_pictures_are_shown_many_times() -> None:
    def epochs(rows: int, side: int) -> int:
        return resolve(ASKED, tuned(PROFILE), pictures(rows, side)).epochs

    assert [epochs(1200, side) for side in (8, 32, 64, 96)] == [60, 240, 240, 60]
    assert epochs(160, 32) == math.ceil(51_200 / 160)
    assert epochs(40, 32) == 400
    assert resolve(ASKED, erm(PROFILE), pictures(1200, 32)).epochs == 240


def test_longer_than_that_they_are_shown_as_often_together_whatever_the_batch() -> None:
    for method in (tuned(PROFILE), erm(PROFILE)):
        assert resolve(ASKED, method, pictures(12_406, 32)).epochs == math.ceil(SEEN / 12_406)
        assert resolve(replace(ASKED, batch_size=256), method, pictures(12_406, 32)).epochs == math.ceil(SEEN / 12_406)
        assert resolve(ASKED, method, pictures(2400, 32)).epochs == 400
    assert resolve(ASKED, tuned(PROFILE), pictures(60_000, 8)).epochs == 60


def test_networks_on_tables_are_planned_for_twice_the_steps_by_the_recipe() -> None:
    data = table()
    rows, run = len(data.train), replace(ASKED, model="mlp-plr")
    batch = min(128, max(16, rows // 10))
    assert resolve(run, tuned(PROFILE), data).epochs == min(400, max(60, math.ceil(1200 / (rows // batch))))
    assert resolve(run, erm(PROFILE), data).epochs == min(200, max(30, math.ceil(600 / (rows // min(64, rows)))))


def test_a_refit_is_planned_for_the_rows_that_the_kept_model_trains_on() -> None:
    data = pictures(2400, 32)
    data = replace(data, val=data.train)
    resolved = resolve(replace(ASKED, selection="refit"), tuned(PROFILE), data)
    assert resolved.epochs == math.ceil(SEEN / 4800)
    assert resolve(ASKED, tuned(PROFILE), data).epochs == 400


def test_digits_are_never_mirrored() -> None:
    digits = open_named("digits", Run(data="digits", selection="last"))
    for method in (erm(PROFILE), tuned(PROFILE)):
        assert "flip" not in resolve(ASKED, method, digits).policy


def test_small_layers_get_one_thread_and_threads_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(device, "cores", lambda: 8)
    assert choose_threads(table()) == 1
    assert [choose_threads(pictures(10, side)) for side in (8, 32, 96)] == [1, 2, 2]
    monkeypatch.setattr(device, "cores", lambda: 1)  # where two threads would wait for each other
    assert choose_threads(pictures(10, 32)) == 1
    with processor_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
