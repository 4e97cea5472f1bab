"""Methods set the parts that they name, combine when the parts differ, and are found by name, module and file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from tailtune import SAM, SAMA, ClassProfile, TailtuneError, per_class
from tailtune.methods import (
    class_conditional_smoothing,
    erm,
    joint_ssl_sama,
    joint_ssl_sama_m2m,
    joint_ssl_sama_smoothing,
    label_smoothing,
    paper,
    sam,
    sama,
    sama_smoothing,
    tuned,
)
from tailtune.methods.combine import combine
from tailtune.methods.method import Hooks, Method, Stage
from tailtune.methods.resolve import build, find
from tailtune.optim.grouped_sama import GroupedSAMA

PROFILE = ClassProfile((90, 9, 1))


def parts(method: Method) -> set[str]:
    plain = Stage()
    return {f.name for f in fields(Stage) if getattr(method.stages[0], f.name) is not getattr(plain, f.name)}


def wrapped(method: Method) -> torch.optim.Optimizer:
    model = torch.nn.Linear(2, 3)
    assert method.stages[0].optimiser is not None
    hooks = Hooks(torch.autograd.backward)
    return method.stages[0].optimiser(torch.optim.SGD(model.parameters(), lr=0.1), model, hooks)


def test_each_method_sets_its_parts() -> None:
    assert parts(erm(PROFILE)) == set()
    assert parts(label_smoothing(PROFILE)) == {"target_matrix"}
    assert parts(class_conditional_smoothing(PROFILE)) == {"target_matrix"}
    assert parts(sam(PROFILE)) == parts(sama(PROFILE)) == {"optimiser"}
    assert parts(tuned(PROFILE)) == {"target_matrix"}
    assert parts(tuned(PROFILE, rho=0.05)) == {"target_matrix", "optimiser"}
    assert tuned(PROFILE).recipe == "tuned"
    assert parts(paper(PROFILE)) == {"target_matrix", "optimiser"}
    assert paper(PROFILE).recipe == "paper"


def test_smoothing_matrices_hold_the_equation() -> None:
    plain = label_smoothing(PROFILE, smoothing=0.3).stages[0].target_matrix
    np.testing.assert_allclose(plain.numpy(), 0.7 * np.eye(3) + 0.1, atol=1e-7)
    eps = np.minimum(per_class(0.05, PROFILE.counts), 0.99)
    expected = (1 - eps)[:, None] * np.eye(3) + eps[:, None] / 3
    matrix = class_conditional_smoothing(PROFILE, smoothing=0.05).stages[0].target_matrix
    np.testing.assert_allclose(matrix.numpy(), expected, atol=1e-7)


def test_optimisers_get_radii_and_rules() -> None:
    assert type(wrapped(sam(PROFILE, rho=0.2))) is SAM
    printed = wrapped(sama(PROFILE, rho=0.1, rule="printed"))
    assert isinstance(printed, SAMA)
    assert printed.radii.argmax() == 0
    assert wrapped(sama(PROFILE)).radii.argmin() == 0
    assert wrapped(tuned(PROFILE, rho=0.3)).param_groups[0]["rho"] == 0.3


@pytest.mark.parametrize("make", [sama, sama_smoothing, joint_ssl_sama, joint_ssl_sama_smoothing, tuned, paper])
def test_every_method_with_sama_takes_its_ways_to_normalise(make: Callable[..., Method]) -> None:
    plain = wrapped(make(PROFILE, rho=0.3, cap=2.0))
    assert isinstance(plain, SAMA)
    assert plain.normalise == "mean_radius"
    capped = wrapped(make(PROFILE, rho=0.3, cap=2.0, normalise="batch_gradient"))
    assert isinstance(capped, SAMA)
    assert (capped.normalise, capped.cap) == ("batch_gradient", 2.0)
    grouped = wrapped(make(PROFILE, rho=0.3, cap=2.0, normalise="grouped"))
    assert isinstance(grouped, GroupedSAMA)
    assert grouped.cap == 2.0
    assert torch.equal(grouped.radii, plain.radii)
    assert grouped.param_groups[0]["rho"] == 0.3
    with pytest.raises(TailtuneError, match=r"normalise must be one of .*'group'\. Did you mean 'grouped'\?"):
        make(PROFILE, normalise="group")
    with pytest.raises(TailtuneError, match="rule=official has one radius for all batches"):
        make(PROFILE, rule="official", normalise="grouped")


def test_grouped_ascents_reach_the_second_stage_of_m2m() -> None:
    second = joint_ssl_sama_m2m(PROFILE, normalise="grouped").stages[1]
    assert isinstance(wrapped(Method("alone", (second,))), GroupedSAMA)


def test_combining_the_same_part_twice_is_refused() -> None:
    both = combine("both", sama(PROFILE), class_conditional_smoothing(PROFILE))
    assert parts(both) == {"target_matrix", "optimiser"}
    with pytest.raises(TailtuneError, match=r"^sam and sama both set optimiser, so they cannot be combined; keep one"):
        combine("wrong", sam(PROFILE), sama(PROFILE))


def test_found_by_file_and_module(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from tailtune.methods.method import Method\n"
        "def mine(profile, *, rho=0.1):\n    return Method(f'mine {rho}')\n"
        "def wrong(profile):\n    return 3\n"
    )
    assert build(f"{file}:mine(rho=0.4)", PROFILE).name == "mine 0.4"
    assert find("tailtune.methods.sama:sama") is sama
    with pytest.raises(TailtuneError, match=r"must return a tailtune.methods.method.Method, however: int"):
        build(f"{file}:wrong", PROFILE)
    with pytest.raises(TailtuneError, match=r"has no function 'mime'. Did you mean 'mine'"):
        find(f"{file}:mime")
    with pytest.raises(TailtuneError, match=r"there is no file"):
        find(f"{tmp_path}/absent.py:mine")
    with pytest.raises(TailtuneError, match=r"cannot import 'no.such'"):
        find("no.such:method")
    with pytest.raises(TailtuneError, match=r"cannot import '' to take the method from: Empty module name"):
        find(":method")


def test_unknown_names_and_settings_are_refused() -> None:
    with pytest.raises(TailtuneError, match=r"there is no method 'tunned'. Did you mean 'tuned'"):
        build("tunned", PROFILE)
    with pytest.raises(TailtuneError, match=r"method 'erm' takes no 'rho'"):
        build("erm(rho=0.1)", PROFILE)
    with pytest.raises(TailtuneError, match=r"method 'sam' takes no 'kappa'"):
        build("sam(kappa=0.5)", PROFILE)
