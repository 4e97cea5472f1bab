"""--compile: the same training up to rounding, no compiling again for a schedule, and one line where it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from training_data import table
from training_runs import RUN, fit

from tailtune.methods import sama

SHORT = replace(RUN, epochs=2, ema=0.0, compile=True)


@pytest.fixture(autouse=True)
def forget_compiled() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def test_compiled_training_is_the_same_up_to_rounding_and_compiles_once() -> None:
    import torch._inductor.config as inductor
    from torch._dynamo.utils import counters

    data = table()
    method = sama(data.profile)
    counters.clear()
    with inductor.patch(fallback_random=True):  # dropout draws as without compiling
        trained, weights, _ = fit(data, method, SHORT)
    assert trained.warnings == ()
    # the two passes of SAM-A differ in what BatchNorm keeps; 18 steps at 18 learning rates add no third graph
    assert counters["stats"]["unique_graphs"] in (1, 2)
    eager, plain, _ = fit(data, method, replace(SHORT, compile=False))
    assert eager.steps == trained.steps == 18
    for name, weight in plain.items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-3, atol=1e-4)


def test_what_cannot_be_compiled_trains_all_the_same_and_says_so() -> None:
    import torch._inductor.config as inductor

    data = table()
    with inductor.patch({"cpp.cxx": ("/nonexistent/compiler",), "force_disable_caches": True}):
        trained, weights, _ = fit(data, sama(data.profile), SHORT)
    (line,) = trained.warnings
    assert "was not compiled" in line
    assert "C++ compiler" in line
    assert "\n" not in line
    plain = fit(data, sama(data.profile), replace(SHORT, compile=False))[1]
    assert all(torch.equal(weights[name], plain[name]) for name in plain)
