"""The balance that a method's probabilities belong to: as stated, and as models that were trained so bear out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gaussian_classes import TWO, draw, log_loss, posterior, profile
from sklearn.linear_model import LogisticRegression
from torch import nn

from tailtune import TabularClassifier
from tailtune.decision.recalibration import unfitted
from tailtune.methods.combine import combine
from tailtune.methods.implied_balance import implied_balance
from tailtune.methods.resolve import build
from tailtune.models.monotone_head import MonotoneHead
from tailtune.profile import ClassProfile

TRAIN = np.array([0.95, 0.05])
ROWS = ClassProfile((80, 15, 5))
SHARES = np.array([0.8, 0.15, 0.05])


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("erm", SHARES),
        ("label_smoothing", SHARES),
        ("mixup", SHARES),
        ("samn", SHARES),
        ("balanced_sampling", np.ones(3)),
        ("square_root_sampling", SHARES**0.5),
        ("progressive_sampling", np.ones(3)),
        ("oversample", np.ones(3)),
        ("undersample", np.ones(3)),
        ("drs", np.ones(3)),
        ("crt", np.ones(3)),
        ("inverse_frequency", np.ones(3)),
        ("class_balanced(beta=0.99)", SHARES * (1 - 0.99) / (1 - 0.99 ** np.array([80, 15, 5]))),
        ("logit_adjustment", np.ones(3)),
        ("logit_adjustment(tau=0.5)", SHARES**0.5),
        ("balanced_softmax", np.ones(3)),
        ("post_hoc_logit_adjustment", np.ones(3)),
        ("post_hoc_logit_adjustment(tau=0.25)", SHARES**0.75),
    ],
)
def test_what_methods_stand_for(method: str, expected: np.ndarray) -> None:
    made, stated = build(method, ROWS), expected / expected.sum()
    np.testing.assert_allclose(implied_balance(made, ROWS), stated, rtol=1e-6)
    if method not in ("mixup", "label_smoothing"):
        joined = combine("joined", build("mixup", ROWS), made)
        np.testing.assert_allclose(implied_balance(joined, ROWS), stated, rtol=1e-6)


@pytest.mark.parametrize(
    "method", ["inverse_frequency", "class_balanced(beta=0.9999)", "balanced_sampling", "square_root_sampling"]
)
def test_logistic_regression_on_weighed_or_drawn_rows_is_calibrated_once_that_is_undone(method: str) -> None:
    """Gaussian classes of one variance are a logistic regression, so that it can be as good as Bayes' rule."""
    rows, fresh, training = draw(TWO, TRAIN, 20_000, 1), draw(TWO, TRAIN, 20_000, 2), profile(TRAIN, 20_000)
    made = build(method, training)
    stage = made.stages[0]
    if stage.sampler is not None:
        shares = stage.sampler.probabilities(training.counts, 1.0)
        each = (np.asarray(shares) / np.bincount(rows.targets))[rows.targets]
        drawn = np.random.default_rng(3).choice(len(rows), 40_000, p=each / each.sum())
        model = LogisticRegression(C=1e6).fit(rows.x[drawn], rows.targets[drawn])
    else:
        assert stage.class_weights is not None
        weights = dict(enumerate(np.asarray(stage.class_weights(1.0)).tolist()))
        model = LogisticRegression(C=1e6, class_weight=weights).fit(rows.x, rows.targets)
    scores = model.predict_proba(fresh.x)
    undone = unfitted(implied_balance(made, training), training)(scores)
    exact = log_loss(posterior(TWO, TRAIN, fresh.x), fresh.targets)
    assert log_loss(undone, fresh.targets) < exact + 0.002
    assert log_loss(scores, fresh.targets) > exact + 0.02
    assert undone[:, 1].mean() == pytest.approx(fresh.targets.mean(), rel=0.1)


@pytest.mark.parametrize("method", ["balanced_sampling", "inverse_frequency"])
def test_a_network_is_calibrated_once_its_balance_is_undone(method: str) -> None:
    rows, fresh = draw(TWO, TRAIN, 3000, 4), draw(TWO, TRAIN, 10_000, 5)
    settings = {"model": "mlp", "epochs": 4, "batch_size": 64, "lr": 1e-3, "selection": "last", "accelerator": "cpu"}
    model = TabularClassifier(method=method, decision="prior", **settings).fit(rows.x, rows.targets)
    exact = log_loss(posterior(TWO, TRAIN, fresh.x), fresh.targets)
    assert log_loss(model.predict_proba(fresh.x), fresh.targets) < exact + 0.02
    raw = model.predictor_.scores(model.predictor_.preprocessor.encode(model._validated(fresh.x)))
    assert log_loss(raw, fresh.targets) > exact + 0.1


def test_a_monotone_head_that_is_trained_to_the_end_has_the_balance_of_its_rows() -> None:
    """Its biases are free, and where the gradient of cross-entropy by them is 0, classes have the rows' frequencies."""
    counts, random = (200, 80, 20), torch.Generator().manual_seed(0)
    targets = torch.repeat_interleave(torch.arange(3), torch.tensor(counts))
    x = torch.randn(300, 5, generator=random, dtype=torch.float64) + torch.eye(3, 5, dtype=torch.float64)[targets]
    head = MonotoneHead(nn.Linear(5, 3, dtype=torch.float64), counts)
    search = torch.optim.LBFGS(head.parameters(), max_iter=2000, tolerance_grad=1e-7, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        search.zero_grad()
        value = nn.functional.cross_entropy(head(x), targets)
        value.backward()
        return value

    search.step(loss)
    means = head(x).softmax(1).mean(0).detach().numpy()
    np.testing.assert_allclose(means, np.array(counts) / 300, atol=1e-4)
    np.testing.assert_allclose(
        implied_balance(build("samn", ClassProfile(counts)), ClassProfile(counts)), means, atol=1e-4
    )
